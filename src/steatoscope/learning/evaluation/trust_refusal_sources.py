"""Where foreign images are cut from: real sets where they are given, simulated studies else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steatoscope.learning.evaluation.trust_refusal_pictures import Picture

_MOST: Final = 60
_LIVER_FREE: Final = 56
Floats = NDArray[np.float32]
_WINDOW_HU: Final = (-160.0, 240.0)


@dataclass(frozen=True)
class Sources:
    """The folder of all data sets (laid out as ``docs/reference/data.md`` says), or None for simulated sources."""

    data: Path | None
    seed: int = 0

    def livers(self) -> Sequence[Picture]:
        """Liver ultrasound pictures (rows, columns)."""
        return _livers(self.data, self.seed)

    def ct_slices(self) -> Sequence[Picture]:
        """CT slices in an abdominal window as pictures."""
        return _ct_slices(self.data, self.seed)

    def mr_slices(self) -> Sequence[Picture]:
        """MR slices as pictures."""
        return _mr_slices(self.data, self.seed)

    def pelvis(self) -> Floats | None:
        """The lower half of a real CT in HU (slices from below, rows, columns), 3 mm, no liver in it; None without."""
        return _pelvis(self.data)

    @property
    def words(self) -> str:
        """What they are cut from."""
        return "simulated studies" if self.data is None else "the data folder"


def some(paths: Sequence[Path], seed: int, most: int = _MOST) -> list[Path]:
    """At most ``most`` of the paths, by a seeded draw, in order."""
    ordered = sorted(paths)
    if len(ordered) <= most:
        return ordered
    chosen = np.random.default_rng((seed, 77)).choice(len(ordered), most, replace=False)
    return [ordered[int(k)] for k in sorted(chosen)]


def grey(path: Path) -> Picture:
    """A raster as 8-bit grey."""
    with Image.open(path) as opened:
        return np.asarray(opened.convert("L"), dtype=np.uint8)


def _pictures(folder: Path | None, pattern: str, seed: int) -> list[Picture]:
    return [] if folder is None else [grey(path) for path in some(list(folder.glob(pattern)), seed)]


@lru_cache(maxsize=2)
def _livers(data: Path | None, seed: int) -> tuple[Picture, ...]:
    real = [
        *_pictures(data and data / "us" / "byra2018", "patient_*/*.png", seed),
        *_pictures(data and data / "us" / "aul", "images/*.jpg", seed),
    ]
    return tuple(real) or tuple(_simulated_livers(seed))


def _simulated_livers(seed: int) -> list[Picture]:
    from steatoscope.imaging.phantoms.us import simulate_us

    return [simulate_us(fat, seed + k).clip.frames[0] for k, fat in enumerate((2.0, 15.0, 30.0))]


@lru_cache(maxsize=2)
def _ct_slices(data: Path | None, seed: int) -> tuple[Picture, ...]:
    return tuple(_pictures(data and data / "ct" / "msd_liver_jpg", "images/*.jpg", seed)) or _windowed(seed)


def _windowed(seed: int) -> tuple[Picture, ...]:
    from steatoscope.imaging.phantoms.ct import simulate_ct

    low, high = _WINDOW_HU
    volume = simulate_ct(10.0, seed).volume.data
    return tuple(_eight_bit((np.clip(plane, low, high) - low) / (high - low)) for plane in volume[2:-2:4])


@lru_cache(maxsize=2)
def _pelvis(data: Path | None) -> Floats | None:
    path = None if data is None else data / "ct" / "totalsegmentator_examples" / "example_ct.nii.gz"
    if path is None or not path.is_file():
        return None
    from steatoscope.imaging.io.nifti import read_nifti

    voxels = read_nifti(path).data[:_LIVER_FREE]
    return np.asarray(voxels[:, ::-1, ::-1], dtype=np.float32)  # its rows run to the front, its columns to the right


@lru_cache(maxsize=2)
def _mr_slices(data: Path | None, seed: int) -> tuple[Picture, ...]:
    real = _pictures(data and data / "mr" / "chaos_t1_png", "train/Data/*.png", seed)
    return tuple(real) or _simulated_mr(seed)


def _simulated_mr(seed: int) -> tuple[Picture, ...]:
    from steatoscope.imaging.phantoms.mr import simulate_mr

    volume = np.abs(simulate_mr(10.0, seed).train.data[0])
    return tuple(_eight_bit(plane / max(float(plane.max()), 1e-9)) for plane in volume)


def _eight_bit(values: NDArray[Any]) -> Picture:
    return np.asarray(np.clip(values * 255.0, 0, 255), dtype=np.uint8)
