"""Copies of training frames as other scanner settings would have shown them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.training.us_first_perturb import PERTURBATIONS, Perturbation, dynamic_range, gain, gamma, tilt

Frames = NDArray[np.uint8]

GAIN, RANGES, TILT, GAMMAS = 25.0, (0.75, 1.33), 25.0, (0.75, 1.3)
COPIES = 6
COPY_FRAMES = ((3, 8), (1, 6))
TILT_STEP = 20.0


def varied(frames: Frames, rng: np.random.Generator) -> Frames:
    """Frames (n, rows, columns) under one random setting: grey map, dynamic range, gain and tilt in depth."""
    shown = gamma(frames, float(np.exp(rng.uniform(*np.log(GAMMAS)))))
    shown = dynamic_range(shown, float(np.exp(rng.uniform(*np.log(RANGES)))))
    shown = gain(shown, float(rng.uniform(-GAIN, GAIN)))
    return tilt(shown, float(rng.uniform(-TILT, TILT)))


def changes(patient: int, seed: int) -> dict[str, Perturbation]:
    """Named changes for one patient: the published perturbations, a tilt of its own, and random training copies."""
    own = np.random.default_rng((31, seed, patient))
    step = float(own.uniform(-TILT_STEP, TILT_STEP))
    found = {name: change for name, change in PERTURBATIONS.items() if name != "first frame only"}
    found["TGC tilt of each patient's own"] = lambda frames: tilt(frames, step)
    for copy in range(COPIES):
        found[f"copy {copy}"] = _copy((37, seed, patient, copy))
    return found


def _copy(key: tuple[int, ...]) -> Perturbation:
    """Two frames under one random setting: frames of a clip are nearly alike, and time is short."""

    def change(frames: Frames) -> Frames:
        chosen = [place % len(frames) for place in COPY_FRAMES[key[-1] % 2]]
        return varied(frames[chosen], np.random.default_rng(key))

    return change
