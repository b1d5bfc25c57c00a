"""The blueprints that all pages and all API routes of the administration share."""

from __future__ import annotations

from flask import Blueprint
from flask_openapi3 import APIBlueprint, Tag

pages = Blueprint("admin", __name__)
api = APIBlueprint(
    "admin_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="administration")], abp_security=[{"bearer": []}]
)
