"""A new value beside the earlier reports of the patient: the change, what else differs, and the slope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

from steatoscope.core.report import ChangePart, IntervalPart, SlopePart
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.protocol import protocol_differs, protocol_of, repeatability_in, scanner_of
from steatoscope.pipeline.timeline import Slope, Visit, cautions_of, same_scanner, slope_of
from steatoscope.science.clinical.change import change_from_reports, created, latest_comparable

SIMULATED: Final = "W_SIMULATED"
ALTERED: Final = "_altered"
"""Key of an earlier report whose content does not match its digest: who reads a file sets it."""
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "modalities": "The visits come from different modalities.",
        "methods": "The visits were measured by different methods; only those by the newest one are compared.",
        "models": "The models or their versions differ between visits: a change can come from the software.",
        "scanners": "The visits come from different scanners: only larger changes count as real.",
        "protocols": "The acquisition differs between visits: {facts}.",
        "scanner_unknown": "Not every scanner is known; they are taken to be the same.",
        "uploaded": "Not every day of acquisition is known; the day of the report stands in for it.",
        "same_day": "Some visits are of the same day.",
        "later": "A report of a later day than this study is in the slope, but not in the change.",
        "subjects": "The reports name different subjects: check that all are of one patient.",
        "altered": "An earlier report was not compared: its content does not match its digest.",
        "simulated": "An earlier report of simulated images was not compared with this study, or the reverse.",
    }
)
FACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "kvp": "tube voltage",
        "kernel": "reconstruction kernel",
        "slice_thickness_mm": "slice thickness",
        "field_strength_t": "field strength",
        "echoes": "number of echoes",
        "bipolar": "readout",
        "spectrum": "fat spectrum",
    }
)


def follow_up(
    estimate: FatEstimate,
    modality: str,
    config: Mapping[str, Any],
    models: Sequence[str],
    previous: Sequence[Mapping[str, Any]],
    *,
    acquired: str | None,
    simulated: bool,
    subject: str | None = None,
) -> ChangePart | None:
    """The change against the latest comparable earlier report, with cautions and, from three visits on, the slope.

    ``config`` and ``models`` are those of this study, ``acquired`` is its day (ISO) where its header names one and
    ``subject`` its code. Reports of simulated images are compared with simulated ones only, and images of a later day
    than this study's are no earlier ones: they count in the slope alone. Reports marked ``ALTERED`` count nowhere.
    """
    if not previous:
        return None
    whole = [report for report in previous if not report.get(ALTERED)]
    altered = len(whole) < len(previous)
    if not whole:
        none = _not_compared("the content of the earlier report does not match its digest")
        return none.model_copy(update={"cautions": [WORDS["altered"]]})
    alike = [report for report in whole if _simulated(report) == simulated]
    if not alike:
        none = _not_compared("simulated and real images are never compared")
        return none.model_copy(update={"cautions": [WORDS["altered"]] if altered else []})
    now = _visit_now(estimate, modality, config, models, acquired)
    before = [report for report in alike if not _is_later(report, now)]
    change = _change(estimate, now, before)
    visits = _track(alike, now)
    facts = {
        "later": len(before) < len(alike),
        "subjects": subject is not None and any(report.get("subject") not in (None, subject) for report in alike),
        "simulated": len(alike) < len(whole),
        "altered": altered,
    }
    cautions = _words(visits, [code for code, true in facts.items() if true])
    return change.model_copy(update={"cautions": cautions, "slope": _slope_part(slope_of(visits))})


def _change(estimate: FatEstimate, now: Visit, before: Sequence[Mapping[str, Any]]) -> ChangePart:
    """This value against the latest comparable one of the reports ``before`` it."""
    earlier = latest_comparable(before, estimate.scale, estimate.method)
    change = change_from_reports(
        estimate.value_percent,
        estimate.scale,
        estimate.method,
        before,
        same_scanner=earlier is None or same_scanner(_visit(earlier), now) is not False,
        own=now.repeatability,
        sd=estimate.sd,
    )
    return change or _not_compared("every report given as earlier is of a later day than this study")


def _not_compared(reason: str) -> ChangePart:
    return ChangePart(
        previous="earlier report",
        delta_points=None,
        relative_percent=None,
        repeatability_points=None,
        verdict=f"not comparable: {reason}",
    )


def _is_later(report: Mapping[str, Any], now: Visit) -> bool:
    """Is the day of these images known to lie after that of this study?"""
    day = _day(report.get("acquired"))
    return day is not None and day > now.on


def _visit_now(
    estimate: FatEstimate, modality: str, config: Mapping[str, Any], models: Sequence[str], acquired: str | None
) -> Visit:
    day = _day(acquired)
    return Visit(
        study_id="",
        on=day or datetime.now(UTC).date(),
        modality=modality,
        scale=estimate.scale,
        method=estimate.method,
        value=estimate.value_percent,
        low=estimate.low,
        high=estimate.high,
        level=estimate.level,
        scanner=scanner_of(config),
        models=tuple(models),
        uploaded=day is None,
        protocol=protocol_of(config),
        repeatability=repeatability_in(config),
    )


def _visit(report: Mapping[str, Any]) -> Visit:
    fat, config = report["fat"], (report.get("provenance") or {}).get("config")
    interval = fat.get("interval") or {"low": fat["value_percent"], "high": fat["value_percent"], "level": 0.9}
    known = _day(report.get("acquired"))
    return Visit(
        study_id=str((report.get("provenance") or {}).get("report_digest", "")),
        on=known or _day(created(report)) or date.min,
        modality=str(report.get("modality", "")),
        scale=fat["scale"],
        method=fat["method"],
        value=float(fat["value_percent"]),
        low=float(interval["low"]),
        high=float(interval["high"]),
        level=float(interval["level"]),
        scanner=scanner_of(config),
        models=tuple(f"{part['name']} {part['version']}" for part in report.get("models") or ()),
        uploaded=known is None,
        protocol=protocol_of(config),
        repeatability=repeatability_in(config),
    )


def _track(reports: Sequence[Mapping[str, Any]], now: Visit) -> list[Visit]:
    """All visits on this one's scale in the order of time, this one last among those of its day."""
    found = [_visit(report) for report in reports if report.get("fat") and report["fat"].get("scale") == now.scale]
    known = [visit for visit in found if visit.on != date.min]
    return sorted([*known, now], key=lambda visit: (visit.on, visit is now))


def _words(visits: Sequence[Visit], more: Sequence[str]) -> list[str]:
    codes = [*cautions_of(visits), *more]
    facts = dict.fromkeys(
        FACTS[name] for one, other in pairwise(visits) for name in protocol_differs(one.protocol, other.protocol)
    )
    return [WORDS[code].format(facts=", ".join(facts)) for code in codes if code in WORDS]


def _slope_part(slope: Slope | None) -> SlopePart | None:
    if slope is None:
        return None
    span = slope.interval
    return SlopePart(
        points_per_year=round(slope.points_per_year, 4),
        interval=IntervalPart(low=round(span.low, 4), high=round(span.high, 4), level=span.level),
        visits=slope.visits,
        verdict=slope.verdict,
        years=[round(year, 4) for year in slope.years],
        values_percent=[round(value, 4) for value in slope.values],
    )


def _simulated(report: Mapping[str, Any]) -> bool:
    return any(part.get("code") == SIMULATED for part in (report.get("quality") or {}).get("codes", ()))


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10]) if text else None
    except ValueError:
        return None
