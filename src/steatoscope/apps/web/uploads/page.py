"""The upload page."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from steatoscope.apps.web.accounts.identify import in_force
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.uploads import fields
from steatoscope.apps.web.uploads.form import clinical_groups
from steatoscope.science.clinical.grades import PROFILES
from steatoscope.service.access.rights import Right

pages = Blueprint("uploads", __name__)


@pages.get("/upload")
@allow(Right.UPLOAD)
def upload_page() -> ResponseReturnValue:
    """Choose files, check them, say what they are, send them; ``subject`` and ``force`` may be given beforehand."""
    settings = service().settings
    return render_template(
        "uploads/upload.html",
        groups=clinical_groups(),
        profiles=sorted(PROFILES),
        keeps_identity=settings.identity_mode,
        most_bytes=in_force().most_upload_bytes,
        part_bytes=settings.part_bytes,
        subject=fields.text_field("subject", request.args.get("subject")),
        force=fields.flag_field(request.args.get("force")),
    )
