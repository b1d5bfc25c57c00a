"""API: a corrected liver outline, and the job that measures again with it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results.blueprint import api
from steatoscope.apps.web.results.bundles import bundle_hash, open_bundle
from steatoscope.apps.web.results.find import newest_job, the_result, the_study
from steatoscope.apps.web.results.masks import corrected, write_mask
from steatoscope.apps.web.results.schemas import MaskAnswer, MaskBody, StudyPath
from steatoscope.apps.web.results.serve import json_answer
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.job_table import FINAL, add_job
from steatoscope.service.storage.results import add_correction
from steatoscope.service.storage.tables import Job, Result, Study, User


@api.post(
    "/studies/<study_id>/mask", summary="Correct the liver outline and measure again", responses={202: MaskAnswer}
)
@allow(Right.CORRECT)
def post_mask(path: StudyPath, body: MaskBody) -> Response:
    """Edited slices over the outline of the newest version; the new measurement becomes a further version."""
    with service().database.reading() as session:
        base = _base(session, the_study(session, path.study_id), body.base_version)
        sha256 = bundle_hash(session, base)
    with open_bundle(sha256) as bundle:
        mask, meta = corrected(bundle, body)
    with TemporaryDirectory(dir=service().settings.scratch) as folder:
        file = write_mask(mask, meta, Path(folder))
        stored, size = service().blobs.put_file(file)
    with service().database.writing() as session:
        study = session.scalars(select(Study).where(Study.id == base.study_id).with_for_update()).one_or_none()
        base = _base(session, study or the_study(session, path.study_id), body.base_version)
        job = _queued(session, study, base, file.name, stored, size, body)
        answer = MaskAnswer(study_id=base.study_id, job_id=job.id, base_version=base.version)
    return json_answer(answer.model_dump(), 202)


def _base(session: Session, study: Study, version: int) -> Result:
    """The version that the outline was drawn over: the newest one, with no analysis under way; 409 otherwise."""
    newest = the_result(session, study)
    if version > newest.version:
        raise Problem.of("E_INPUT", cause=f"The study has no version {version}.", remedy="Load the page again.")
    if version < newest.version:
        raise Problem.of("E_CONFLICT", cause=f"There is a newer version ({newest.version}).")
    job = newest_job(session, study)
    if job is not None and job.state not in FINAL:
        raise Problem.of(
            "E_CONFLICT", cause="The study is being measured again.", remedy="Wait until that has finished."
        )
    return newest


def _queued(
    session: Session, study: Study | None, base: Result, name: str, stored: str, size: int, body: MaskBody
) -> Job:
    assert study is not None
    user = session.get_one(User, principal().user_id)
    options = {"liver_mask": stored, "liver_mask_name": name, "base_version": base.version}
    attempts = service().settings.most_attempts
    job = add_job(session, study, owner_id=user.id, kind="remeasure", options=options, max_attempts=attempts)
    add_correction(session, base=base, job=job, user=user, mask_sha256=stored, mask_size=size, note=body.note.strip())
    trail.note(
        session, "mask.correct", "study", study.id, subject=study.patient.subject,
        base_version=base.version, planes=len(body.planes), mask_sha256=stored, job_id=job.id,
    )  # fmt: skip
    return job
