"""Hands uploaded files to the intake, records it, and answers with the study and its job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.uploads.schemas import Accepted, LeftOutFile
from steatoscope.apps.wiring.intake import Order, Taken, take_in
from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.submit import Staged
from steatoscope.service.storage.tables import Study


def accept(
    staged: Sequence[Staged], order: Order, also: Callable[[Session, str], None] | None = None
) -> tuple[dict[str, Any], int]:
    """Take a study in and answer 202; a refusal is recorded and raised. ``also`` runs in the same transaction."""

    def note(session: Session, study: Study, duplicate: bool) -> None:
        trail.note(
            session, "study.upload", "study", study.id, subject=study.patient.subject, duplicate=duplicate,
            files=len(staged),
        )  # fmt: skip
        if also is not None:
            also(session, study.id)

    try:
        taken = take_in(service(), staged, order, note)
    except SteatoscopeError as fault:
        note_refusal(fault.code, len(staged))
        raise Problem.from_fault(fault) from fault
    except ValueError as fault:
        note_refusal("E_INPUT", len(staged))
        raise Problem.of("E_INPUT", cause=_sentence(str(fault))) from fault
    return answer_of(taken).model_dump(exclude_none=True), 202


def note_refusal(code: str, files: int) -> None:
    """Record that an upload was refused; names of files are not kept, as they may name a patient."""
    with service().database.writing() as session:
        trail.note(session, "study.upload", "study", outcome="refused", code=code, files=files)


def owner_id() -> str:
    """Who uploads; the door has let in only people who are known."""
    found = principal().user_id
    assert found is not None
    return found


def answer_of(taken: Taken) -> Accepted:
    """The answer's document."""
    return Accepted(
        study_id=taken.study_id,
        job_id=taken.job_id,
        subject=taken.subject,
        duplicate=taken.duplicate,
        duplicate_of=taken.duplicate_of,
        similar_subject=taken.similar_subject,
        left_out=[LeftOutFile(name=one.name, reason=one.reason) for one in taken.left_out],
        status_url=f"/api/v1/jobs/{taken.job_id}",
        page_url=f"/studies/{taken.study_id}/status",
    )


def _sentence(words: str) -> str:
    words = words[:1].upper() + words[1:]
    return words if words.endswith(".") else f"{words}."
