"""Trains a segmenter on a user's own manifest and measures it on the subjects that were held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from steatoscope.core.image import Clip, Floats, Mask
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.inference.prepare import Kind, hu_of_clipped
from steatoscope.learning.inference.slices import SliceSegmenter
from steatoscope.learning.training.segment import STEPS, TASKS, VERSION, pack_segmenter, train_segmenter
from steatoscope.learning.training.segment_card import CardFacts, Figure, card
from steatoscope.learning.training.segment_own import OWN_CLASSES, OWN_LICENCE, own_picture, own_set, own_split
from steatoscope.learning.training.sets import Sample
from steatoscope.science.uncertainty.bootstrap import bootstrap_interval

_TASKS: Final[dict[Kind, str]] = {**TASKS, "us": "liver on B-mode frames"}
_THRESHOLD: Final = 0.5
_SPLIT: Final = "one subject in five held out, drawn by subject; the figures are of these"
_LIMITS: Final = (
    "Only the liver is segmented. What it does outside the scanners, sequences and patients of these pictures is not "
    "known."
)


def train_own_segmenter(
    data: Path, out: Path, kind: Kind, *, seed: int, steps: int | None, resume: bool
) -> dict[str, Any]:
    """Train on four subjects in five of ``data/manifest.csv``, measure on the others and pack the model in ``out``.

    Returns the model's name, counts, parity and the Dice of the held-out subjects (pixels of a subject pooled, mean of
    subjects). Raises the named errors of :func:`~.segment_own.own_set`.
    """
    found, count = own_set(data, kind), steps or STEPS[kind]
    split = own_split(found, seed)
    learn, test = found.subset(split.train), found.subset(split.test)
    pictures = [picture for sample in learn.samples if (picture := own_picture(sample)) is not None]
    network = train_segmenter(
        pictures, kind=kind, classes=OWN_CLASSES, steps=count, seed=seed, out=out / "run", resume=resume
    )
    figure = held_out_dice(network, kind, test.samples)
    facts = CardFacts(
        f"own pictures of a manifest, {kind.upper()}", "none: your own data", OWN_LICENCE, len(pictures),
        len(set(learn.subjects)), _SPLIT, count, [figure], f"steatoscope train {kind}-segmenter --seed {seed}",
        limits=_LIMITS,
    )  # fmt: skip
    parity = pack_segmenter(
        network, kind, out, rows=learn.records(), text=card(kind, VERSION, _TASKS[kind], facts), seed=seed,
        classes=OWN_CLASSES, licence=OWN_LICENCE, task=_TASKS[kind],
        more={"split": _SPLIT, "held_out": sorted(set(test.subjects.tolist()))},
    )  # fmt: skip
    return {
        "model": f"{kind}-segmenter",
        "pictures": len(pictures),
        "parity": parity,
        "held_out": {
            "subjects": figure.n,
            "pictures": len(test),
            "dice": figure.value,
            "interval": list(figure.interval or ()),
        },
    }


def held_out_dice(network: nn.Module, kind: Kind, samples: Sequence[Sample]) -> Figure:
    """Dice of the liver (probability over 0.5) by subject, the pixels of a subject pooled, with its 95 % interval."""
    segmenter = SliceSegmenter(kind, OWN_CLASSES, _answers(network.eval()), mirrored=kind != "ct")
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for sample in samples:
        liver, seen = sample.mask(), _found(segmenter, sample)
        counts[sample.subject][0] += 2 * int((liver & seen).sum())
        counts[sample.subject][1] += int(liver.sum()) + int(seen.sum())
    scores = np.array([both / whole for both, whole in counts.values()])
    span = bootstrap_interval(lambda rows: float(scores[rows].mean()), np.arange(len(scores)))
    limits = None if span is None else (span.low, span.high)
    return Figure("held-out subjects", "Dice, liver", float(scores.mean()), limits, len(scores))


def _found(segmenter: SliceSegmenter, sample: Sample) -> Mask:
    image = sample.image()
    if segmenter.kind == "ct":
        maps = segmenter.probabilities(hu_of_clipped(image)[None])
    elif segmenter.kind == "mr":
        maps = segmenter.probabilities(image[None].astype(np.float32))
    else:
        sector = find_sector(Clip(image[None]))
        if sector is None:  # the set has none such
            return np.zeros(image.shape, dtype=np.bool_)
        maps = segmenter.of_frames(image[None], tissue_mask(image[None], sector))
    return np.asarray(maps[0, 0] > _THRESHOLD)


def _answers(network: nn.Module) -> Any:
    def logits(canvases: Floats) -> Floats:
        with torch.no_grad():
            found: Floats = network(torch.from_numpy(np.ascontiguousarray(canvases))).float().numpy()
        return found

    return logits
