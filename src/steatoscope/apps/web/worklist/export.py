"""Tables of the filtered list as CSV (streamed) and Excel (written row by row): pseudonymised and audited."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO, Any, Final

from flask import Response
from flask_openapi3 import APIBlueprint

from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.trail import note
from steatoscope.apps.web.worklist.query import TableQuery, address_part, filter_of
from steatoscope.apps.web.worklist.table import NOTICE, column_names, dictionary, guarded, guarded_row, row_of
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.study_filter import StudyFilter
from steatoscope.service.storage.study_lists import stream_studies

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LINES_AT_ONCE: Final = 200
_BYTES_AT_ONCE: Final = 256 * 1024
_WIDTHS: Final = {"study": 34, "subject": 20, "codes": 30, "fat_method": 30, "report_digest": 20, "notice": 40}


def csv_answer(chosen: StudyFilter, query: TableQuery) -> Response:
    """The table as CSV, sent while it is read; the audit entry is written first."""
    _note_export(chosen, query, "csv")
    response = Response(_csv_lines(service().database, chosen, query), mimetype=CSV)
    response.headers["Content-Disposition"] = "attachment; filename=studies.csv"
    return response


def xlsx_answer(chosen: StudyFilter, query: TableQuery) -> Response:
    """The table as an Excel workbook with its data dictionary and the terms of use."""
    import tempfile

    _note_export(chosen, query, "xlsx")
    file = tempfile.TemporaryFile(dir=service().settings.scratch)  # noqa: SIM115 closed where it has been sent
    _write_workbook(chosen, query, file)
    response = Response(_sent(file), mimetype=XLSX)
    response.content_length = file.tell()
    response.headers["Content-Disposition"] = "attachment; filename=studies.xlsx"
    file.seek(0)
    return response


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_BYTES_AT_ONCE):
            yield chunk


def _note_export(chosen: StudyFilter, query: TableQuery, kind: str) -> None:
    asked = address_part(query)
    if "q" in asked:
        asked["q"] = True  # the words may be a name
    if chosen.ids is not None:
        asked["ids"] = list(chosen.ids)
    with service().database.writing() as session:
        note(session, "study.export", "study", subject=query.subject or "", format=kind, filter=asked)


def _rows(database: Database, chosen: StudyFilter, query: TableQuery) -> Iterator[list[Any]]:
    with database.reading() as session:
        for study in stream_studies(session, chosen, sort=query.sort, down=query.order == "desc"):
            yield guarded_row(row_of(study))


def _csv_lines(database: Database, chosen: StudyFilter, query: TableQuery) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(column_names())
    for number, row in enumerate(_rows(database, chosen, query), start=1):
        writer.writerow(row)
        if number % _LINES_AT_ONCE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _write_workbook(chosen: StudyFilter, query: TableQuery, file: IO[bytes]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheets = (
        ("Studies", column_names(), _rows(service().database, chosen, query)),
        (
            "Data dictionary",
            ["column", "unit", "meaning"],
            ([guarded(v) for v in row.values()] for row in dictionary()),
        ),
        ("Read me", ["notice"], iter([[NOTICE], [_simulated_words()], [_scale_words()]])),
    )
    for title, header, rows in sheets:
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        for index, name in enumerate(header, start=1):
            sheet.column_dimensions[get_column_letter(index)].width = _WIDTHS.get(name, 16)
        cells = [WriteOnlyCell(sheet, value=name) for name in header]
        for cell in cells:
            cell.font = Font(bold=True)
        sheet.append(cells)
        for row in rows:
            sheet.append(row)
    book.save(file)
    file.seek(0, io.SEEK_END)


def _simulated_words() -> str:
    return "Rows with simulated = yes come from simulated images; never mix them with real ones."


def _scale_words() -> str:
    return "fat_percent is on the scale named in fat_scale; values of different scales must not be mixed."


def register(api: APIBlueprint) -> None:
    """Add the routes of tables."""

    @api.get(
        "/studies.csv",
        summary="The list as CSV",
        security=[{"bearer": []}],
        responses={200: {"description": "CSV table", "content": {CSV: {"schema": {"type": "string"}}}}},
    )
    @allow(Right.READ, Right.EXPORT)
    def studies_csv(query: TableQuery) -> Response:
        """Pseudonymised: no identity, no file names, the month instead of the day."""
        return csv_answer(filter_of(query), query)

    @api.get(
        "/studies.xlsx",
        summary="The list as an Excel workbook",
        security=[{"bearer": []}],
        responses={
            200: {"description": "Workbook", "content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}}
        },
    )
    @allow(Right.READ, Right.EXPORT)
    def studies_xlsx(query: TableQuery) -> Response:
        """As the CSV table, with a data dictionary on a sheet of its own."""
        return xlsx_answer(filter_of(query), query)
