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
CYCLES, PEAK_RATE, WEIGHT_DECAY = (180, 400), 1.5e-3, 1e-4
CYCLE_SEEDS = 1000
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
    """A network trained on painted slices; ``trunk`` is the state of a liver :class:`LiteUNet` to begin with.

    Two one-cycle schedules one after the other (warm restart; Loshchilov and Hutter 2017), each with its own pictures;
    ``steps`` makes it one of that length. Each cycle keeps its checkpoint in its own folder of ``out``.
    """
    torch.manual_seed(seed)
    network = LiteRCNN(PLAN, pretrained=trunk is None)
    if trunk is not None:
        take_trunk(network, trunk)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for cycle, length in enumerate(CYCLES if steps is None else (steps,)):
        schedule = Schedule(length, PEAK_RATE, weight_decay=WEIGHT_DECAY, save_every=25, seed=seed + cycle)
        batches = FocalBatches(real, phantoms, seed + CYCLE_SEEDS * cycle)
        place = None if out is None else out / f"cycle{cycle}"
        fit(network, batches, detector_loss, schedule, out=place, resume=resume, report=report, by_rows=True)
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
