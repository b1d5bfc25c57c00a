"""Scores of focal regions on CT slices: average precision by kind, free-response recall, false regions, by size.

Slices are the cases, volumes what is drawn in the bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.aul_scores import average_precision, hits_of, recall_at
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

KINDS: Final = ("lesion", "fatty", "spared")
SIZES_MM: Final = ((0.0, 10.0), (10.0, 20.0), (20.0, 35.0), (35.0, math.inf))
CONTRASTS_HU: Final = ((0.0, 20.0), (20.0, 40.0), (40.0, math.inf))
RESAMPLES: Final = 1000


@dataclass(frozen=True, eq=False)
class SliceResult:
    """One slice: painted boxes (m, 4) with kinds, diameters in mm and contrasts in HU; found boxes (n, 4) with kinds
    and scores; ``operating`` is the score from which a region is reported."""

    volume: str
    wanted: NDArray[np.float64]
    wanted_kinds: NDArray[np.str_]
    diameters: NDArray[np.float64]
    contrasts: NDArray[np.float64]
    found: NDArray[np.float64]
    found_kinds: NDArray[np.str_]
    scores: NDArray[np.float64]
    operating: float


def summarise_regions(results: Sequence[SliceResult], *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Figures of all slices with bootstrap intervals over volumes at 0.95; what is undefined is absent.

    ``ap50_KIND`` counts a hit only for the right kind; ``recall_at_1_fp`` and the rest take any kind, since kinds are
    mistaken more often than places. ``false_per_slice`` is at the operating point. Raises ValueError for no slice.
    """
    if not results:
        raise ValueError("no slice to summarise")
    table = _Table.of(results)
    spans = bootstrap_intervals(table.figures, [one.volume for one in results], resamples=resamples)
    return with_intervals(table.figures(np.arange(len(results))), spans)


def strata(results: Sequence[SliceResult], by: str, *, resamples: int = RESAMPLES) -> list[dict[str, Any]]:
    """Recall of any kind at the operating point by ``size`` (diameter in mm) or ``contrast`` (HU, either sign)."""
    edges = SIZES_MM if by == "size" else CONTRASTS_HU
    rows = []
    for low, high in edges:
        masks = [
            (one.diameters >= low) & (one.diameters < high)
            if by == "size"
            else (np.abs(one.contrasts) >= low) & (np.abs(one.contrasts) < high)
            for one in results
        ]
        found = [_found(one)[mask] for one, mask in zip(results, masks, strict=True)]
        hit = np.array([part.sum() for part in found], dtype=np.float64)
        count = np.array([part.size for part in found], dtype=np.float64)
        if count.sum():
            rows.append({"from": low, "to": high, "n": int(count.sum()), **_recall(hit, count, results, resamples)})
    return rows


def _recall(
    hit: NDArray[np.float64], count: NDArray[np.float64], results: Sequence[SliceResult], resamples: int
) -> dict[str, Any]:
    def recall(rows: NDArray[np.intp]) -> dict[str, float]:
        return {"recall": _ratio(float(hit[rows].sum()), float(count[rows].sum()))}

    spans = bootstrap_intervals(recall, [one.volume for one in results], resamples=resamples)
    interval = {"recall_ci": [spans["recall"].low, spans["recall"].high]} if "recall" in spans else {}
    return {**recall(np.arange(len(results))), **interval}


def _found(one: SliceResult) -> NDArray[np.bool_]:
    """Which painted regions (m,) are hit by a reported region of any kind."""
    shown = one.scores >= one.operating
    boxes, scores = one.found[shown], one.scores[shown]
    return np.array([_is_hit(k, one.wanted, boxes, scores) for k in range(len(one.wanted))], dtype=np.bool_)


def _is_hit(k: int, wanted: NDArray[np.float64], boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> bool:
    return bool(hits_of(boxes, scores, wanted[k : k + 1]).any())


@dataclass(frozen=True, eq=False)
class _Table:
    """All found regions in one row with the slice of each; hits of the own kind and of any kind."""

    owner: NDArray[np.intp]
    scores: NDArray[np.float64]
    kinds: NDArray[np.str_]
    own: NDArray[np.bool_]
    any_kind: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    wanted: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, results: Sequence[SliceResult]) -> _Table:
        counts = [len(one.scores) for one in results]
        scores = np.concatenate([one.scores for one in results])
        return cls(
            owner=np.repeat(np.arange(len(results)), counts),
            scores=scores,
            kinds=np.concatenate([one.found_kinds.astype(str) for one in results]),
            own=np.concatenate([_own_hits(one) for one in results]),
            any_kind=np.concatenate([hits_of(one.found, one.scores, one.wanted) for one in results]),
            shown=scores >= np.repeat([one.operating for one in results], counts),
            wanted={k: np.array([(one.wanted_kinds == k).sum() for one in results], float) for k in KINDS},
        )

    def figures(self, rows: NDArray[np.intp]) -> dict[str, float]:
        slices = float(len(rows))
        drawn = np.bincount(rows, minlength=len(self.wanted[KINDS[0]])).astype(np.float64)
        weights = drawn[self.owner]
        regions = float(sum((drawn * self.wanted[kind]).sum() for kind in KINDS))
        found: dict[str, float] = {}
        for kind in KINDS:
            of = self.kinds == kind
            count = float((drawn * self.wanted[kind]).sum())
            found[f"ap50_{kind}"] = average_precision(self.own[of], self.scores[of], count, weights[of])
        any_kind = weights * self.shown * self.any_kind
        return found | {
            "ap50_any_kind": average_precision(self.any_kind, self.scores, regions, weights),
            "recall_at_1_fp": recall_at(self.any_kind, self.scores, regions, slices, weights),
            "recall_operating": _ratio(float(any_kind.sum()), regions),
            "right_kind_of_hits": _ratio(float((any_kind * self.own).sum()), float(any_kind.sum())),
            "false_per_slice": float((weights * self.shown * ~self.any_kind).sum()) / slices,
        }


def _own_hits(one: SliceResult) -> NDArray[np.bool_]:
    hits = np.zeros(len(one.scores), dtype=np.bool_)
    for kind in KINDS:
        of, truth = one.found_kinds == kind, one.wanted_kinds == kind
        hits[of] = hits_of(one.found[of], one.scores[of], one.wanted[truth])
    return hits


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
