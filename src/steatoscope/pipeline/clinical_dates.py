"""How far apart in time clinical values lie, and what a reader is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from steatoscope.core.clinical_names import clinical_name
from steatoscope.core.errors import QualityCode, warning
from steatoscope.pipeline.options import AnalyseOptions

#: half a year in days: readings further apart do not describe one state
APART_DAYS: Final = 183
#: what an adult's age does not change, and what comes with another reading
_STEADY: Final = frozenset({"height_cm", "ast_uln_u_l", "age_years"})
_DAYS_A_YEAR: Final = 365.25
_MONTHS_IN_WORDS: Final = 24
Days = Mapping[str, str | None]


class ClinicalRead(NamedTuple):
    """Checked values by name, remarks on what was not taken, and the ISO day of each reading (None: not known)."""

    values: dict[str, Any]
    remarks: tuple[str, ...] = ()
    days: Days = MappingProxyType({})


def dates_told(days: Days, image_day: str | None = None) -> tuple[str, ...]:
    """Sentences on readings more than six months from the day of the images (ISO), or before the newest reading.

    Readings whose day is not known are named. None where there is nothing to say.
    """
    known = {name: found for name, day in days.items() if name not in _STEADY and (found := _day(day)) is not None}
    seen = _day(image_day)
    from_images = {} if seen is None else {name: abs((day - seen).days) for name, day in known.items()}
    far = {name: gap for name, gap in from_images.items() if gap > APART_DAYS}
    newest = max(known.values(), default=None)
    gaps = {name: (newest - day).days for name, day in known.items() if newest is not None and name not in far}
    old = {name: gap for name, gap in gaps.items() if gap > APART_DAYS}
    undated = [name for name, day in days.items() if name not in _STEADY and _day(day) is None]
    return tuple(
        f"{words}: {', '.join(told)}."
        for words, told in (
            ("More than six months from the day of the images", _spans(far)),
            ("More than six months before the newest value", _spans(old)),
            ("Of unknown day", [clinical_name(name) for name in undated]),
        )
        if told
    )


def remarks_told(read: ClinicalRead) -> tuple[str, ...]:
    """All remarks on values as they were read, for a terminal; that on dates with the days of the readings."""
    told = dates_told(read.days)
    if not told:
        return read.remarks
    dated = [f"{clinical_name(name)} {day}" for name, day in read.days.items() if day and name not in _STEADY]
    days = [f"Days: {', '.join(dated)}."] if dated else []
    return (*read.remarks, " ".join((warning("W_DATES").message, *told, *days)))


def reading_notes(options: AnalyseOptions, image_day: str | None) -> tuple[QualityCode, ...]:
    """Quality remarks of a report on clinical values that were not taken, and on those of other times.

    They hold spans and no dates, as a report goes without the dates of a patient.
    """
    left = [warning("W_VALUES", remark) for remark in options.clinical_remarks]
    return (*left, *(warning("W_DATES", told) for told in dates_told(options.clinical_days, image_day)))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def _spans(gaps: Mapping[str, int]) -> list[str]:
    return [f"{clinical_name(name)} ({_span(gap)})" for name, gap in gaps.items()]


def _span(days: int) -> str:
    months = round(12.0 * days / _DAYS_A_YEAR)
    return f"{months} months" if months < _MONTHS_IN_WORDS else f"{days / _DAYS_A_YEAR:.1f} years"
