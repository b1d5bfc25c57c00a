"""Pictures of recipe R5 as one kind of set: drawn when they are asked for, with mask, tissue and class; no torch here.

Copy 0 of a picture is the one that is tested on; further copies are varied (or painted anew) and serve training only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask

CLASSES: Final = ("normal", "benign", "malignant")
CENTRE, SPREAD = 0.45, 0.25
"""Of grey 0-1 as the encoders take it; see the cards of the architectures."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A square picture: grey, what is to be found, and the organ or sector that counts, all (side, side)."""

    grey: NDArray[np.uint8]
    mask: Mask
    tissue: Mask


@dataclass(frozen=True, eq=False)
class FindingSet:
    """Pictures with a class each; ``draw(row, copy)`` makes one. ``groups`` must stay on one side of a split.

    ``keys`` (n,) change wherever a picture would; ``strata`` (n,) are within which a comparison with the control is
    fair; ``control`` gives a row's features without tissue where the set has its own.
    """

    name: str
    simulated: bool
    labels: NDArray[np.intp]
    groups: NDArray[np.str_]
    strata: NDArray[np.str_]
    keys: tuple[str, ...]
    draw: Callable[[int, int], Drawn]
    control: Callable[[int], NDArray[np.float64]] | None = None
    sources: Sequence[Mapping[str, str]] = ()
    left_out: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def titled(self, row: str) -> str:
        """The name of a row of results: that of the set before it, and 'simulated' where it is."""
        return f"{self.name}: {row}{' (simulated)' if self.simulated else ''}"

    def subset(self, rows: NDArray[np.intp]) -> FindingSet:
        """Some pictures of the set."""
        own = self.control
        return replace(
            self,
            labels=self.labels[rows],
            groups=self.groups[rows],
            strata=self.strata[rows],
            keys=tuple(self.keys[int(row)] for row in rows),
            draw=lambda row, copy: self.draw(int(rows[row]), copy),
            control=None if own is None else lambda row: own(int(rows[row])),
        )


def encoder_input(grey: NDArray[np.uint8]) -> Floats:
    """What an encoder takes of a grey picture 0-255."""
    return np.asarray((grey.astype(np.float32) / 255.0 - CENTRE) / SPREAD, dtype=np.float32)


def squared(grey: Floats, masks: Sequence[Mask], side: int) -> Drawn:
    """Grey and two masks (rows, columns) padded with 0 to a square and scaled to ``side``."""
    size = max(grey.shape)
    top, left = (size - grey.shape[0]) // 2, (size - grey.shape[1]) // 2

    def fitted(layer: Floats) -> Floats:
        square = np.zeros((size, size), dtype=np.float32)
        square[top : top + grey.shape[0], left : left + grey.shape[1]] = layer
        how = cv2.INTER_AREA if side < size else cv2.INTER_LINEAR
        return square if side == size else np.asarray(cv2.resize(square, (side, side), interpolation=how))

    mask, tissue = (fitted(one.astype(np.float32)) > 0.5 for one in masks)
    return Drawn(np.clip(np.rint(fitted(grey)), 0, 255).astype(np.uint8), mask, tissue)
