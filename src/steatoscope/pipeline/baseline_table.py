"""A site's healthy cohort as a CSV table: one row a person, checked line by line."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.baseline_health import SIMULATED
from steatoscope.science.clinical.site_reference import Cohort, Person

SCALES: Final = ("pdff", "mrs_pdff", "dixon_sff", "ct_pdff_equiv", "histology", "us_model")
COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fat_percent": "fat",
        "liver_hu": "liver_hu",
        "spleen_hu": "spleen_hu",
        "liver_minus_spleen_hu": "liver_minus_spleen_hu",
        "heterogeneity": "heterogeneity",
        "liver_volume_ml": "liver_volume",
        "spleen_volume_ml": "spleen_volume",
        "r2star": "r2star",
        "hepatorenal_index": "hepatorenal_index",
    }
)
_SCALE_COLUMNS: Final = ("fat_scale", "scale")
_ABOUT: Final = {"age_years": "age", "age": "age", "sex": "sex", "bmi_kg_m2": "bmi", "bmi": "bmi"}
_RANGES: Final = {
    "age": (18.0, 120.0),
    "bmi": (12.0, 80.0),
    "fat": (-3.0, 100.0),
    "liver_hu": (-100.0, 150.0),
    "spleen_hu": (-100.0, 150.0),
    "liver_minus_spleen_hu": (-150.0, 150.0),
    "heterogeneity": (0.0, 1000.0),
    "liver_volume": (100.0, 20000.0),
    "spleen_volume": (5.0, 10000.0),
    "r2star": (0.0, 5000.0),
    "hepatorenal_index": (0.0, 20.0),
}
"""What a value can be; a fat fraction falls below 0 by noise alone (CT by its equation: see ``_CT_FAT``)."""
_CT_FAT: Final = (-15.0, 100.0)
_SIMULATED_CODE: Final = "W_SIMULATED"
_SEXES: Final = {"f": "F", "female": "F", "m": "M", "male": "M", "o": None, "other": None, "": None}
_LARGEST_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its number in the file, and its cells by column."""

    line: int
    cells: Mapping[str, str]
    comma: bool = False

    def get(self, name: str) -> str:
        """The cell of a column, "" where it is empty or missing."""
        return self.cells.get(name, "")

    @property
    def simulated(self) -> bool:
        """Whether the row is of simulated images."""
        return _SIMULATED_CODE in self.get("codes").split() or self.get("simulated").lower() == "yes"


def read_cohort(path: Path, scale: str | None = None) -> tuple[Cohort, dict[str, str]]:
    """The people of a CSV table, and what the card says of them; refused studies (``status``) are left out.

    Raises E_PATH, E_EMPTY, E_FORMAT (columns or numbers that do not fit) or E_SCALE (no scale of fat, or several).
    """
    rows = [row for row in _rows(path) if row.get("status") != "refused"]
    if not rows:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The cohort has no rows.")
    _check_persons(rows, path)
    columns = {name: quantity for name, quantity in COLUMNS.items() if name in rows[0].cells}
    if not columns:
        raise _unfit(path, f"It has none of the columns {', '.join(COLUMNS)}.")
    found = _scale(rows, scale, path) if "fat" in columns.values() else ""
    values = {
        quantity: np.array([_number(row, name, quantity, path, found) for row in rows])
        for name, quantity in columns.items()
    }
    people = tuple(_person(row, path) for row in rows)
    return Cohort(people, values, found), _facts(rows, people, path)


def _rows(path: Path) -> list[Row]:
    """The rows of a table with commas, or with semicolons and then perhaps decimal commas."""
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    if path.stat().st_size > _LARGEST_BYTES:
        raise _unfit(path, "It is larger than 32 MiB.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        comma = first.count(";") > first.count(",")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if comma else ",")
        names = [name.strip() for name in reader.fieldnames or ()]
        rows = [Row(reader.line_num, _cells(line), comma) for line in reader]
    except (UnicodeDecodeError, csv.Error) as fault:
        raise _unfit(path, f"It is not a CSV table: {fault}.") from fault
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise _unfit(path, f"Columns stand twice: {', '.join(twice)}.")
    return rows


def _cells(line: Mapping[str, str | list[str] | None]) -> dict[str, str]:
    return {k.strip(): (v or "").strip() for k, v in line.items() if k and not isinstance(v, list)}


def _check_persons(rows: Sequence[Row], path: Path) -> None:
    """One row a person: visits of one person are no further people, and percentiles count people."""
    subjects = [subject for row in rows if (subject := row.get("subject"))]
    if twice := [subject for subject in dict.fromkeys(subjects) if subjects.count(subject) > 1]:
        raise _unfit(path, f"{len(twice)} subjects stand in several rows, the first is {twice[0]}: one row a person.")


def _unfit(path: Path, cause: str) -> SteatoscopeError:
    return SteatoscopeError(
        "E_FORMAT",
        path=str(path),
        message="The cohort does not fit.",
        cause=cause,
        remedy="Correct the table; docs/how-to/baseline.md names the columns and their units.",
    )


def _number(row: Row, name: str, kind: str, path: Path, scale: str = "") -> float:
    text = row.get(name)
    if not text:
        return math.nan
    low, high = _CT_FAT if kind == "fat" and scale == "ct_pdff_equiv" else _RANGES[kind]
    try:
        value = float(text.replace(",", ".") if row.comma else text)
    except ValueError:
        raise _unfit(path, f"Line {row.line}: {name} is not a number.") from None
    if not low <= value <= high:
        adults = " (a reference is of adults)" if kind == "age" and value < low else ""
        raise _unfit(path, f"Line {row.line}: {name} is {value:g}, outside {low:g} to {high:g}{adults}.")
    return value


def _person(row: Row, path: Path) -> Person:
    known = {kind: name for name, kind in _ABOUT.items() if row.get(name)}
    age = _number(row, known["age"], "age", path) if "age" in known else None
    if "bmi" in known:
        _number(row, known["bmi"], "bmi", path)
    sex = row.get("sex").lower()
    if sex not in _SEXES:
        raise _unfit(path, f"Line {row.line}: sex is F or M, not {row.get('sex')!r}.")
    return Person(_SEXES[sex], age)


def _scale(rows: Sequence[Row], given: str | None, path: Path) -> str:
    """The one scale of all fat values; raises E_SCALE where there is none, are several, or it is not known."""
    named = {row.get(c) for row in rows for c in _SCALE_COLUMNS if row.get("fat_percent") and row.get(c)}
    found = named | ({given} if given else set())
    if len(found) == 1 and found <= set(SCALES):
        return found.pop()
    cause = f"The values are on {', '.join(sorted(found))}." if found else "Neither the table nor --scale names it."
    raise SteatoscopeError(
        "E_SCALE",
        path=str(path),
        message="The scale of the cohort's fat values is mixed or not named.",
        cause=cause,
        remedy=f"Keep the values of one scale and name it: {', '.join(SCALES)}.",
    )


def _facts(rows: Sequence[Row], people: Sequence[Person], path: Path) -> dict[str, str]:
    """What the table itself tells for the card."""
    ages = sorted(one.age_years for one in people if one.age_years is not None and math.isfinite(one.age_years))
    sexes = [sum(one.sex == sex for one in people) for sex in ("F", "M")]
    name = next((name for name in ("bmi_kg_m2", "bmi") if any(row.get(name) for row in rows)), "")
    bmi = sorted(_number(row, name, "bmi", path) for row in rows if name and row.get(name))
    told = {"n": str(len(people)), "table_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    if any(row.simulated for row in rows):
        told[SIMULATED] = _simulated_words(rows, path)
    if any(sexes):
        told["sex"] = f"{sexes[0]} women, {sexes[1]} men"
    if ages:
        told["age"] = f"median {np.median(ages):.0f} years, {ages[0]:.0f} to {ages[-1]:.0f}"
    if bmi:
        told["bmi"] = f"median {np.median(bmi):.1f} kg/m2, {bmi[0]:.1f} to {bmi[-1]:.1f}"
    return told


def _simulated_words(rows: Sequence[Row], path: Path) -> str:
    """What the card says of a table of simulated images; raises E_FORMAT where real and simulated are mixed."""
    if real := [row for row in rows if not row.simulated]:
        raise _unfit(
            path, f"{len(rows) - len(real)} rows are of simulated images and {len(real)} are not: keep one kind."
        )
    return "all values are of simulated images; for simulated studies only"
