"""Repeats of the ultrasound model: halves of one session on real patients, and phantoms scanned again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip, USView
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.learning.inference.byra2018_data import read_byra2018
from steatoscope.learning.inference.us_steatosis import load_us_steatosis
from steatoscope.pipeline.us_views import prepare_view

_FOLDER = Path("us") / "byra2018"
_FAT = (1.0, 30.0)
_FRAMES = 4


def session_repeats(data: Path) -> NDArray[np.float64] | None:
    """Values (patients, 2) of the first and the second half of each patient's frames; None without that set."""
    folder = next((place for place in (data / _FOLDER, data) if (place / "labels.csv").is_file()), None)
    if folder is None:
        return None
    rows = [[_value(half) for half in np.array_split(patient.frames, 2)] for patient in read_byra2018(folder)]
    return _known(rows)


def phantom_repeats(seed: int, people: int) -> NDArray[np.float64]:
    """Values (people, 2) of simulated people scanned twice by the sector probe; refused clips are left out."""
    rng = np.random.default_rng((seed, 2))
    rows = []
    for _ in range(people):
        fat, body = float(rng.uniform(*_FAT)), int(rng.integers(2**31))
        clips = [simulate_us(fat, body, probe="sector", frames=_FRAMES, repeat=k).clip for k in range(2)]
        rows.append([_value(clip.frames) for clip in clips])
    return _known(rows)


def _value(frames: NDArray[np.uint8]) -> float | None:
    view, _ = prepare_view(USView(None, Clip(frames)))
    if view is None:
        return None
    found = load_us_steatosis().predict(view.frames, view.sector, view.pixel_mm)
    return None if found.out_of_distribution else found.value_percent


def _known(rows: list[list[float | None]]) -> NDArray[np.float64]:
    return np.array([row for row in rows if None not in row], dtype=np.float64).reshape(-1, 2)
