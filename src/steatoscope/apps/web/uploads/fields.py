"""The fields that a sender may add to an upload, checked."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from steatoscope.apps.web.problems import Problem
from steatoscope.pipeline.clinical_dates import ClinicalRead
from steatoscope.pipeline.clinical_files import clinical_from_document, clinical_from_text, unreadable
from steatoscope.science.clinical.grades import PROFILES

MODALITIES: Final = ("US", "CT", "MR")
_LONGEST: Final = {"subject": 80, "description": 200, "series": 64}
_TRUE: Final = frozenset({"1", "true", "yes", "on"})


def text_field(name: str, given: Any) -> str:
    """A short text without control characters; raises E_INPUT where it is too long."""
    words = "".join(c for c in str(given or "") if unicodedata.category(c)[0] != "C").strip()
    if len(words) > _LONGEST[name]:
        raise _wrong(f"{name}: at most {_LONGEST[name]} characters.")
    return words


def options_field(modality: Any, profile: Any, series: Any) -> dict[str, str]:
    """Options of the analysis from what the sender states; raises E_INPUT for what is not known."""
    options: dict[str, str] = {}
    if wanted := str(modality or "").strip().upper():
        if wanted not in MODALITIES:
            raise _wrong("modality: one of us, ct, mr.")
        options["modality"] = wanted
    if name := str(profile or "").strip():
        if name not in PROFILES:
            raise _wrong(f"profile: one of {', '.join(sorted(PROFILES))}.")
        options["profile"] = name
    if uid := text_field("series", series):
        if not re.fullmatch(r"[0-9.]+", uid):
            raise _wrong("series: a SeriesInstanceUID.")
        options["series"] = uid
    return options


def views_field(given: Sequence[Any]) -> dict[str, str]:
    """Views by file or folder from JSON objects, or from repeated ``AR=file`` texts."""
    views: dict[str, str] = {}
    for one in given:
        found = one if isinstance(one, Mapping) else _views_of(str(one))
        for name, view in found.items():
            if not isinstance(view, str) or not name or not view:
                raise _wrong('views: a JSON object of file name and view, such as {"a.png": "AR"}.')
            if views.setdefault(str(name), view) != view:
                raise _wrong(f"views: {str(name)[:80]} has two views.")
    return views


def _views_of(words: str) -> Mapping[str, Any]:
    if not words.strip():
        return {}
    if words.lstrip().startswith("{"):
        try:
            found = json.loads(words)
        except (ValueError, RecursionError) as fault:
            raise _wrong("views: not a JSON object.") from fault
        return found if isinstance(found, dict) else {}
    view, equals, name = words.partition("=")
    if not equals:
        raise _wrong("views: a JSON object, or texts such as AR=a.png.")
    return {name.strip(): view.strip()}


def clinical_field(given: Any) -> ClinicalRead:
    """Clinical values, remarks and days from JSON, a FHIR R4 Bundle or CSV of one row, as a text or an object.

    Raises E_FORMAT with the offending names, E_MIXED for several patients.
    """
    if isinstance(given, bytes):
        try:
            given = given.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            raise unreadable("It is no text in UTF-8.", "clinical") from fault
    if given is None or (isinstance(given, str) and not given.strip()):
        return ClinicalRead({})
    if isinstance(given, str):
        return clinical_from_text(given, "clinical")
    return clinical_from_document(given, "clinical")


def reading_options(read: ClinicalRead) -> dict[str, Any]:
    """What a study keeps of how its clinical values were read: the remarks and the days, where there are any."""
    kept = {"clinical_remarks": list(read.remarks), "clinical_days": dict(read.days)}
    return {name: value for name, value in kept.items() if value}


def flag_field(given: Any) -> bool:
    """Whether a switch is on."""
    return str(given or "").strip().lower() in _TRUE


def _wrong(cause: str) -> Problem:
    return Problem.of("E_INPUT", cause=cause)
