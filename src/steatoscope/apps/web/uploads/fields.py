"""The fields that a sender may add to an upload, checked."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from steatoscope.apps.web.problems import Problem
from steatoscope.core.clinical_input import parse_clinical
from steatoscope.core.errors import SteatoscopeError
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


def clinical_field(given: Any) -> dict[str, Any]:
    """Clinical values from a JSON text or object; raises E_FORMAT with the offending keys."""
    if isinstance(given, bytes | str):
        if not given.strip():
            return {}
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as fault:
            raise _no_clinical("They are no JSON.") from fault
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise _no_clinical("They are JSON, but no object of names and values.")
    return parse_clinical(given, path="clinical").model_dump(exclude_none=True)


def _no_clinical(cause: str) -> SteatoscopeError:
    return SteatoscopeError(
        "E_FORMAT",
        path="clinical",
        message="The clinical values cannot be read.",
        cause=cause,
        remedy="Send a JSON object such as {\"age_years\": 52}; 'steatoscope schema clinical' prints the names.",
    )


def flag_field(given: Any) -> bool:
    """Whether a switch is on."""
    return str(given or "").strip().lower() in _TRUE


def _wrong(cause: str) -> Problem:
    return Problem.of("E_INPUT", cause=cause)
