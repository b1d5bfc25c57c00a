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

RC_PER_SD: Final = 1.96 * math.sqrt(2.0)
MR_SAME_SCANNER_POINTS: Final = 1.8
MR_OTHER_SCANNER_POINTS: Final = 4.2
CT_POINTS: Final = 4.0
MRS_RELATIVE_SD: Final = 0.085
RESPONSE_PERCENT: Final = -30.0
SMALLEST_BASELINE_PERCENT: Final = 5.0


def repeatability_points(
    scale: str, value_percent: float, *, same_scanner: bool = True, validation_sd: float | None = None
) -> float | None:
    """Repeatability coefficient in points of fat for a scale; None where the method has none.

    MR PDFF: 1.8 on one scanner (Tyagi, Abdom Imaging 2015), 4.2 across field strengths (Athithan, PLoS One 2021).
    CT on one scanner at one kVp: 4. MRS: coefficient of variation 8.5 % (Szczepaniak, 2005). Any other scale takes the
    test-retest SD of the model's own validation, where there is one.
    """
    if validation_sd is not None:
        return RC_PER_SD * validation_sd
    if scale == "pdff":
        return MR_SAME_SCANNER_POINTS if same_scanner else MR_OTHER_SCANNER_POINTS
    if scale == "ct_pdff_equiv":
        return CT_POINTS if same_scanner else None
    if scale == "mrs_pdff":
        return RC_PER_SD * MRS_RELATIVE_SD * max(value_percent, 0.0)
    return None


def verdict(delta_points: float, repeatability: float | None, relative_percent: float | None) -> str:
    """The change in words: no measurable change, improved or worsened, and a relative decline of 30 % or more."""
    if repeatability is None:
        return "not assessable: the repeatability of this method is not known"
    if abs(delta_points) <= repeatability:
        return "no measurable change"
    if delta_points > 0.0:
        return "worsened"
    responded = relative_percent is not None and relative_percent <= RESPONSE_PERCENT
    return "improved, >= 30 % relative decline" if responded else "improved"


def compare(
    value_percent: float, earlier_percent: float, repeatability: float | None, *, previous: str = "earlier report"
) -> ChangePart:
    """Change between two values in percent of fat on the same scale by the same method.

    The relative change is given only from a baseline of 5 % or more (below it, it is unstable).
    """
    delta = value_percent - earlier_percent
    relative = 100.0 * delta / earlier_percent if earlier_percent >= SMALLEST_BASELINE_PERCENT else None
    return ChangePart(
        previous=previous,
        delta_points=delta,
        relative_percent=relative,
        repeatability_points=repeatability,
        verdict=verdict(delta, repeatability, relative),
    )


def change_from_reports(
    value_percent: float,
    scale: str,
    method: str,
    previous: Sequence[Mapping[str, Any]],
    *,
    same_scanner: bool = True,
    validation_sd: float | None = None,
) -> ChangePart | None:
    """Change against the latest comparable report document; None where no earlier report is given.

    Reports count as later by their ``provenance.created``, then by order. Where none is comparable (no value, another
    scale, another method), the latest is named with the reason and without a difference.
    """
    if not previous:
        return None
    ordered = sorted(previous, key=_created)
    for report in reversed(ordered):
        if _obstacle(report, scale, method) is None:
            earlier = float(report["fat"]["value_percent"])
            limit = repeatability_points(
                scale, (value_percent + earlier) / 2.0, same_scanner=same_scanner, validation_sd=validation_sd
            )
            return compare(value_percent, earlier, limit, previous=_name(report))
    return ChangePart(
        previous=_name(ordered[-1]),
        delta_points=None,
        relative_percent=None,
        repeatability_points=None,
        verdict=f"not comparable: {_obstacle(ordered[-1], scale, method)}",
    )


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


def _obstacle(report: Mapping[str, Any], scale: str, method: str) -> str | None:
    fat = report.get("fat")
    if not fat:
        return "the earlier report holds no fat value"
    if fat["scale"] != scale:
        return f"the earlier value is on the scale {fat['scale']}, this one on {scale}"
    if fat["method"] != method:
        return "the earlier value comes from another method or version"
    return None


def _created(report: Mapping[str, Any]) -> str:
    return str((report.get("provenance") or {}).get("created", ""))


def _name(report: Mapping[str, Any]) -> str:
    digest = str((report.get("provenance") or {}).get("report_digest", ""))
    return digest[:12] or "earlier report"
