"""Takes a person out of file names and of JSON sidecars, where pseudonyms are kept only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from steatoscope.pipeline.submit_facts import Person

SHORTEST_PART: Final = 3
_PERSONAL: Final = (
    "Patient", "Referring", "Physician", "Operator", "Institution", "StationName", "AccessionNumber", "DeviceSerial",
    "Performing", "Requesting", "StudyID", "Comments", "ImageComments", "ProcedureStepDescription",
)  # fmt: skip
_KEPT: Final = frozenset({"PatientPosition", "PatientSex", "PatientAge", "PatientWeight", "PatientSize"})


def parts_of(person: Person) -> list[str]:
    """The words that would tell who it is: the patient's number and each part of the name, longest first."""
    found = {person.patient_id or "", *re.split(r"[\s^=,]+", person.name or "")}
    return sorted((part for part in found if len(part) >= SHORTEST_PART), key=len, reverse=True)


def without_person(name: str, parts: Sequence[str], instead: str) -> str:
    """A file name in which the patient's number and name are replaced."""
    for part in parts:
        name = re.sub(rf"(?i)(?<![a-z0-9]){re.escape(part)}(?![a-z0-9])", instead, name)
    return name


def write_clean_sidecar(path: Path, target: Path) -> None:
    """A copy of a JSON sidecar without its personal fields; other values stay as they are."""
    fields = json.loads(path.read_bytes().decode("utf-8"))
    target.write_text(json.dumps(_clean(fields), ensure_ascii=False), encoding="utf-8")


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(inner) for key, inner in value.items() if key in _KEPT or not key.startswith(_PERSONAL)}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value
