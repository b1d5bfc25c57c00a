"""Scores of organ masks by subject: overlap, surface distance and, where HU exist, the bias of the median.

A subject is what is drawn in the bootstrap: a volume, or a group of images that are copies of one another. Images of a
subject are pooled before its Dice is taken, because slices with a few pixels of liver say little by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.science.metrics.overlap import boolean_pair
from steatoscope.science.metrics.surface import surface_distances
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

_RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True)
class Score:
    """One case: a volume or a single image of ``subject``, as counts of pixels and figures.

    ``assd`` is in the unit of the case's spacing and NaN where a mask is empty. ``hu_bias`` (HU) is NaN without HU.
    """

    subject: str
    case: str
    both: int
    found: int
    wanted: int
    assd: float = math.nan
    hu_bias: float = math.nan

    @property
    def dice(self) -> float:
        """Overlap of this case; 1 where both masks are empty."""
        return dice_of(self.both, self.found, self.wanted)


def score_mask(
    subject: str,
    case: str,
    found: Mask,
    reference: Mask,
    *,
    spacing: tuple[float, ...] | None = None,
    hu: Floats | None = None,
) -> Score:
    """Compare one case's masks of one shape, 2-D or 3-D.

    ``spacing`` along each axis turns surface distances on; ``hu`` of the same shape turns the bias on. Raises
    ValueError where shapes differ.
    """
    mask, truth = boolean_pair(found, reference)
    return Score(
        subject=subject,
        case=case,
        both=int(np.count_nonzero(mask & truth)),
        found=int(np.count_nonzero(mask)),
        wanted=int(np.count_nonzero(truth)),
        assd=math.nan if spacing is None else surface_distances(mask, truth, spacing).assd,
        hu_bias=math.nan if hu is None else _bias(hu, mask, truth),
    )


def summarise(scores: Sequence[Score], *, resamples: int = _RESAMPLES) -> dict[str, Any]:
    """Figures of all cases with bootstrap intervals over subjects at 0.95.

    ``dice`` is the mean over subjects of their pooled Dice, ``dice_pooled`` that of all pixels, ``dice_case`` the mean
    over single cases, ``dice_worst`` the lowest subject. ``assd`` and ``hu_bias`` are means over the cases that have
    them, and absent where none has. Intervals are absent for fewer than two subjects. Raises ValueError for no score.
    """
    if not scores:
        raise ValueError("no case to summarise")
    table = _Counts.of(scores)
    spans = bootstrap_intervals(table.figures, table.names, resamples=resamples)
    return with_intervals(table.figures(np.arange(len(table.names))), spans) | {"dice_worst": float(table.dice.min())}


def case_rows(scores: Sequence[Score], row: str) -> list[dict[str, Any]]:
    """Cases for the document: subject, case, row of the results, and the figures that exist."""
    return [_case(score, row) for score in scores]


def dice_of(both: int, found: int, wanted: int) -> float:
    """Dice from counts of pixels; 1 where both masks are empty."""
    return 2.0 * both / (found + wanted) if found + wanted else 1.0


@dataclass(frozen=True, eq=False)
class _Counts:
    """Sums by subject, so that a resample costs a handful of additions."""

    names: NDArray[np.str_]
    pixels: NDArray[np.float64]
    dice: NDArray[np.float64]
    case_dice: NDArray[np.float64]
    cases: NDArray[np.float64]
    assd: NDArray[np.float64]
    hu_bias: NDArray[np.float64]

    @classmethod
    def of(cls, scores: Sequence[Score]) -> _Counts:
        by_subject: dict[str, list[Score]] = {}
        for score in scores:
            by_subject.setdefault(score.subject, []).append(score)
        groups = list(by_subject.values())
        pixels = np.array([[sum(s.both for s in g), sum(s.found for s in g), sum(s.wanted for s in g)] for g in groups])
        return cls(
            names=np.array(list(by_subject)),
            pixels=pixels.astype(np.float64),
            dice=np.array([dice_of(*map(int, row)) for row in pixels]),
            case_dice=np.array([sum(s.dice for s in g) for g in groups]),
            cases=np.array([len(g) for g in groups], dtype=np.float64),
            assd=_sums([[s.assd for s in g] for g in groups]),
            hu_bias=_sums([[s.hu_bias for s in g] for g in groups]),
        )

    def figures(self, rows: NDArray[np.intp]) -> Mapping[str, float]:
        both, found, wanted = self.pixels[rows].sum(axis=0)
        return {
            "dice": float(self.dice[rows].mean()),
            "dice_pooled": dice_of(both, found, wanted),
            "dice_case": float(self.case_dice[rows].sum() / self.cases[rows].sum()),
            "assd": _mean(self.assd[rows]),
            "hu_bias": _mean(self.hu_bias[rows]),
        }


def _sums(values: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Sum and count of the finite values of each subject, shape (subjects, 2)."""
    return np.array([[np.nansum(v), np.isfinite(v).sum()] for v in values], dtype=np.float64)


def _mean(sums: NDArray[np.float64]) -> float:
    total, count = sums.sum(axis=0)
    return float(total / count) if count else math.nan


def _bias(hu: Floats, found: Mask, reference: Mask) -> float:
    if not found.any() or not reference.any():
        return math.nan
    return float(np.median(hu[found]) - np.median(hu[reference]))


def _case(score: Score, row: str) -> dict[str, Any]:
    case: dict[str, Any] = {"subject": score.subject, "case": score.case, "row": row, "dice": score.dice}
    extra = {"assd": score.assd, "hu_bias": score.hu_bias}
    return case | {name: value for name, value in extra.items() if math.isfinite(value)}
