"""Cross-validated detectors: every image read by a network that has seen nothing of its group of look-alikes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.detector_us import Frame, FrameFindings, find_on_frame
from steatoscope.learning.inference.prepare import CANVAS
from steatoscope.learning.training.detector import DetectorTask, train_detector, trained_trunk
from steatoscope.learning.training.detector_export import detector_of, export_detector
from steatoscope.learning.training.segment_batches import CanvasPicture
from steatoscope.learning.training.segment_sources import canvas_picture
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.splits import Split, k_fold

FOLDS = 5
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reading:
    """One image of the test part of fold ``fold``, and what that fold's detector finds on it."""

    index: int
    fold: int
    frame: Frame
    findings: FrameFindings


def folds_of(data: TrainingSet, seed: int, folds: int = FOLDS) -> list[Split]:
    """Folds by group of look-alikes, balanced by finding."""
    return list(k_fold(data, folds, strata=[sample.labels.finding for sample in data.samples], seed=seed))


def out_of_fold(
    data: TrainingSet,
    task: DetectorTask,
    splits: Sequence[Split],
    out: Path,
    *,
    seed: int,
    steps: int | None = None,
) -> Iterator[Reading]:
    """Train a detector for every fold, or take it from ``out/fold_K`` where that run is done, and read its test part.

    Images without a scan sector are neither learnt from nor read. What runs is the exported detector.
    """
    pictures: dict[int, CanvasPicture] = {}
    for index, sample in enumerate(data.samples):
        picture = canvas_picture(sample)
        if picture is not None:
            pictures[index] = picture
    for fold, split in enumerate(splits):
        _LOG.info(
            "fold %d of %d: %d images to train, %d to read", fold + 1, len(splits), split.train.size, split.test.size
        )
        known = [pictures[int(i)] for i in split.train if int(i) in pictures]
        detector = _trained(known, task, out / f"fold_{fold + 1}", seed=seed + fold, steps=steps)
        for index in split.test:
            frame = Frame.of(np.asarray(data.samples[int(index)].image(), dtype=np.uint8))
            if frame is not None:
                yield Reading(int(index), fold, frame, find_on_frame(detector, frame.image, frame.tissue))


def _trained(
    pictures: Sequence[CanvasPicture], task: DetectorTask, out: Path, *, seed: int, steps: int | None
) -> Detector:
    # A detector begins with a trunk that has learnt to segment: it needs fewer and dearer steps afterwards.
    trunk = trained_trunk(pictures, task.kind, out / "trunk", seed=seed, steps=steps)
    network = train_detector(pictures, task, steps=steps, seed=seed, out=out, resume=True, trunk=trunk)
    files = export_detector(network, CANVAS[task.kind], out)
    return detector_of(network, task, files)
