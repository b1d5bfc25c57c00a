"""A cohort with reference fat, image values and clinical values as a CSV table."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from steatoscope.core.clinical_input import clinical_unfit
from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.clinical_files import checked
from steatoscope.pipeline.clinical_table import cell_values
from steatoscope.science.clinical.combined_fit import FEWEST_PATIENTS, Cohort
from steatoscope.science.clinical.combined_variables import variable_vector

SUBJECT: Final = "subject"
SIMULATED_SUBJECT: Final = "SIMULATED-"
REFERENCE: Final = "reference_fat_percent"
IMAGE: Final = "image_fat_percent"
IMAGE_SD: Final = "image_sd_points"
_OWN: Final = (SUBJECT, REFERENCE, IMAGE, IMAGE_SD)


def read_cohort(path: Path, scale: str) -> Cohort:
    """Rows of a CSV table with ``subject``, ``reference_fat_percent`` and clinical names; image columns may be there.

    Reference and image are on ``scale``. Raises E_PATH, E_EMPTY, E_FORMAT with the line, and E_FEW below 30 patients.
    """
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            head = reader.fieldnames or []
            lines = list(reader)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise clinical_unfit(f"it is not a CSV table: {fault}", str(path)) from fault
    if lacking := [name for name in (SUBJECT, REFERENCE) if name not in head]:
        raise clinical_unfit(f"it has no column {' and no column '.join(lacking)}", str(path))
    if not lines:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The cohort has no rows.")
    rows = [_row(line, number, path) for number, line in enumerate(lines, start=2)]
    patients = np.array([subject for subject, _, _ in rows])
    if (count := np.unique(patients).size) < FEWEST_PATIENTS:
        raise too_few(path, f"{count} patients; at least {FEWEST_PATIENTS} are needed.")
    numbers = np.array([own for _, own, _ in rows])
    variables = np.array([values for _, _, values in rows])
    return Cohort(numbers[:, 0], numbers[:, 1], numbers[:, 2], variables, patients, scale)


def too_few(path: Path, cause: str) -> SteatoscopeError:
    """The error of a cohort that is too small for a model."""
    return SteatoscopeError(
        "E_FEW",
        path=str(path),
        message="There are too few patients for a model.",
        cause=cause,
        remedy="Add patients to the cohort, or lower --folds.",
    )


Row = tuple[str, tuple[float, float, float], np.ndarray]


def _row(line: Mapping[str, str], number: int, path: Path) -> Row:
    if None in line or None in line.values():
        raise clinical_unfit(f"line {number} has another number of cells than the head", str(path))
    try:
        values = cell_values({name: text for name, text in line.items() if name not in _OWN}, None)
        clinical = checked(values, None)
    except SteatoscopeError as fault:
        raise clinical_unfit(f"line {number}: {fault.cause.rstrip('.')}", str(path)) from fault
    subject = line[SUBJECT].strip()
    own = tuple(_number(line, name, number, path) for name in _OWN[1:])
    if not subject or np.isnan(own[0]):
        raise clinical_unfit(f"line {number}: {SUBJECT} and {REFERENCE} are needed", str(path))
    return subject, (own[0], own[1], own[2]), variable_vector(clinical)


def _number(line: Mapping[str, str], name: str, number: int, path: Path) -> float:
    """A percentage or an error of one; NaN where the cell is empty. Image values may be negative."""
    text = (line.get(name) or "").strip()
    try:
        value = float(text) if text else float("nan")
    except ValueError as fault:
        raise clinical_unfit(f"line {number}: {name} {text[:40]!r} is not a number", str(path)) from fault
    low = -100.0 if name == IMAGE else 0.0
    if text and not low <= value <= 100.0:
        raise clinical_unfit(f"line {number}: {name} {value:g} lies outside {low:g} to 100", str(path))
    return value
