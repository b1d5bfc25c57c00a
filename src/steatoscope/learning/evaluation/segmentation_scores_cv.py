"""Cross-validation of the segmentation recipes by volume or group of look-alikes; needs the ``train`` extra.

Each fold trains a network on the other folds' slices, exports it, and scores the exported graph on its own slices, so
that what is measured is what would ship. Nothing is chosen on the test slices: steps and threshold are fixed before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from steatoscope.learning.evaluation.segmentation_scores_model import finder_of
from steatoscope.learning.evaluation.segmentation_scores_run import FindSlices, ReadSample, Tally, score_slices
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.splits import k_fold

if TYPE_CHECKING:
    from steatoscope.learning.inference.slices import SliceSegmenter

FOLDS: Final = 5
QUICK_FOLDS: Final = 2
QUICK_STEPS: Final = 2
_TELL_EVERY: Final = 25
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a recipe is cross-validated: folds, steps (None: the recipe's own number), and whether it is only a trial."""

    folds: int = FOLDS
    steps: int | None = None
    quick: bool = False

    @classmethod
    def of(cls, quick: bool) -> Plan:
        """The full plan, or the small one that only shows that everything runs."""
        return cls(QUICK_FOLDS, QUICK_STEPS, True) if quick else cls()

    def document(self, steps: int) -> dict[str, Any]:
        """The configuration as it stands in the benchmark's document."""
        remark = {"quick": "small configuration: shows that it runs, not how good it is"} if self.quick else {}
        return {"folds": self.folds, "steps": steps, **remark}


def cross_validate(
    images: TrainingSet,
    read: ReadSample,
    kind: Literal["ct", "mr"],
    plan: Plan,
    *,
    row: str,
    seed: int,
    out: Path,
) -> tuple[Tally, dict[str, Any]]:
    """Scores of every slice by a network that has seen nothing of its group, and the configuration.

    Folds are kept in ``out/fold_K``. Raises SteatoscopeError ``E_SUBJECTS`` for fewer groups than folds.
    """
    from steatoscope.learning.training.segment import STEPS

    tally = Tally(pictured=frozenset({row}))
    for number, split in enumerate(k_fold(images, plan.folds, seed=seed), start=1):
        train, test = images.subset(split.train), images.subset(split.test)
        _LOG.info("fold %d of %d: %d slices to train, %d to score", number, plan.folds, len(train), len(test))
        find = _trained(train.samples, kind, plan, seed + number, out / f"fold_{number}")
        score_slices(tally, row, test.samples, read, find)
    return tally, plan.document(plan.steps or STEPS[kind])


def _trained(samples: Sequence[Sample], kind: Literal["ct", "mr"], plan: Plan, seed: int, out: Path) -> FindSlices:
    from steatoscope.learning.training.segment import export_segmenter, train_segmenter
    from steatoscope.learning.training.segment_sources import canvas_picture

    pictures = [picture for picture in map(canvas_picture, samples) if picture is not None]
    network = train_segmenter(pictures, kind=kind, steps=plan.steps, seed=seed, out=out, report=_tell)
    export_segmenter(network, kind, out / "model.onnx")
    return finder_of(_segmenter(out / "model.onnx", kind))


def _tell(step: int, steps: int, loss: float) -> None:
    if step % _TELL_EVERY == 0 or step == steps:
        _LOG.info("step %d of %d, loss %.3f", step, steps, loss)


def _segmenter(graph: Path, kind: Literal["ct", "mr"]) -> SliceSegmenter:
    """The exported graph at work, as :func:`steatoscope.learning.training.segment.pack_segmenter` would ship it."""
    from steatoscope.learning.inference.session import session_of_bytes
    from steatoscope.learning.inference.slices import SliceSegmenter
    from steatoscope.learning.training.segment import CLASSES

    running = session_of_bytes(graph.read_bytes())
    return SliceSegmenter(
        kind,
        tuple(CLASSES[kind]),
        lambda canvases: np.asarray(running.run(image=canvases)["logits"], dtype=np.float32),
        mirrored=kind != "ct",
    )
