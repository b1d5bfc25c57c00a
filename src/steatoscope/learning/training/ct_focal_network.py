"""The CT localiser's network: the small Mask R-CNN with anchors for regions of 5 to 80 mm at one millimetre a pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from steatoscope.learning.models.rcnn import LiteRCNN, RCNNPlan
from steatoscope.learning.training.ct_focal_batches import SEGMENTS, FocalBatches
from steatoscope.learning.training.ct_focal_paint import LABELS
from steatoscope.learning.training.ct_focal_slices import LiverSlice
from steatoscope.learning.training.detector import detector_loss
from steatoscope.learning.training.loop import Schedule, fit

PLAN = RCNNPlan(
    segments=len(SEGMENTS),
    labels=len(LABELS),
    anchors=((6, 11), (18, 30), (48, 80)),
    canonical=64,
)
STEPS, PEAK_RATE, WEIGHT_DECAY = 300, 1.5e-3, 1e-4
Report = Callable[[int, int, float], None]


def train_network(
    real: Sequence[LiverSlice],
    phantoms: Sequence[LiverSlice],
    *,
    seed: int,
    steps: int | None = None,
    out: Path | None = None,
    resume: bool = False,
    trunk: Mapping[str, Tensor] | None = None,
    report: Report | None = None,
) -> LiteRCNN:
    """A network trained on painted slices; ``trunk`` is the state of a liver :class:`LiteUNet` to begin with."""
    torch.manual_seed(seed)
    network = LiteRCNN(PLAN, pretrained=trunk is None)
    if trunk is not None:
        take_trunk(network, trunk)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    schedule = Schedule(steps or STEPS, PEAK_RATE, weight_decay=WEIGHT_DECAY, save_every=25, seed=seed)
    batches = FocalBatches(real, phantoms, seed)
    fit(network, batches, detector_loss, schedule, out=out, resume=resume, report=report)
    return network


def take_trunk(network: LiteRCNN, trunk: Mapping[str, Tensor]) -> None:
    """Begin with a liver segmenter's weights; its head becomes that of the first segment, the liver."""
    own = network.unet.state_dict()
    for name, value in trunk.items():
        if own[name].shape == value.shape:
            own[name] = value
        else:
            own[name][: len(value)] = value
    network.unet.load_state_dict(own)
