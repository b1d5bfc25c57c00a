"""Reads one annotated ultrasound image: what was found against what was outlined, and the picture of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.learning.evaluation.aul_scores import Counts, ImageResult, hits_of
from steatoscope.learning.evaluation.report_evidence import CasePicture
from steatoscope.learning.inference.boxes import overlaps
from steatoscope.learning.inference.detector import Detection
from steatoscope.learning.training.sets import Sample

WORST: Final = 5


def result_of(sample: Sample, regions: Sequence[Detection], liver: Mask | None, operating: float) -> ImageResult:
    """Compare regions and a liver mask, both in the image's pixels, with the sample's outlines.

    The found mass is the union of all reported regions.
    """
    found = np.array([region.box for region in regions], dtype=np.float64).reshape(-1, 4)
    union = np.zeros(sample.shape, dtype=np.bool_)
    for region in regions:
        if region.score >= operating:
            union |= region.mask
    return ImageResult(
        case=sample.path.stem,
        group=sample.group,
        finding=str(sample.labels.finding),
        wanted=outlined_boxes(sample),
        found=found,
        scores=np.array([region.score for region in regions], dtype=np.float64),
        operating=operating,
        mass=_counts(union, sample, "mass"),
        liver=None if liver is None else _counts(liver, sample, "liver"),
    )


def outlined_boxes(sample: Sample) -> NDArray[np.float64]:
    """Box (m, 4) of the outlined mass, cut to the image; no row where there is none."""
    if "mass" not in sample.polygons:
        return np.zeros((0, 4))
    rows, columns = sample.shape
    points = np.clip(sample.polygons["mass"], 0.0, [columns, rows])
    return np.concatenate([points.min(axis=0), points.max(axis=0)])[None].astype(np.float64)


def case_row(result: ImageResult, extra: Mapping[str, Any]) -> dict[str, Any]:
    """One image of the benchmark's cases."""
    best = float(overlaps(result.found, result.wanted).max(initial=0.0)) if len(result.wanted) else None
    shown = result.scores >= result.operating
    return {
        "subject": result.group,
        "case": result.case,
        "class": result.finding,
        "best_overlap": best,
        "reported": result.reported,
        "hit": bool((hits_of(result.found, result.scores, result.wanted) & shown).any()) if best is not None else None,
        **extra,
    }


@dataclass
class WorstCases:
    """Keeps the five worst pictures: false masses on normal images and masses missed, the most certain first."""

    kept: list[tuple[float, CasePicture]] = field(default_factory=list)

    def add(self, result: ImageResult, image: NDArray[np.uint8], sample: Sample, regions: Sequence[Detection]) -> None:
        """Weigh one image and keep its picture while it is among the worst."""
        badness = _badness(result)
        if badness <= 0.0 or (len(self.kept) == WORST and badness <= self.kept[-1][0]):
            return
        shown = [region for region in regions if region.score >= result.operating]
        scores = ", ".join(f"{region.score:.2f}" for region in shown) or "none"
        outlines = {"reference": sample.mask("mass")} if "mass" in sample.polygons else {}
        picture = CasePicture(
            f"{result.case} ({result.finding}): reported masses with score {scores}",
            image.copy(),
            {**outlines, **{f"found {k + 1}": region.mask for k, region in enumerate(shown)}},
            {"reference": [tuple(box) for box in result.wanted.tolist()], "found": [region.box for region in shown]},
        )
        self.kept = sorted([*self.kept, (badness, picture)], key=lambda one: -one[0])[:WORST]

    def pictures(self) -> tuple[CasePicture, ...]:
        """The worst first."""
        return tuple(picture for _, picture in self.kept)


def _badness(result: ImageResult) -> float:
    """The score of a false mass; for a missed mass how far the best box is from it."""
    wrong = result.scores[~hits_of(result.found, result.scores, result.wanted) & (result.scores >= result.operating)]
    false = float(wrong.max(initial=0.0))
    if not len(result.wanted):
        return false
    return false + 0.5 * (1.0 - float(overlaps(result.found, result.wanted).max(initial=0.0)) - 0.5)


def _counts(mask: Mask, sample: Sample, name: str) -> Counts | None:
    if name not in sample.polygons:
        return None
    truth = sample.mask(name)
    return int((mask & truth).sum()), int(mask.sum()), int(truth.sum())
