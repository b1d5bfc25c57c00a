"""Painted sectors that darken with depth the more, the more fat; no network library is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from training_folders import table, write

FAT = (1, 2, 3, 10, 20, 30, 40, 50, 60, 70, 75, 80)


def painted(fat: float, seed: int, shape: tuple[int, int] = (218, 318)) -> NDArray[np.uint8]:
    """A frame with a fan of speckle."""
    y, x = np.indices(shape, dtype=np.float64)
    radius, angle = np.hypot(x - shape[1] / 2, y - 6), np.arctan2(x - shape[1] / 2, y - 6)
    inside = (radius < 185) & (radius > 8) & (np.abs(angle) < 0.9)
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=shape), (0, 0), 1.2)
    grey = 130.0 * np.exp(-radius / 185.0 * fat / 60.0) + 90.0 * noise + 30.0
    return np.asarray(np.where(inside, np.clip(grey, 14, 235), 0), dtype=np.uint8)


def painted_folder(folder: Path, fat: Sequence[float] = FAT, frames: int = 2) -> Path:
    """``labels.csv`` and frames of one patient for every fat percentage."""
    for number, value in enumerate(fat, start=1):
        for frame in range(1, frames + 1):
            write(folder / f"patient_{number:02d}" / f"frame_{frame:02d}.png", painted(value, 10 * number + frame))
    rows = [{"patient_id": n, "fat_percent": value, "class": int(value >= 5)} for n, value in enumerate(fat, start=1)]
    table(folder / "labels.csv", rows)
    return folder
