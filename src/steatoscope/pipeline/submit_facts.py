"""What the headers of a study's files tell before anything is analysed: the person, the day, the series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset

from steatoscope.imaging.io.dicom_facts import SEXES
from steatoscope.imaging.io.dicom_tags import text


@dataclass(frozen=True, slots=True)
class Person:
    """What DICOM headers say of the patient; None where they are silent."""

    patient_id: str | None = None
    name: str | None = None
    birth_date: str | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesSeen:
    """One series among the files."""

    uid: str
    modality: str
    description: str
    files: int = 1


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """One header's part in all that."""

    person: Person
    day: date | None
    series: SeriesSeen


def header_facts(header: Dataset) -> HeaderFacts:
    """Facts of one DICOM header."""
    person = Person(
        patient_id=text(header, "PatientID"),
        name=_plain(text(header, "PatientName")),
        birth_date=text(header, "PatientBirthDate"),
        sex=SEXES.get((text(header, "PatientSex") or "").upper()),
    )
    uid, modality, words = (text(header, key) or "" for key in ("SeriesInstanceUID", "Modality", "SeriesDescription"))
    return HeaderFacts(person, study_day(header), SeriesSeen(uid[:64], modality[:4], words[:200]))


def study_day(header: Dataset) -> date | None:
    """The date of the study, None where it is missing or no date."""
    written = (text(header, "StudyDate") or "").replace(".", "").replace("-", "")[:8]
    try:
        return date(int(written[:4]), int(written[4:6]), int(written[6:8]))
    except ValueError:
        return None


def one_person(facts: Sequence[HeaderFacts]) -> Person:
    """The patient of a study: each value from the first header that states it."""
    people = [fact.person for fact in facts]
    values = {
        name: next((found for person in people if (found := getattr(person, name)) is not None), None)
        for name in ("patient_id", "name", "birth_date", "sex")
    }
    return Person(**values)


def all_series(facts: Sequence[HeaderFacts]) -> tuple[SeriesSeen, ...]:
    """The series of a study with the number of their files, in the order in which they were seen."""
    counts = Counter((fact.series.uid, fact.series.modality, fact.series.description) for fact in facts)
    return tuple(SeriesSeen(*key, files=count) for key, count in counts.items())


def _plain(name: str | None) -> str | None:
    return " ".join((name or "").replace("^", " ").split()) or None
