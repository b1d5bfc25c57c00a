"""Checks that rows and stored contents fit together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, exists, literal, or_, select
from sqlalchemy.orm import Session, aliased

from steatoscope.service.storage.base import now
from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.contents import still_used, used
from steatoscope.service.storage.dump import content_hash
from steatoscope.service.storage.tables_results import Correction, Job, Result, ResultFile
from steatoscope.service.storage.tables_studies import StoredFile, Study
from steatoscope.service.storage.tables_system import Blob

MOST_PROBLEMS: Final = 1000
REPORT: Final = "report.json"
FRESH_S: Final = 3600.0
_BATCH: Final = 400


def check_consistency(session: Session, blobs: BlobStore, *, deep: bool = False) -> list[str]:
    """What does not fit (at most 1000 findings, each a sentence); empty where all is well.

    ``deep`` also reads every content and compares its hash. Contents that nobody uses count only when they are older
    than an hour: a younger one may belong to a study that is just being made.
    """
    problems: list[str] = []
    for problem in _all(session, blobs, deep):
        problems.append(problem)
        if len(problems) >= MOST_PROBLEMS:
            break
    return problems


def _all(session: Session, blobs: BlobStore, deep: bool) -> Iterator[str]:
    yield from _dangling(session)
    yield from _sizes(session, blobs)
    if deep:
        yield from _hashes(session, blobs)
    limit = now() - timedelta(seconds=FRESH_S)
    for sha256 in unused(session, blobs):
        try:
            if blobs.facts(sha256).stored_at < limit:
                yield f"content {sha256} is used by nothing ('steatoscope db gc' removes it)"
        except KeyError:
            continue


def _dangling(session: Session) -> Iterator[str]:
    if session.get_bind().dialect.name == "sqlite":
        for row in session.connection().exec_driver_sql("PRAGMA foreign_key_check"):
            yield f"a row of {row[0]} refers to a row of {row[2]} that is gone"
    for words, query in _queries():
        for identifier in session.scalars(query.limit(MOST_PROBLEMS)):
            yield words.format(identifier)


def _queries() -> Iterator[tuple[str, Select[Any]]]:
    current, base, job = aliased(Result), aliased(Result), aliased(Job)
    yield (
        "study {} names a current result that is not one of its own",
        select(Study.id).where(
            Study.current_result_id.is_not(None),
            ~exists().where(current.id == Study.current_result_id, current.study_id == Study.id),
        ),
    )
    yield "study {} has no job", select(Study.id).where(~exists().where(Job.study_id == Study.id))
    yield (
        "study {} is done but has no result",
        select(Study.id).where(Study.state.in_(["done", "refused"]), Study.current_result_id.is_(None)),
    )
    yield "study {} has no files", select(Study.id).where(~exists().where(StoredFile.study_id == Study.id))
    yield (
        f"result {{}} has no {REPORT}",
        select(Result.id).where(~exists().where(ResultFile.result_id == Result.id, ResultFile.name == REPORT)),
    )
    yield "result {} names a job that is gone", select(Result.id).where(~exists().where(job.id == Result.job_id))
    yield (
        "correction {} names a result or a job that is gone",
        select(Correction.id).where(
            or_(~exists().where(base.id == Correction.base_result_id), ~exists().where(job.id == Correction.job_id))
        ),
    )


def _sizes(session: Session, blobs: BlobStore) -> Iterator[str]:
    """Contents that are missing, or of another size than their rows say."""
    sources: list[tuple[str, Any]] = [
        ("study", select(StoredFile.study_id, StoredFile.sha256, StoredFile.size)),
        ("result", select(ResultFile.result_id, ResultFile.sha256, ResultFile.size)),
        ("the table of contents", select(literal(""), Blob.sha256, Blob.size).where(_in_use(Blob.sha256))),
        ("correction", select(Correction.id, Correction.mask_sha256, literal(None))),
    ]
    for kind, query in sources:
        for identifier, sha256, size in session.execute(query.execution_options(yield_per=2000)):
            where = f"{kind} {identifier}".strip()
            try:
                found = blobs.facts(sha256).size
            except KeyError:
                yield f"{where}: content {sha256} is missing"
                continue
            if size is not None and found != size:
                yield f"{where}: content {sha256} has {found} bytes instead of {size}"


def _in_use(column: Any) -> Any:
    """Files of studies and results are judged by their own rows; here only that nothing else is asked for."""
    return or_(exists().where(StoredFile.sha256 == column), exists().where(ResultFile.sha256 == column))


def _hashes(session: Session, blobs: BlobStore) -> Iterator[str]:
    for sha256 in used(session):
        if (found := content_hash(blobs, sha256)) not in {sha256, "missing"}:
            yield f"content {sha256} is damaged: its hash is {found}"


def unused(session: Session, blobs: BlobStore) -> Iterator[str]:
    """Contents in the store that no row uses."""
    batch: list[str] = []
    for sha256 in blobs.all():
        batch.append(sha256)
        if len(batch) == _BATCH:
            yield from sorted(set(batch) - still_used(session, batch))
            batch = []
    yield from sorted(set(batch) - still_used(session, batch))
