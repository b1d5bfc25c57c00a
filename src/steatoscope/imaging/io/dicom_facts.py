"""Facts about the patient and the study from a header; empty tags are None."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from pydicom.dataset import Dataset

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import PatientFacts
from steatoscope.imaging.io.dicom_file import DicomFile
from steatoscope.imaging.io.dicom_tags import text
from steatoscope.imaging.io.simulated import MAKER

YEARS_IN = {"Y": 1.0, "M": 1.0 / 12.0, "W": 7.0 / 365.25, "D": 1.0 / 365.25}
OLDEST_YEARS = 150.0
SEXES: dict[str, Literal["F", "M", "O"]] = {"F": "F", "M": "M", "O": "O"}


def patient_facts(files: Sequence[DicomFile]) -> PatientFacts:
    """Patient facts: each from the first file that states it. Raises ``E_MIXED`` for differing PatientIDs."""
    headers = [file.header for file in files]
    identifiers = {found for header in headers if (found := text(header, "PatientID"))}
    if len(identifiers) > 1:
        raise SteatoscopeError("E_MIXED", path=str(files[0].path.parent))
    return PatientFacts(
        patient_id=next(iter(identifiers), None),
        age_years=next((age for header in headers if (age := age_years(header)) is not None), None),
        sex=next((SEXES[s] for header in headers if (s := (text(header, "PatientSex") or "").upper()) in SEXES), None),
        study_date=next((day.isoformat() for header in headers if (day := _day(header, "StudyDate"))), None),
    )


def age_years(header: Dataset) -> float | None:
    """Age at the study in years, from PatientAge (``045Y``, ``010M``) or from the dates of birth and study."""
    written = (text(header, "PatientAge") or "").upper()
    digits, unit = (written[:-1], written[-1:]) if written[-1:] in YEARS_IN else (written, "Y")
    if digits.isascii() and digits.isdigit():
        age = int(digits[:6]) * YEARS_IN[unit]
        return age if age <= OLDEST_YEARS else None
    born, seen = _day(header, "PatientBirthDate"), _day(header, "StudyDate")
    if born is None or seen is None:
        return None
    age = (seen - born).days / 365.25
    return age if 0.0 <= age <= OLDEST_YEARS else None


def _day(header: Dataset, keyword: str) -> date | None:
    written = (text(header, keyword) or "").replace(".", "").replace("-", "")[:8]
    try:
        return date(int(written[:4]), int(written[4:6]), int(written[6:8]))
    except ValueError:
        return None


def header_is_simulated(header: Dataset) -> bool:
    """Whether a DICOM header says so: in ImageComments, or by the maker or patient of the phantom writer."""
    comments, maker, patient = (text(header, key) or "" for key in ("ImageComments", "Manufacturer", "PatientName"))
    return "simulated" in comments.lower() or maker == MAKER or patient == "Phantom^Simulated"
