"""From liver attenuation to a PDFF-equivalent fat fraction, by named equations for unenhanced CT at 120 kV.

``pickhardt2018`` is the default; ``kramer2017`` (n = 50, reference MRS, r2 0.856) is independent of it. The two differ
by 1.3 to 2.8 points, which is the least that the model is uncertain by. The residual scatter around the default follows
from its r2 of about 0.81 and a population SD of 10 HU (Graffy, 2019): 0.58 x 10 x sqrt(0.19 / 0.81) = 2.8 points. The
error budget names both, the measurement error of the attenuation, and an unknown tube voltage.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType
from typing import Final

from steatoscope.core.errors import UsageError
from steatoscope.science.uncertainty.budget import ErrorBudget, ErrorSource


@dataclass(frozen=True, slots=True)
class CTEquation:
    """``fat percent = slope * HU + intercept`` with its source."""

    name: str
    slope: float
    intercept: float
    reference: str

    def fat_percent(self, liver_hu: float) -> float:
        """Raw fat fraction in percent, negative for dense livers."""
        return self.slope * liver_hu + self.intercept

    def liver_hu(self, fat_percent: float) -> float:
        """The attenuation in HU that gives this fat fraction."""
        return (fat_percent - self.intercept) / self.slope


EQUATIONS: Final[Mapping[str, CTEquation]] = MappingProxyType(
    {
        "pickhardt2018": CTEquation("pickhardt2018", -0.58, 38.2, "Pickhardt, Abdom Radiol 2018"),
        "kramer2017": CTEquation("kramer2017", -0.559, 35.418, "Kramer, AJR 2017"),
    }
)
DEFAULT_EQUATION: Final = "pickhardt2018"
RESIDUAL_SD_POINTS: Final = 0.58 * 10.0 * math.sqrt(0.19 / 0.81)
UNKNOWN_KVP_POINTS: Final = 3.0
SCATTER: Final = "scatter of patients about the equation"
DISAGREEMENT: Final = "disagreement of published equations"
ATTENUATION: Final = "noise and unevenness of the liver"
TUBE_VOLTAGE: Final = "unknown tube voltage"


@dataclass(frozen=True, slots=True)
class FatEquivalent:
    """CT fat fraction (PDFF-equivalent estimate), never a PDFF, in percent.

    ``raw_percent`` may be negative; ``value_percent`` is clamped to 0-100 for display. ``low`` and ``high`` bound the
    raw value at ``level`` and are clamped likewise. ``budget`` names the errors that make the interval.
    ``alternatives`` holds the raw values by the other equations.
    """

    raw_percent: float
    value_percent: float
    low: float
    high: float
    level: float
    budget: ErrorBudget
    equation: str
    alternatives: Mapping[str, float]

    @property
    def sd(self) -> float:
        """The Normal SD in points behind the interval."""
        return self.budget.sd


def fat_equivalent(
    liver_hu: float,
    hu_se: float,
    *,
    equation: str = DEFAULT_EQUATION,
    level: float = 0.9,
    kvp_known: bool = True,
) -> FatEquivalent:
    """Fat fraction in percent from the median liver attenuation in HU and the standard error of that median.

    The error budget adds as squares the residual scatter, the largest disagreement of the equations, and the
    measurement error times the slope; with an unknown tube voltage the interval is 3 points wider on either side.
    Level lies in (0, 1).
    """
    if equation not in EQUATIONS:
        raise UsageError(f"unknown CT equation {equation!r}; known: {', '.join(EQUATIONS)}")
    chosen = EQUATIONS[equation]
    raw = chosen.fat_percent(liver_hu)
    others = {name: other.fat_percent(liver_hu) for name, other in EQUATIONS.items() if name != equation}
    budget = ErrorBudget(
        (
            ErrorSource(SCATTER, RESIDUAL_SD_POINTS),
            ErrorSource(DISAGREEMENT, max(abs(raw - other) for other in others.values())),
            ErrorSource(ATTENUATION, abs(chosen.slope) * hu_se),
        )
    )
    if not kvp_known:
        quantile = NormalDist().inv_cdf(0.5 + level / 2.0)
        budget = budget.with_sources([ErrorSource(TUBE_VOLTAGE, UNKNOWN_KVP_POINTS / quantile, "plain")])
    half = budget.half_width(level)
    return FatEquivalent(
        raw_percent=raw,
        value_percent=_clamp(raw),
        low=_clamp(raw - half),
        high=_clamp(raw + half),
        level=level,
        budget=budget,
        equation=equation,
        alternatives=MappingProxyType(others),
    )


def _clamp(percent: float) -> float:
    return min(max(percent, 0.0), 100.0)
