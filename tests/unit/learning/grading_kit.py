"""Painted sectors that darken with depth the more, the more fat, and tiny runs on them: for the grading recipes.

As a program it runs recipe R2 or R3 in a process of its own and kills it as soon as it tells of a certain fit.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from painted_kit import FAT, painted, painted_folder

from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.evaluation.grading_run import GradingRun, Options, cross_validated
from steatoscope.learning.evaluation.r2 import RECIPE as R2
from steatoscope.learning.evaluation.r3 import RECIPE as R3
from steatoscope.learning.training.grading_folds import GradingPlan

__all__ = ["FAT", "R2", "R3", "TINY", "painted", "painted_clip", "painted_folder", "tiny_run"]

TINY = GradingPlan("tiny", epochs=2, variants=0, folds=3, run_folds=3, members=2)


def painted_clip(fat: float = 20.0) -> tuple[NDArray[np.uint8], Sector]:
    """Two painted frames and their sector."""
    frames = np.stack([painted(fat, seed) for seed in (1, 2)])
    sector = find_sector(Clip(frames))
    assert sector is not None
    return frames, sector


def tiny_run(recipe: str, data: Path, out: Path, **options: Any) -> GradingRun:
    """Three folds of a tiny plan, frames without varied copies, no baselines."""
    chosen = {"r2": R2, "r3": R3}[recipe]
    return cross_validated(chosen, TINY, data, out, Options(**options))


def _killed_at(words: str, told: str) -> None:
    if words in told:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    name, folder, place, when = sys.argv[1:]
    tiny_run(name, Path(folder), Path(place), told=lambda told: _killed_at(when, told))
