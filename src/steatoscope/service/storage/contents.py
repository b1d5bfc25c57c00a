"""Which contents of the file store the rows use: registered on first use, counted before anything is removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import ColumnElement, Insert, and_, exists, select, union
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_results import Correction, Job, ResultFile
from steatoscope.service.storage.tables_studies import StoredFile, Study
from steatoscope.service.storage.tables_system import Blob

MASK_OPTION = "liver_mask"
_BATCH = 400


def register(session: Session, sizes: Mapping[str, int]) -> None:
    """Note contents (hash to size) in the table of contents; those it has already stay as they are."""
    rows = [{"sha256": sha256, "size": size, "created_at": now()} for sha256, size in sorted(sizes.items())]
    for start in range(0, len(rows), _BATCH):
        session.execute(_insert(session).values(rows[start : start + _BATCH]))


def _insert(session: Session) -> Insert:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(Blob).on_conflict_do_nothing()
    return sqlite.insert(Blob).on_conflict_do_nothing()


def _references() -> list[InstrumentedAttribute[str] | ColumnElement[str]]:
    return [
        StoredFile.sha256,
        ResultFile.sha256,
        Correction.mask_sha256,
        Study.options[MASK_OPTION].as_string(),
        Job.options[MASK_OPTION].as_string(),
    ]


def used(session: Session) -> Iterator[str]:
    """Every hash that some row uses, each once, sorted."""
    parts = [select(column.label("sha256")).where(column.is_not(None)) for column in _references()]
    every = union(*parts).subquery()
    order = every.c.sha256.collate("C") if session.get_bind().dialect.name == "postgresql" else every.c.sha256
    yield from session.scalars(select(every.c.sha256).order_by(order).execution_options(yield_per=5000))


def still_used(session: Session, hashes: Iterable[str]) -> set[str]:
    """Those of the hashes that some row uses."""
    wanted, found = sorted(set(hashes)), set[str]()
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        for column in _references():
            found.update(session.scalars(select(column).where(column.in_(batch)).distinct()))
    return found


def unreferenced(column: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The condition that no row uses the hash in a column."""
    return and_(*(~exists().where(reference == column) for reference in _references()))
