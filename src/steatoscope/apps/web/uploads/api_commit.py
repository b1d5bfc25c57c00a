"""Makes a study of a complete resumable upload, once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.uploads import fields
from steatoscope.apps.web.uploads.accept import accept, answer_of, owner_id
from steatoscope.apps.web.uploads.api_studies import api
from steatoscope.apps.web.uploads.own import own_upload
from steatoscope.apps.web.uploads.schemas import Accepted
from steatoscope.apps.web.uploads.schemas_parts import CommitBody, UploadPath
from steatoscope.apps.wiring import uploads
from steatoscope.apps.wiring.intake import Order, Taken
from steatoscope.pipeline.submit import Staged
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.tables import Job, Study, Upload


@api.post("/uploads/<upload_id>/commit", summary="Make a study of an upload", responses={202: Accepted})
@allow(Right.UPLOAD)
def commit_upload(path: UploadPath, body: CommitBody) -> tuple[dict[str, Any], int]:
    """As ``POST /api/v1/studies``; a second commit answers with the study of the first."""
    with service().database.reading() as session:
        own_upload(session, path.upload_id)
    order = _order(body)
    try:
        with uploads.locked(service(), path.upload_id):
            answer = _commit(path.upload_id, order)
    except uploads.Busy as fault:
        raise Problem.of(
            "E_CONFLICT",
            cause="The upload is being made a study already.",
            remedy="Wait a moment and send again: the answer names the study.",
        ) from fault
    uploads.discard_bytes(service(), path.upload_id)
    return answer


def _commit(upload_id: str, order: Order) -> tuple[dict[str, Any], int]:
    with service().database.reading() as session:
        upload = own_upload(session, upload_id)
        if upload.state == uploads.DONE:
            return _again(session, upload)
        staged = _complete(upload)

    def done(session: Session, study_id: str) -> None:
        row = session.get_one(Upload, upload_id)
        row.state, row.study_id = uploads.DONE, study_id
        for file in row.files:
            file.received = file.size

    return accept(staged, order, done)


def _complete(upload: Upload) -> list[Staged]:
    """The files of an upload that is complete; 409 where bytes are missing."""
    staged, missing = [], 0
    for number, file in enumerate(uploads.files_of(upload)):
        path = uploads.part_path(service(), upload.id, number)
        if uploads.received(service(), upload.id, number) != file.size:
            missing += 1
        elif file.size == 0:
            path.touch()
        staged.append(Staged(file.name, path))
    if missing:
        words = "1 file is" if missing == 1 else f"{missing} files are"
        raise Problem.of("E_CONFLICT", cause=f"{words} not complete.", remedy="Send what is missing first.")
    return staged


def _again(session: Session, upload: Upload) -> tuple[dict[str, Any], int]:
    study = session.get(Study, upload.study_id or "")
    query = select(Job).where(Job.study_id == upload.study_id).order_by(Job.created_at.desc()).limit(1)
    job = session.scalars(query).first()
    if study is None or job is None:
        raise Problem.of("E_NOTFOUND")
    taken = Taken(study.id, job.id, study.patient.subject, duplicate=True, duplicate_of=study.id)
    return answer_of(taken).model_dump(exclude_none=True), 202


def _order(body: CommitBody) -> Order:
    clinical = fields.clinical_field(body.clinical)
    options = fields.options_field(body.modality, body.profile, body.series)
    return Order(
        owner_id=owner_id(),
        subject=fields.text_field("subject", body.subject) or None,
        views=fields.views_field([body.views] if body.views else []),
        clinical=clinical.values,
        options={**options, **fields.reading_options(clinical)},
        description=fields.text_field("description", body.description),
        force=body.force,
    )
