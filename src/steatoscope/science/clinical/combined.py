"""The combined estimate of liver fat from an image and clinical values, with missing values marginalised exactly.

log(fat) and the clinical variables are jointly Normal (:mod:`gaussian_missing`); the image estimate is fat plus a
Normal error. The estimate is the posterior median, beside the image's own value, which it never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.measurement import Interval
from steatoscope.science.clinical.combined_posterior import ImageReading, posterior_quantiles
from steatoscope.science.clinical.combined_variables import NAMES, VARIABLES, variable_vector
from steatoscope.science.clinical.gaussian_missing import Gaussian
from steatoscope.science.explain.shapley import shapley_of_worths

PDFF_SCALES: Final = frozenset({"pdff", "mrs_pdff", "ct_pdff_equiv"})
IMAGE: Final = "image"
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CombinedModel:
    """``joint`` over log fat and then the variables of :data:`NAMES`, with where it comes from.

    ``scale`` is "pdff" for all PDFF-like scales or another fat scale's own name. ``link`` is the image's (intercept,
    slope, sd); where it is None the image's own interval gives its error.
    """

    name: str
    joint: Gaussian
    scale: str
    simulated: bool
    source: str
    link: tuple[float, float, float] | None = None

    def fits(self, scale: str) -> bool:
        """Whether the model speaks of fat on this scale."""
        return scale == self.scale or (self.scale == "pdff" and scale in PDFF_SCALES)

    def reading(self, value_percent: float, sd: float) -> ImageReading:
        """An image estimate with its error as this model takes it."""
        if self.link is None:
            return ImageReading(value_percent, sd)
        intercept, slope, error = self.link
        return ImageReading(value_percent, error, intercept, slope)


@dataclass(frozen=True, slots=True)
class CombinedEstimate:
    """The combined value in percent with its interval, the values from clinical data alone, and each input's effect.

    ``effects`` (points of fat, Shapley) add up to ``value_percent - base_percent``, the value without any input.
    """

    value_percent: float
    interval: Interval
    clinical_percent: float
    clinical_interval: Interval
    base_percent: float
    used: tuple[str, ...]
    missing: tuple[str, ...]
    effects: Mapping[str, float]


def combined_estimate(
    model: CombinedModel, values: Mapping[str, Any], image: ImageReading | None, level: float = 0.9
) -> CombinedEstimate:
    """The estimate for checked clinical values and an image reading (None: clinical values alone)."""
    vector = variable_vector(values)
    tails = [0.5, 0.5 - level / 2.0, 0.5 + level / 2.0]
    moments = model.joint.conditional(0, _rows(vector[None, :]))
    alone = posterior_quantiles(*moments, None, tails)[0]
    both = posterior_quantiles(*moments, image, tails)[0] if image else alone
    seen = np.flatnonzero(np.isfinite(vector))
    effects, base = _effects(model, vector, seen, image)
    return CombinedEstimate(
        value_percent=float(both[0]),
        interval=Interval(float(both[1]), float(both[2]), level),
        clinical_percent=float(alone[0]),
        clinical_interval=Interval(float(alone[1]), float(alone[2]), level),
        base_percent=base,
        used=tuple(NAMES[k] for k in seen),
        missing=tuple(name for k, name in enumerate(NAMES) if k not in seen),
        effects=effects,
    )


def _effects(
    model: CombinedModel, vector: Floats, seen: NDArray[np.intp], image: ImageReading | None
) -> tuple[dict[str, float], float]:
    """Shapley effects by label: the worth of a coalition is the estimate with only its values known."""
    chosen = (np.arange(1 << seen.size)[:, None] >> np.arange(seen.size)) & 1
    kept = np.full((chosen.shape[0], vector.size), np.nan)
    kept[:, seen] = np.where(chosen == 1, vector[seen], np.nan)
    moments = model.joint.conditional(0, _rows(kept))
    worths = posterior_quantiles(*moments, None, [0.5])[:, 0]
    labels = [VARIABLES[k].label for k in seen]
    if image is not None:
        worths = np.concatenate([worths, posterior_quantiles(*moments, image, [0.5])[:, 0]])
        labels.append(IMAGE)
    return dict(zip(labels, shapley_of_worths(worths).tolist(), strict=True)), float(worths[0])


def _rows(vectors: Floats) -> Floats:
    """Vectors (m, 12) of variables as rows (m, 13) of the joint distribution, whose first coordinate is log fat."""
    return np.column_stack([np.full(vectors.shape[0], np.nan), vectors])
