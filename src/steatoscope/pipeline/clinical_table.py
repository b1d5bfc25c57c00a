"""Clinical values from CSV tables: one row, or one row a subject."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from steatoscope.core.clinical_input import FLAGS, WORDS, clinical_unfit
from steatoscope.core.errors import SteatoscopeError

SUBJECT = "subject"
_GROUPED: Final = re.compile(r"[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True, slots=True)
class ClinicalTable:
    """Rows of text by subject; one row without a column ``subject`` has the subject ""."""

    rows: Mapping[str, Mapping[str, str]]
    path: str | None

    def row(self, subject: str | None) -> dict[str, Any] | None:
        """The values of a subject, or of the only row where none is named; None where the subject is not there.

        Raises E_MIXED where there are several rows and no subject is named, E_FORMAT for a cell that is no number.
        """
        if subject is None or self.rows.keys() == {""}:
            if len(self.rows) > 1:
                raise SteatoscopeError(
                    "E_MIXED",
                    path=self.path,
                    message="The clinical values belong to several patients.",
                    cause=f"The table has {len(self.rows)} rows.",
                    remedy="Name the subject with --subject, or give a table of one row.",
                )
            return cell_values(next(iter(self.rows.values())), self.path)
        found = self.rows.get(subject)
        return None if found is None else cell_values(found, self.path)


def read_table(text: str, path: str | None, *, by_subject: bool = False) -> ClinicalTable:
    """A CSV text with clinical names as columns and, for several patients, ``subject``; comma or semicolon separated.

    Raises E_FORMAT for no table, a subject that stands twice or, with ``by_subject``, no column ``subject``; E_EMPTY
    for no row.
    """
    first = text.lstrip("\ufeff").splitlines()[0] if text.strip() else ""
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter)
    try:
        lines = [line for line in reader if any(cell for cell in line.values())]
    except csv.Error as fault:
        raise clinical_unfit(f"it is not a CSV table: {fault}", path) from fault
    names = [name.strip() for name in reader.fieldnames or ()]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise clinical_unfit(f"columns stand twice: {', '.join(twice)}", path)
    if not lines:
        raise SteatoscopeError("E_EMPTY", path=path, cause="The table of clinical values has no rows.")
    if by_subject and SUBJECT not in (reader.fieldnames or []):
        raise clinical_unfit(f"the table has no column {SUBJECT}", path)
    rows: dict[str, Mapping[str, str]] = {}
    for number, line in enumerate(lines, start=2):
        if None in line or None in line.values():
            raise clinical_unfit(f"line {number} has another number of cells than the head", path)
        subject = line.pop(SUBJECT, "").strip() or (f"line {number}" if len(lines) > 1 else "")
        if subject in rows:
            raise clinical_unfit(f"line {number}: the subject {subject} stands twice", path)
        rows[subject] = line
    return ClinicalTable(rows, path)


def cell_values(line: Mapping[str, str], path: str | None) -> dict[str, Any]:
    """Cells as numbers, flags and words; an empty cell is a missing value. A decimal comma is taken.

    Raises E_FORMAT for what is no number and where a comma may part thousands (``1,025``).
    """
    return {name.strip(): _cell(name.strip(), text.strip(), path) for name, text in line.items() if text.strip()}


def _cell(name: str, text: str, path: str | None) -> Any:
    if name in WORDS:
        return text
    if name in FLAGS:
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in known:
            raise clinical_unfit(f"{name}: {text[:40]!r} is neither yes nor no", path)
        return known[text.lower()]
    if _GROUPED.fullmatch(text):
        raise clinical_unfit(f"{name}: {text[:40]!r} may mean thousands or decimals: write it without the comma", path)
    try:
        return float(text.replace(",", "."))
    except ValueError as fault:
        raise clinical_unfit(f"{name}: {text[:40]!r} is not a number", path) from fault
