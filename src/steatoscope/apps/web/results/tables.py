"""The values of a result as CSV and as an Excel workbook, each with the disclaimer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from steatoscope.core.report import Report
from steatoscope.service.report.content import present
from steatoscope.service.report.wording import SHORT_SCALES
from steatoscope.service.storage.tables import Result, Study

DISCLAIMER: Final = "Research and decision support, not a diagnosis: a qualified clinician reviews every result."
HEAD: Final = ("name", "value", "unit", "low", "high", "level", "method", "quality")
_GROUPS: Final = (("Measurements", "findings"), ("Comparison", "comparison"), ("Provenance", "methods"))
_WIDEST: Final = 60


def csv_bytes(study: Study, result: Result) -> bytes:
    """Headline and measurements as CSV (UTF-8): a row each, the disclaimer last."""
    report = Report.model_validate(result.report)
    stream = io.StringIO()
    lines = csv.writer(stream)
    lines.writerow(("study", "subject", "version", *HEAD))
    for row in _values(report):
        lines.writerow(safe((study.id, study.patient.subject, result.version, *row)))
    return stream.getvalue().encode("utf-8")


def _values(report: Report) -> Iterator[tuple[Any, ...]]:
    """Rows of :data:`HEAD`."""
    fat, grade = report.fat, report.grade
    if fat is not None:
        bounds = fat.interval
        unit = SHORT_SCALES[fat.scale]
        yield "fat", fat.value_percent, unit, bounds.low, bounds.high, bounds.level, fat.method, report.quality.status
    if grade is not None:
        yield "grade", grade.label, f"profile {grade.profile}", "", "", grade.level, "", ""
    if report.error is not None:
        yield "refused", report.error.code, "", "", "", "", report.error.message, ""
    for part in report.measurements:
        span = (part.interval.low, part.interval.high, part.interval.level) if part.interval else ("", "", "")
        yield part.name, "" if part.value is None else part.value, part.unit, *span, part.method, part.quality
    for code in report.quality.codes:
        yield "remark", code.code, "", "", "", "", code.message, ""
    yield "disclaimer", "", "", "", "", "", DISCLAIMER, ""


def safe(cells: Sequence[Any]) -> list[Any]:
    """Cells in which a spreadsheet takes no text for a formula."""
    return [f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell for cell in cells]


def xlsx_bytes(study: Study, result: Result) -> bytes:
    """The report as a workbook: result, measurements with intervals, comparison, provenance, quality."""
    from openpyxl import Workbook

    report = Report.model_validate(result.report)
    book: Any = Workbook()
    book.remove(book.active)
    _sheet(book, "Result", [*_headline(report, study, result)])
    _sheet(book, "Values", [HEAD, *_values(report)])
    for title, group in _GROUPS:
        rows: list[Sequence[Any]] = []
        for table in present(report).group(group):
            rows += [(table.title,), table.head, *table.rows, ()]
        _sheet(book, title, rows)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _headline(report: Report, study: Study, result: Result) -> Iterator[tuple[Any, ...]]:
    content = present(report)
    if content.simulated:
        yield (content.simulated, "")
    yield from content.facts
    yield "Study", study.id
    yield "Version", f"{result.version} ({result.kind})"
    if content.headline is not None:
        yield "Liver fat", content.headline.value
        yield "Interval", content.headline.interval
        yield "Scale", f"{content.headline.scale}. {content.headline.scale_note}"
        yield "Grade", content.headline.grade
        yield "", content.headline.grade_basis
    if content.refusal is not None:
        yield "Refused", f"{content.refusal.code} {content.refusal.message}"
        yield "Cause", content.refusal.cause
        yield "Remedy", content.refusal.remedy
    yield "Quality", content.status_text
    yield from content.remarks
    yield "Report digest", result.report_digest
    yield "Intended use", content.intended_use
    yield "Disclaimer", DISCLAIMER


def _sheet(book: Any, title: str, rows: Sequence[Sequence[Any]]) -> None:
    from openpyxl.styles import Alignment, Font

    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(safe(row))
    for row in sheet.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        row[0].font = Font(bold=True)
    for column in sheet.columns:
        longest = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[column[0].column_letter].width = min(max(longest + 2, 10), _WIDEST)
    sheet.oddFooter.center.text = DISCLAIMER
