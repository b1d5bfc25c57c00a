"""The record of one version as a PDF of its own: who corrected the outline, who signed off, and whether it is current.

The stored report never changes; what happened to it afterwards is told here, drawn when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from steatoscope.core.report import Report
from steatoscope.service.report import pdf_blocks as blocks
from steatoscope.service.report.content import Content, present
from steatoscope.service.report.formatting import clip
from steatoscope.service.report.pdf import build_pdf
from steatoscope.service.report.pdf_style import styles
from steatoscope.service.report.tables import Table
from steatoscope.service.report.wording import GRADES

HEADING: Final = "Record of the report"
UNSIGNED: Final = "Not signed off: no clinician has signed this version."
DISCLAIMER: Final = "Research and decision support, not a diagnosis: a qualified clinician reviews every result."
LONGEST_LINE: Final = 4000


@dataclass(frozen=True, slots=True)
class SignOff:
    """A clinician's word on one version."""

    user: str
    decision: str
    grade: str | None
    comment: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one version beside its report.

    ``corrector``, ``corrected_at`` and ``note`` belong to a corrected outline. ``newest`` is the number of the newest
    version; ``sign_offs`` are those of this version, newest first.
    """

    study: str
    subject: str
    version: int
    newest: int
    kind: str
    made_at: datetime
    drawn_at: datetime
    sign_offs: tuple[SignOff, ...] = ()
    corrector: str = ""
    corrected_at: datetime | None = None
    note: str = ""


def render_record(report: Report, record: Record) -> bytes:
    """The record as PDF bytes, with the furniture of the report on every page."""
    content = replace(present(report), heading=HEADING, title=f"{HEADING} – {clip(record.subject, 80)}")
    return build_pdf(content, [*_facts(content, report, record), *_signed(record), *_end(content)])


def _facts(content: Content, report: Report, record: Record) -> Iterator[Any]:
    yield from blocks.simulated(content)
    yield blocks.text(f"Version {record.version} of {record.newest}", styles().grade)
    if record.version < record.newest:
        yield blocks.text(f"A newer version exists: version {record.newest}.", styles().alarm)
    yield Spacer(0, 2 * mm)
    yield from blocks.table(
        Table("record", "This version", ("", ""), tuple(_rows(content, report, record)), (0.2, 0.8))
    )
    if record.note:
        yield blocks.text("Note on the correction", styles().subheading)
        yield from _lines(record.note)


def _rows(content: Content, report: Report, record: Record) -> Iterator[tuple[str, str]]:
    yield "Subject (pseudonym)", clip(record.subject, 80)
    yield "Study", record.study
    yield "Outline", _outline(record)
    yield "Measured", _moment(record.made_at)
    yield "Result", _result(content)
    yield "Report digest", report.provenance.report_digest
    yield "Record drawn", _moment(record.drawn_at)


def _outline(record: Record) -> str:
    if record.kind != "corrected":
        return "machine"
    name = clip(record.corrector, 80) or "a user who is no longer known"
    at = f" at {_moment(record.corrected_at)}" if record.corrected_at else ""
    return f"corrected by {name}{at}"


def _result(content: Content) -> str:
    head = content.headline
    if head is None:
        return f"No fat value: {content.refusal.message}" if content.refusal else "No fat value"
    return f"{head.value}, {head.interval}; {head.scale}; {head.grade}"


def _signed(record: Record) -> Iterator[Any]:
    yield from blocks.heading("Sign-off of this version")
    if not record.sign_offs:
        yield blocks.text(UNSIGNED, styles().strong)
    for one in record.sign_offs:
        yield blocks.text(_words(one), styles().strong)
        yield from _lines(one.comment)
        yield Spacer(0, 1.5 * mm)


def _words(one: SignOff) -> str:
    grade = GRADES.get(one.grade, one.grade) if one.grade else "no grade"
    done = "agrees" if one.decision == "agree" else "amends the grade"
    return f"{_moment(one.signed_at)}: {clip(one.user, 80)} {done}: {grade}"


def _lines(words: str) -> list[Any]:
    return [blocks.text(clip(line, LONGEST_LINE), styles().body) for line in words.splitlines() if line.strip()]


def _end(content: Content) -> list[Any]:
    told = "The report itself is a document of its own and stays as it was measured; the digest above names it."
    return [Spacer(0, 4 * mm), blocks.text(told, styles().note), blocks.text(DISCLAIMER, styles().strong)]


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"
