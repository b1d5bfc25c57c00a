"""How far the first ultrasound fat model moves when the scanner's settings would have been others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_first import LIMITS, fat_percent
from steatoscope.learning.training.us_first_fit import PatientTable, auc_of, score_row

Frames = NDArray[np.uint8]
Perturbation = Callable[[Frames], Frames]


def gain(frames: Frames, step: float) -> Frames:
    """Grey levels added to tissue; black stays black, so that the sector keeps its shape."""
    return _tissue(frames, frames.astype(np.float64) + step)


def dynamic_range(frames: Frames, factor: float) -> Frames:
    """Contrast scaled about mid grey."""
    return _tissue(frames, 128.0 + (frames.astype(np.float64) - 128.0) * factor)


def tilt(frames: Frames, step: float) -> Frames:
    """Grey added in proportion to the row, ``-step`` at the top and ``+step`` at the bottom: another TGC preset."""
    ramp = np.linspace(-step, step, frames.shape[1])[None, :, None]
    return _tissue(frames, frames.astype(np.float64) + ramp)


def gamma(frames: Frames, exponent: float) -> Frames:
    """Another grey map."""
    return _tissue(frames, 255.0 * (frames / 255.0) ** exponent)


def jpeg(frames: Frames, quality: int) -> Frames:
    """Lossy compression."""
    packed = [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for frame in frames]
    return np.stack([np.asarray(cv2.imdecode(one, cv2.IMREAD_GRAYSCALE), dtype=np.uint8) for one in packed])


PERTURBATIONS: Mapping[str, Perturbation] = {
    "none": lambda frames: frames,
    "gain +20": lambda frames: gain(frames, 20.0),
    "gain -20": lambda frames: gain(frames, -20.0),
    "dynamic range x 0.8": lambda frames: dynamic_range(frames, 0.8),
    "dynamic range x 1.25": lambda frames: dynamic_range(frames, 1.25),
    "TGC tilt +20": lambda frames: tilt(frames, 20.0),
    "TGC tilt -20": lambda frames: tilt(frames, -20.0),
    "gamma 0.8": lambda frames: gamma(frames, 0.8),
    "JPEG quality 50": lambda frames: jpeg(frames, 50),
    "first frame only": lambda frames: frames[:1],
}


def perturbation_rows(
    parts: dict[str, Any], clean: NDArray[np.float64], tables: Mapping[str, PatientTable]
) -> list[dict[str, Any]]:
    """For every perturbation: AUC, mean change of fat in points, and accuracy at 5 % fat.

    The model is the shipped one, so these are not left-out figures: only their change against "none" is meant.
    """
    unchanged = np.array([fat_percent(score) for score in clean])
    return [_row(name, table, parts, unchanged) for name, table in tables.items()]


def _row(name: str, table: PatientTable, parts: dict[str, Any], unchanged: NDArray[np.float64]) -> dict[str, Any]:
    scores = np.array([score_row(parts["regression"], table.row(i)) for i in range(table.fat.size)])
    percent = np.array([fat_percent(score) for score in scores])
    truth = table.fat >= LIMITS[0]
    return {
        "name": name,
        "auc": round(auc_of(truth, scores), 3),
        "mean_change_points": round(float(np.mean(percent - unchanged)), 2),
        "mae_percent": round(float(np.mean(np.abs(percent - table.fat))), 2),
        "accuracy": round(float(np.mean((percent >= LIMITS[0]) == truth)), 3),
    }


def _tissue(frames: Frames, changed: NDArray[np.float64]) -> Frames:
    return np.where(frames > 3, np.clip(np.round(changed), 4, 255), frames).astype(np.uint8)
