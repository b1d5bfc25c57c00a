"""Clinical values beside the pictures: read by subject, completed and standardised on training patients only."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.clinical_input import ClinicalInput, parse_clinical
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.imaging.io.hashing import sha256_file
from steatoscope.learning.training.grading_data import GradingSet, Rows
from steatoscope.learning.training.sets import Sample

OWN: Final = "manifest"
SUBJECT: Final = "subject"
_NAMED: Final = 3
_SEXES: Final[Mapping[str, float]] = {"F": 0.0, "female": 0.0, "M": 1.0, "male": 1.0}
Values = NDArray[np.float64]
Known = dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Covariates:
    """Clinical values (patients, k) by name in the patients' order, NaN where unknown.

    Truth values are 0 or 1, ``sex`` is 0 for female and 1 for male. ``sha256`` is that of the table they came from.
    """

    names: tuple[str, ...]
    values: Values
    sha256: str | None = None

    @property
    def words(self) -> str:
        """The names, or their number where they are many."""
        return ", ".join(self.names) if len(self.names) <= _NAMED else f"{len(self.names)} clinical values"

    def fitted(self, learn: Rows) -> Values:
        """The values as a network takes them, (patients, columns): nothing is learnt from others than ``learn``.

        A value that all of ``learn`` lack is left out. What is unknown takes the median of ``learn``, and where some
        of them lack it a column says so (1: unknown). Values have mean 0 and spread 1 over ``learn``.
        """
        known = self.values[:, np.isfinite(self.values[learn]).any(axis=0)]
        missing = ~np.isfinite(known)
        full = np.where(missing, np.nanmedian(known[learn], axis=0), known) if known.size else known
        spread = np.maximum(full[learn].std(axis=0), 1e-6)
        said = missing[:, missing[learn].any(axis=0)].astype(np.float64)
        return np.concatenate([(full - full[learn].mean(axis=0)) / spread, said], axis=1)

    def document(self) -> dict[str, Any]:
        """Names, how many patients lack each, and the table's hash, for the manifest."""
        lacking = {name: int(np.isnan(column).sum()) for name, column in zip(self.names, self.values.T, strict=True)}
        return {"names": list(self.names), "unknown": lacking, "sha256": self.sha256}


def covariates_of(data: GradingSet, given: str | None) -> Covariates | None:
    """What is known of the patients: from a CSV by subject, beside age and sex of the manifest; None for nothing.

    ``given`` is the table's path, or "manifest" for age and sex alone. Raises UsageError where the manifest has
    neither, and what :func:`read_table` raises; E_ANNOTATION where no subject of the set is in the table.
    """
    if given is None:
        return None
    own = _of_samples(data.source.samples)
    if given == OWN:
        if not own:
            raise UsageError("--covariates manifest: no row of the manifest has an age or a sex")
        return _joined(data.names, {}, own, None)
    path = Path(given)
    table = read_table(path)
    if not table.keys() & set(data.names):
        cause = f"None of its {len(table)} subjects, as {next(iter(table))}, is one of the images, as {data.names[0]}."
        raise SteatoscopeError("E_ANNOTATION", path=given, cause=cause)
    return _joined(data.names, table, own, sha256_file(path))


def read_table(path: Path) -> Known:
    """Clinical values by subject from a CSV with ``subject`` and names of the clinical input.

    Raises E_PATH, E_FORMAT for an unknown column or a value out of range, with the line, and E_ANNOTATION for a missing
    column or entry of ``subject`` or a subject that is there twice, E_EMPTY without rows.
    """
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path), cause="The table of covariates was not found.")
    found: Known = {}
    for number, line in enumerate(_lines(path), start=2):
        subject = (line.pop(SUBJECT, None) or "").strip()
        if not subject:
            raise SteatoscopeError("E_ANNOTATION", path=str(path), cause=f"Line {number} names no subject.")
        if subject in found:
            raise SteatoscopeError("E_ANNOTATION", path=str(path), cause=f"Line {number}: {subject} is there twice.")
        found[subject] = _checked(line, path, f"Line {number}")
    if not found:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The table has no rows.")
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restkey="more entries than columns")
            columns = list(reader.fieldnames or [])
            lines = list(reader)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise SteatoscopeError("E_FORMAT", path=str(path), cause="It is not a CSV table in UTF-8 text.") from fault
    if SUBJECT not in columns:
        raise SteatoscopeError("E_ANNOTATION", path=str(path), cause=f"The table has no column '{SUBJECT}'.")
    if columns == [SUBJECT]:
        raise SteatoscopeError("E_ANNOTATION", path=str(path), cause="The table has no column beside the subject.")
    _checked(dict.fromkeys(name for name in columns if name != SUBJECT), path, "Line 1")
    return lines


def _checked(line: Mapping[str, Any], path: Path, place: str) -> dict[str, float]:
    """Numbers of one row, by the names of the clinical input; raises E_FORMAT with the line."""
    try:
        parsed = parse_clinical({name: _typed(text) for name, text in line.items()}, path=str(path))
    except SteatoscopeError as fault:
        raise SteatoscopeError(
            fault.code, path=str(path), message=fault.message, cause=f"{place}: {fault.cause}", remedy=fault.remedy
        ) from fault
    return _numbers(parsed)


def _typed(text: Any) -> Any:
    """An entry of a table: nothing where it is empty, a number where it is one."""
    if not isinstance(text, str):
        return text
    words = text.strip()
    try:
        return float(words) if words else None
    except ValueError:
        return words


def _numbers(parsed: ClinicalInput) -> dict[str, float]:
    """Known values as numbers; words other than a sex have none."""
    given = {name: getattr(parsed, name) for name in ClinicalInput.model_fields}
    sex = _SEXES.get(str(given.pop("sex")))
    found = {name: float(value) for name, value in given.items() if isinstance(value, bool | int | float)}
    return found if sex is None else {**found, "sex": sex}


def _of_samples(samples: Sequence[Sample]) -> Known:
    """Age and sex of each subject by the manifest; the first that is known."""
    found: dict[str, dict[str, Any]] = {}
    for sample in samples:
        own = found.setdefault(sample.subject, {})
        for name, value in (("age_years", sample.age), ("sex", sample.sex)):
            if value is not None:
                own.setdefault(name, value)
    return {
        subject: _checked(own, samples[0].path.parent, f"Subject {subject}") for subject, own in found.items() if own
    }  # fmt: skip


def _joined(names: Sequence[str], table: Known, own: Known, sha256: str | None) -> Covariates:
    rows = [{**own.get(name, {}), **table.get(name, {})} for name in names]
    columns = [name for name in ClinicalInput.model_fields if any(name in row for row in rows)]
    if not columns:
        raise SteatoscopeError("E_ANNOTATION", cause="No patient of the images has any clinical value.")
    values = np.array([[row.get(name, np.nan) for name in columns] for row in rows], dtype=np.float64)
    return Covariates(tuple(columns), values, sha256)
