"""Training of the focal-region detectors: ``us-localiser`` here, any other canvas by :func:`train_detector`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from steatoscope.learning.inference.prepare import Kind
from steatoscope.learning.models.rcnn import LiteRCNN, RCNNPlan
from steatoscope.learning.training.detector_batches import DetectorBatches, targets_of
from steatoscope.learning.training.loop import Schedule, fit
from steatoscope.learning.training.losses import bce_dice
from steatoscope.learning.training.segment_batches import CanvasPicture

PEAK_RATE, WEIGHT_DECAY = 1e-3, 1e-4
SHARES: Mapping[str, float] = {
    "loss_objectness": 1.0,
    "loss_rpn_box_reg": 1.0,
    "loss_classifier": 1.0,
    "loss_box_reg": 1.0,
    "loss_mask": 0.5,
}
OPERATING = 0.16
TRUNK_STEPS = 320
Report = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class DetectorTask:
    """What to detect: how pictures are prepared, the segments, the labels with the segment that outlines each.

    ``silent`` is the share of training pictures drawn from those without any region; ``steps`` are batches of 8.
    """

    kind: Kind
    segments: tuple[str, ...]
    labels: Mapping[str, int]
    silent: float = 0.2
    steps: int = 300


US_MASSES = DetectorTask("us", ("liver", "mass", "kidney"), {"mass": 1}, steps=260)


def train_detector(
    pictures: Sequence[CanvasPicture],
    task: DetectorTask,
    *,
    steps: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    resume: bool = False,
    report: Report | None = None,
    trunk: Mapping[str, Tensor] | None = None,
    pretrained: bool = True,
) -> LiteRCNN:
    """A detector trained on canvas pictures; a checkpoint is kept in ``out``.

    ``trunk`` are the weights of a trained :class:`LiteUNet` with the same segments to begin with.
    """
    torch.manual_seed(seed)
    network = LiteRCNN(RCNNPlan(len(task.segments), len(task.labels)), pretrained=pretrained)
    if trunk is not None:
        network.unet.load_state_dict(dict(trunk))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    channels = dict(enumerate(task.labels.values(), start=1))
    fit(
        network,
        DetectorBatches(pictures, task.kind, channels, task.silent, seed),
        detector_loss,
        Schedule(steps or task.steps, PEAK_RATE, weight_decay=WEIGHT_DECAY, seed=seed),
        out=out,
        resume=resume,
        report=report,
        by_rows=True,
    )
    return network


def detector_loss(
    network: nn.Module, image: Tensor, masks: Tensor, known: Tensor, boxes: Tensor, labels: Tensor, regions: Tensor
) -> Tensor:
    """Weighted losses of proposals, boxes and region masks, plus the segmentation's BCE and soft Dice."""
    if not isinstance(network, LiteRCNN):
        raise TypeError(f"a LiteRCNN is trained here, not a {type(network).__name__}")
    losses, logits = network.losses(image, targets_of(boxes, labels, regions))
    total = bce_dice(logits, masks, known)
    for name, share in SHARES.items():
        total = total + share * losses[name]
    return total


def trained_trunk(
    pictures: Sequence[CanvasPicture], kind: Kind, out: Path, *, seed: int, steps: int | None = None
) -> Mapping[str, Tensor]:
    """Weights of a segmenter trained on the same pictures, from the finished run in ``out`` where there is one."""
    from steatoscope.learning.training.segment import train_segmenter

    network = train_segmenter(pictures, kind=kind, steps=steps or TRUNK_STEPS, seed=seed, out=out, resume=True)
    return network.state_dict()
