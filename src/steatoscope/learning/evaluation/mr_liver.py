"""Benchmark ``mr_liver``: liver masks on MR slices, copies and look-alikes grouped.

The folder holds ``Data/`` and ``Ground/`` with images of one name. Subjects are unknown and images are augmented copies
of fewer originals, so look-alikes form a group, and the group is what folds and bootstrap draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.evaluation.ct_liver_data import paired_samples
from steatoscope.learning.evaluation.segmentation_scores_run import FindSlices, Tally, score_slices
from steatoscope.learning.evaluation.unseen import unseen
from steatoscope.learning.training.sets import Sample

if TYPE_CHECKING:
    from steatoscope.learning.model_folder import ModelFolder

MODEL: Final = "mr-segmenter"
_NOTES: Final = (
    "Subjects are unknown: a subject here is a group of look-alike images, found by similarity, not by name.",
    "Some images are mirrored copies, and masks have grey edges (cut at 127).",
    "Surface distances are in pixels, slice by slice, where both masks hold something.",
)


def score_mr_liver(data: Path, model: ModelFolder, *, out: Path, find: FindSlices | None = None) -> dict[str, Any]:
    """Score a packed MR segmenter on all images of ``data`` that it was not trained on.

    Raises SteatoscopeError ``E_PATH`` or ``E_ANNOTATION`` for a wrong folder, ``E_LEAK`` where it has seen everything.
    """
    samples = find_images(data)
    kept, left_out = unseen([sample.path for sample in samples], model)
    chosen = set(kept)
    samples = [sample for sample in samples if sample.path in chosen]
    tally = Tally(pictured=frozenset({model.name}))
    score_slices(tally, model.name, samples, read_slice, find or _finder(model))
    return _document(samples, left_out, tally)


def run_mr_liver(data: Path, *, seed: int, out: Path, quick: bool = False) -> dict[str, Any]:
    """Cross-validate the MR segmenter's recipe by group of look-alikes; ``quick`` only shows that it runs."""
    from steatoscope.learning.evaluation.segmentation_scores_cv import Plan, cross_validate

    samples = find_images(data)
    tally, configuration = cross_validate(samples, read_slice, "mr", Plan.of(quick), row=MODEL, seed=seed, out=out)
    return {**_document(samples, 0, tally), "configuration": configuration}


def find_images(data: Path) -> list[Sample]:
    """Samples of ``Data/`` with their masks of ``Ground/``; the group is that of look-alikes."""
    samples = paired_samples(data / "Data", data / "Ground", lambda path: path.stem, "mr")
    groups = look_alikes(samples)
    return [replace(sample, group=f"group {group}") for sample, group in zip(samples, groups, strict=True)]


def look_alikes(samples: Sequence[Sample]) -> list[int]:
    """For every sample the number of its group of look-alikes, remembered by content."""
    from steatoscope.learning.training.twins import SLICE_THRESHOLD, groups_of, remembered, slice_similarity

    def compute() -> list[int]:
        return groups_of(slice_similarity([sample.image() for sample in samples]), SLICE_THRESHOLD)

    return remembered((sample.sha256 for sample in samples), "mr slices", compute)


def read_slice(sample: Sample) -> tuple[Floats, Mask]:
    """An image and its mask (rows, columns), as stored."""
    return sample.image().astype(np.float32), sample.mask()


def _document(samples: Sequence[Sample], left_out: int, tally: Tally) -> dict[str, Any]:
    return {
        "name": "mr_liver",
        "data": "MR slices with liver masks, augmented copies grouped",
        "n_subjects": len({sample.group for sample in samples}),
        "n_images": len(samples),
        "left_out": left_out,
        "results": {row: {**figures, "assd_unit": "pixel"} for row, figures in tally.results().items()},
        "cases": tally.cases(),
        "evidence": tally.evidence(_NOTES),
    }


def _finder(model: ModelFolder) -> FindSlices:
    from steatoscope.learning.evaluation.segmentation_scores_model import slices_finder

    return slices_finder(model)
