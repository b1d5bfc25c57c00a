"""Runs a finder of livers over slices or volumes and keeps scores and the worst pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask, Volume
from steatoscope.learning.evaluation.report_evidence import CasePicture, Evidence
from steatoscope.learning.evaluation.segmentation_scores import Score, case_rows, score_mask, summarise
from steatoscope.learning.training.sets import Sample

FindSlices = Callable[[Floats], NDArray[np.bool_]]
"""From slices (n, rows, columns) to liver masks of the same shape."""
FindVolume = Callable[[Volume], Mask]
"""From a volume in HU to a liver mask of its shape."""
ReadSample = Callable[[Sample], tuple[Floats, Mask]]

_BATCH: Final = 16
_WORST: Final = 5
_DISPLAY_HU: Final = (-100.0, 200.0)


@dataclass
class Tally:
    """Scores by row of the results; the worst pictures are those of the rows named in ``pictured``."""

    pictured: frozenset[str]
    scores: dict[str, list[Score]] = field(default_factory=dict)
    worst: list[tuple[float, CasePicture]] = field(default_factory=list)

    def add(self, row: str, score: Score, picture: Callable[[str], CasePicture]) -> None:
        """Keep a score, and its picture (made from a caption) while it is among the five worst."""
        self.scores.setdefault(row, []).append(score)
        if row in self.pictured and score.wanted and (len(self.worst) < _WORST or score.dice < self.worst[-1][0]):
            caption = f"{score.case} of {score.subject}: Dice {score.dice:.3f}"
            self.worst = sorted([*self.worst, (score.dice, picture(caption))], key=lambda one: one[0])[:_WORST]

    def results(self) -> dict[str, dict[str, Any]]:
        """Figures of each row."""
        return {row: summarise(scores) for row, scores in self.scores.items()}

    def cases(self) -> list[dict[str, Any]]:
        """All cases of all rows."""
        return [case for row, scores in self.scores.items() for case in case_rows(scores, row)]

    def evidence(self, notes: Sequence[str]) -> Evidence:
        """The worst pictures and the notes."""
        return Evidence(worst=tuple(picture for _, picture in self.worst), notes=tuple(notes))


def score_slices(tally: Tally, row: str, samples: Sequence[Sample], read: ReadSample, find: FindSlices) -> None:
    """Score single images; their surface distance is in pixels."""
    for batch, images, masks in _batches(samples, read):
        found = find(images)
        if found.shape != masks.shape:
            raise ValueError(f"masks of shape {found.shape} do not fit slices of shape {masks.shape}")
        for sample, image, mask, truth in zip(batch, images, found, masks, strict=True):
            score = score_mask(sample.group, sample.path.stem, mask, truth, spacing=(1.0, 1.0))
            tally.add(row, score, _drawer(_shown(image), mask, truth))


def score_volume(tally: Tally, row: str, subject: str, volume: Volume, truth: Mask, find: FindVolume) -> None:
    """Score one volume as a whole; the picture shows its slice with the most wrong pixels."""
    found = find(volume)
    score = score_mask(subject, "volume", found, truth, spacing=volume.geometry.spacing, hu=volume.data)
    worst = int((found ^ truth).sum(axis=(1, 2)).argmax())
    low, high = _DISPLAY_HU
    grey = (np.clip((volume.data[worst] - low) / (high - low), 0.0, 1.0) * 255.0).astype(np.uint8)
    tally.add(row, score, _drawer(grey, found[worst], truth[worst]))


def _drawer(image: NDArray[np.uint8], found: Mask, truth: Mask) -> Callable[[str], CasePicture]:
    outlines: Mapping[str, Mask] = {"reference": truth.copy(), "found": found.copy()}
    return lambda caption: CasePicture(caption, image.copy(), outlines)


def _shown(image: Floats) -> NDArray[np.uint8]:
    """An image of any range as 8-bit grey; 8-bit images stay as they are."""
    top = max(float(image.max()), 1.0)
    return np.clip(image if top <= 255.0 else image * (255.0 / top), 0.0, 255.0).astype(np.uint8)


def _batches(
    samples: Sequence[Sample], read: ReadSample
) -> Iterator[tuple[Sequence[Sample], Floats, NDArray[np.bool_]]]:
    """Neighbouring samples of one size together, at most 16."""
    for start in range(0, len(samples), _BATCH):
        loaded = [(sample, *read(sample)) for sample in samples[start : start + _BATCH]]
        for _, group in groupby(loaded, key=lambda one: one[1].shape):
            batch, images, masks = zip(*group, strict=True)
            yield batch, np.stack(images), np.stack(masks)
