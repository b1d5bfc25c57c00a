"""The blueprint that all pages of accounts share, so that their endpoints are ``accounts.NAME``."""

from __future__ import annotations

from flask import Blueprint

pages = Blueprint("accounts", __name__)
