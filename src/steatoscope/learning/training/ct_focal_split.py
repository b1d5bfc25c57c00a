"""The CT localiser's split by volume: held out for evaluation, for the operating point, for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steatoscope.learning.training.ct_focal_slices import LiverSlice

HELD_OUT, CALIBRATION = 5, 10


@dataclass(frozen=True, eq=False)
class FocalSplit:
    """Slices of volumes that appear in one part only."""

    train: list[LiverSlice]
    calibration: list[LiverSlice]
    held_out: list[LiverSlice]

    @classmethod
    def of(cls, slices: Sequence[LiverSlice], volumes: Sequence[str], seed: int = 0) -> FocalSplit:
        """One volume in five is held out, one in ten calibrates; ``volumes`` are all of the set, with liver or not."""
        names = np.unique(np.asarray(volumes))
        np.random.default_rng(seed).shuffle(names)
        held, more = len(names) // HELD_OUT, len(names) // CALIBRATION
        kept_out, tuned = set(names[:held].tolist()), set(names[held : held + more].tolist())
        return cls(
            [one for one in slices if one.volume not in kept_out | tuned],
            [one for one in slices if one.volume in tuned],
            [one for one in slices if one.volume in kept_out],
        )
