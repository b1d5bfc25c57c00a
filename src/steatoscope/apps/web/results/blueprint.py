"""The API's and the pages' blueprints of results."""

from __future__ import annotations

from typing import Final

from flask import Blueprint
from flask_openapi3 import APIBlueprint, Tag

api: Final = APIBlueprint(
    "results_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="results", description="Results, their files, viewer, corrections and sign-offs")],
    abp_security=[{"bearer": []}],
)
pages: Final = Blueprint("results", __name__)
