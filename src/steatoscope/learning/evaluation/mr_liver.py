"""Benchmark ``mr_liver``: liver masks on MR slices, copies and look-alikes grouped.

The folder holds ``Data/`` and ``Ground/`` with images of one name, augmented copies of fewer originals. Folds and
bootstrap draw the groups of :mod:`steatoscope.learning.training.sets_chaos_t1`: subjects where they are known, else
look-alikes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.evaluation.segmentation_scores_run import FindSlices, Tally, score_slices
from steatoscope.learning.evaluation.unseen import unseen
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_chaos_t1 import load_chaos_t1

if TYPE_CHECKING:
    from steatoscope.learning.model_folder import ModelFolder

MODEL: Final = "mr-segmenter"
_NOTES: Final = (
    "Some images are mirrored copies, and masks have grey edges (cut at 127).",
    "Surface distances are in pixels, slice by slice, where both masks hold something.",
)


def score_mr_liver(data: Path, model: ModelFolder, *, out: Path, find: FindSlices | None = None) -> dict[str, Any]:
    """Score a packed MR segmenter on all images of ``data`` that it was not trained on.

    Raises SteatoscopeError ``E_PATH`` or ``E_ANNOTATION`` for a wrong folder, ``E_LEAK`` where it has seen everything.
    """
    given = load_chaos_t1(data)
    kept, left_out = unseen([sample.path for sample in given.samples], model)
    images = given.subset(k for k, sample in enumerate(given.samples) if sample.path in set(kept))
    tally = Tally(pictured=frozenset({model.name}))
    score_slices(tally, model.name, images.samples, read_slice, find or _finder(model))
    return _document(images, left_out, tally)


def run_mr_liver(data: Path, *, seed: int, out: Path, quick: bool = False) -> dict[str, Any]:
    """Cross-validate the MR segmenter's recipe by group of look-alikes; ``quick`` only shows that it runs."""
    from steatoscope.learning.evaluation.segmentation_scores_cv import Plan, cross_validate

    images = load_chaos_t1(data)
    tally, configuration = cross_validate(images, read_slice, "mr", Plan.of(quick), row=MODEL, seed=seed, out=out)
    return {**_document(images, 0, tally), "configuration": configuration}


def read_slice(sample: Sample) -> tuple[Floats, Mask]:
    """An image and its mask (rows, columns), as stored."""
    return sample.image().astype(np.float32), sample.mask()


def _document(images: TrainingSet, left_out: int, tally: Tally) -> dict[str, Any]:
    return {
        "name": "mr_liver",
        "data": "MR slices with liver masks, augmented copies grouped",
        "n_subjects": len(set(images.groups)),
        "n_images": len(images),
        "left_out": left_out,
        "results": {row: {**figures, "assd_unit": "pixel"} for row, figures in tally.results().items()},
        "cases": tally.cases(),
        "evidence": tally.evidence((*_NOTES, *images.warnings)),
    }


def _finder(model: ModelFolder) -> FindSlices:
    from steatoscope.learning.evaluation.segmentation_scores_model import slices_finder

    return slices_finder(model)
