"""``POST /api/v1/studies``: one study in one request."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_openapi3 import APIBlueprint, Tag

from steatoscope.apps.web.accounts.identify import in_force
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.uploads import fields
from steatoscope.apps.web.uploads.accept import accept, note_refusal, owner_id
from steatoscope.apps.web.uploads.parts import path_of
from steatoscope.apps.web.uploads.schemas import Accepted, StudyForm
from steatoscope.apps.wiring.intake import Order
from steatoscope.pipeline.submit import Staged
from steatoscope.service.access.rights import Right

api = APIBlueprint(
    "uploads_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="uploads", description="Sending studies")],
    abp_security=[{"bearer": []}],
)
_FILE_FIELDS = ("files", "files[]", "file")


@api.post("/studies", summary="Send a study and queue its analysis", responses={202: Accepted})
@allow(Right.UPLOAD)
def send_study(form: StudyForm) -> tuple[dict[str, Any], int]:
    """Files are judged before the answer: format, archive, size, truncation. All else is the job's outcome.

    The same content for the same patient, with the same views, values and options, is the study that is there
    already: the answer names it with ``duplicate: true``. ``force`` takes it again.
    """
    found = [storage for name in _FILE_FIELDS for storage in request.files.getlist(name)]
    staged = [Staged(storage.filename or "file", path_of(storage)) for storage in found]
    if sum(file.path.stat().st_size for file in staged) > in_force().most_upload_bytes:
        note_refusal("E_TOOLARGE", len(staged))
        raise Problem.of("E_TOOLARGE")
    return accept(staged, _order())


def _order() -> Order:
    given = request.form
    attached = request.files.get("clinical")
    clinical = fields.clinical_field(path_of(attached).read_bytes() if attached is not None else given.get("clinical"))
    options = fields.options_field(given.get("modality"), given.get("profile"), given.get("series"))
    return Order(
        owner_id=owner_id(),
        subject=fields.text_field("subject", given.get("subject")) or None,
        views=fields.views_field(given.getlist("views")),
        clinical=clinical.values,
        options={**options, **fields.reading_options(clinical)},
        description=fields.text_field("description", given.get("description")),
        force=fields.flag_field(given.get("force")),
    )
