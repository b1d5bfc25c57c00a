"""Cross-validated detectors: every image read by a network that has seen nothing of its group of look-alikes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from steatoscope.learning.inference.canvas import standardised
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.detector_us import Frame, FrameFindings, find_on_frame
from steatoscope.learning.inference.prepare import CANVAS
from steatoscope.learning.training.detector import DetectorTask, train_detector, trained_trunk
from steatoscope.learning.training.detector_batches import regions_of
from steatoscope.learning.training.detector_export import detector_of, export_detector
from steatoscope.learning.training.detector_rescore import Evidence, candidate_evidence, fit_weights
from steatoscope.learning.training.segment_batches import CanvasPicture
from steatoscope.learning.training.segment_sources import canvas_picture
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.splits import Split, k_fold

FOLDS = 5
WEIGHTS = "rescore.json"
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

    Images without a scan sector are neither learnt from nor read. What runs is the exported detector. How evidence is
    weighed in a fold's scores is fitted on the unseen images of the other folds.
    """
    pictures = _pictures(data)
    detectors, gathered = [], []
    for fold, split in enumerate(splits):
        _LOG.info("fold %d of %d: %d to train, %d to read", fold + 1, len(splits), split.train.size, split.test.size)
        known = [pictures[int(i)] for i in split.train if int(i) in pictures]
        detector = _trained(known, task, out / f"fold_{fold + 1}", seed=seed + fold, steps=steps)
        unseen = [pictures[int(i)] for i in split.test if int(i) in pictures]
        detectors.append(detector)
        gathered.append([picture_evidence(detector, picture, task) for picture in unseen])
    (out / WEIGHTS).write_text(json.dumps(_weights([one for part in gathered for one in part])), encoding="utf-8")
    for fold, split in enumerate(splits):
        others = [one for other, part in enumerate(gathered) if other != fold for one in part]
        plan = replace(detectors[fold].settings, rescore=_weights(others))
        detector = replace(detectors[fold], settings=plan)
        for index in split.test:
            frame = Frame.of(np.asarray(data.samples[int(index)].image(), dtype=np.uint8))
            if frame is not None:
                yield Reading(int(index), fold, frame, find_on_frame(detector, frame.image, frame.tissue))


def picture_evidence(detector: Detector, picture: CanvasPicture, task: DetectorTask) -> Evidence:
    """Evidence of the first label's candidates on a training picture that the detector has not seen."""
    canvas = standardised(picture.grey.astype(np.float32), picture.layers[0] > 127)
    channels = dict(enumerate(task.labels.values(), start=1))
    wanted = regions_of(picture.masks.astype(np.float32) / np.float32(255.0), channels)
    return candidate_evidence(detector, canvas, wanted.boxes[wanted.labels == 1])


def _pictures(data: TrainingSet) -> dict[int, CanvasPicture]:
    found = ((index, canvas_picture(sample)) for index, sample in enumerate(data.samples))
    return {index: picture for index, picture in found if picture is not None}


def _weights(parts: Sequence[Evidence]) -> tuple[float, ...]:
    """Weights of the evidence; none where it cannot be weighed, as after a few steps of training."""
    try:
        return fit_weights(parts)
    except ValueError:
        return ()


def _trained(
    pictures: Sequence[CanvasPicture], task: DetectorTask, out: Path, *, seed: int, steps: int | None
) -> Detector:
    # A detector begins with a trunk that has learnt to segment: it needs fewer and dearer steps afterwards.
    trunk = trained_trunk(pictures, task.kind, out / "trunk", seed=seed, steps=steps)
    network = train_detector(pictures, task, steps=steps, seed=seed, out=out, resume=True, trunk=trunk)
    return detector_of(network, task, export_detector(network, CANVAS[task.kind], out))
