"""Whether a value differs from an earlier one by more than the method's repeatability.

A difference is real (95 %) where it exceeds the repeatability coefficient RC = 1.96 sqrt(2) wSD. Only values on the
same scale by the same method are compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from steatoscope.core.measurement import Interval
from steatoscope.core.report import ChangePart
from steatoscope.science.clinical.repeatability import RC_PER_SD, Repeatability, interval_sd, repeatability_of

RESPONSE_PERCENT: Final = -30.0
SMALLEST_BASELINE_PERCENT: Final = 5.0
DELTA_DIGITS: Final = 4
NOT_KNOWN: Final = "not assessable: the repeatability of this method is not known"
UNCERTAIN: Final = "not certain: more than images of one session differ, less than the model's error"
RISING, FALLING, NO_TREND = "rising", "falling", "no measurable trend"


def verdict(
    delta_points: float,
    repeatability: float | None,
    relative_percent: float | None,
    *,
    certain: float | None = None,
    lower_bound: bool = False,
) -> str:
    """The change in words: no measurable change, improved or worsened, and a relative decline of 30 % or more.

    Where the repeatability is a ``lower_bound``, a change is called so only above ``certain`` points; what lies between
    is not certain.
    """
    if repeatability is None:
        return NOT_KNOWN
    if abs(delta_points) <= repeatability:
        return "no measurable change"
    if lower_bound and (certain is None or abs(delta_points) <= certain):
        return UNCERTAIN
    if delta_points > 0.0:
        return "worsened"
    responded = relative_percent is not None and relative_percent <= RESPONSE_PERCENT
    return "improved, >= 30 % relative decline" if responded else "improved"


def compare(
    value_percent: float,
    earlier_percent: float,
    repeatability: Repeatability | float | None,
    *,
    previous: str = "earlier report",
    certain: float | None = None,
) -> ChangePart:
    """Change between two values in percent of fat on the same scale by the same method.

    The relative change is given only from a baseline of 5 % or more (below it, it is unstable).
    """
    known = Repeatability(repeatability, "") if isinstance(repeatability, float | int) else repeatability
    bounded = known is not None and known.lower_bound
    limit = max(certain, known.points) if bounded and known is not None and certain is not None else None
    delta = round(value_percent - earlier_percent, DELTA_DIGITS)
    share = 100.0 * delta / earlier_percent if earlier_percent >= SMALLEST_BASELINE_PERCENT else None
    relative = None if share is None else round(share, DELTA_DIGITS)
    points = None if known is None else known.points
    return ChangePart(
        previous=previous,
        delta_points=delta,
        relative_percent=relative,
        repeatability_points=points,
        verdict=verdict(delta, points, relative, certain=limit, lower_bound=bounded),
        certain_points=limit,
        basis=known.basis or None if known is not None else None,
    )


def change_from_reports(
    value_percent: float,
    scale: str,
    method: str,
    previous: Sequence[Mapping[str, Any]],
    *,
    same_scanner: bool = True,
    own: Repeatability | None = None,
    sd: float | None = None,
) -> ChangePart | None:
    """Change against the latest comparable report document; None where no earlier report is given.

    Reports count as later by ``acquired`` where they have it, else by ``provenance.created``, then by order. Where none
    is comparable (no value, another scale, another method), the latest is named with the reason and without a
    difference. ``own`` is the model's repeatability and ``sd`` the SD of this value's error; with that of the earlier
    value it limits what is called certain where ``own`` is a lower bound.
    """
    if not previous:
        return None
    report = latest_comparable(previous, scale, method)
    if report is None:
        newest = max(previous, key=created)
        return ChangePart(
            previous=_name(newest),
            delta_points=None,
            relative_percent=None,
            repeatability_points=None,
            verdict=f"not comparable: {_obstacle(newest, scale, method)}",
        )
    earlier = float(report["fat"]["value_percent"])
    known = repeatability_of(scale, (value_percent + earlier) / 2.0, same_scanner=same_scanner, own=own)
    certain = None if sd is None else _certain(sd, report["fat"].get("interval"))
    return compare(value_percent, earlier, known, previous=_name(report), certain=certain)


def latest_comparable(previous: Sequence[Mapping[str, Any]], scale: str, method: str) -> Mapping[str, Any] | None:
    """The latest report document that may be compared; None where there is none."""
    fitting = [report for report in sorted(previous, key=created) if _obstacle(report, scale, method) is None]
    return fitting[-1] if fitting else None


def _certain(sd: float, interval: Mapping[str, Any] | None) -> float | None:
    """What the errors of two values reach together in 95 % of cases, as if they had nothing in common."""
    if not interval:
        return None
    other = interval_sd(float(interval["low"]), float(interval["high"]), float(interval["level"]))
    return 1.96 * math.hypot(sd, other)


def trend(years: Sequence[float], values_percent: Sequence[float], repeatability: float) -> tuple[float, Interval]:
    """Least-squares slope in points of fat a year over three or more visits, with its 95 % interval.

    The interval takes the within-subject SD from the repeatability coefficient (RC / 2.77), not from the few residuals.
    """
    if len(years) != len(values_percent) or len(years) < 3:
        raise ValueError("a trend needs three or more visits, each with a time and a value")
    centre = math.fsum(years) / len(years)
    spread = math.fsum((year - centre) ** 2 for year in years)
    if spread == 0.0:
        raise ValueError("the visits all have the same time")
    slope = math.fsum((year - centre) * value for year, value in zip(years, values_percent, strict=True)) / spread
    margin = 1.96 * repeatability / RC_PER_SD / math.sqrt(spread)
    return slope, Interval(slope - margin, slope + margin, 0.95)


def trend_verdict(interval: Interval) -> str:
    """The slope in words: rising or falling where its interval leaves out 0, else no measurable trend."""
    if interval.low > 0.0:
        return RISING
    return FALLING if interval.high < 0.0 else NO_TREND


def _obstacle(report: Mapping[str, Any], scale: str, method: str) -> str | None:
    fat = report.get("fat")
    if not fat:
        return "the earlier report holds no fat value"
    if fat["scale"] != scale:
        return f"the earlier value is on the scale {fat['scale']}, this one on {scale}"
    if fat["method"] != method:
        return "the earlier value comes from another method or version"
    return None


def created(report: Mapping[str, Any]) -> str:
    """When a report's images were made, else when the report was, as ISO text."""
    return str(report.get("acquired") or (report.get("provenance") or {}).get("created", ""))


def _name(report: Mapping[str, Any]) -> str:
    digest = str((report.get("provenance") or {}).get("report_digest", ""))
    return digest[:12] or "earlier report"
