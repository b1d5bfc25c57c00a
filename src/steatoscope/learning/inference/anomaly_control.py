"""The shortcut control: what the scanner alone tells of the class, without one pixel of tissue.

Image size, the sector's geometry, and coarse thumbnails of the sector's mask and of the picture outside it (text, bars,
logos). A reading of tissue that does not beat this control measures the scanner.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.imaging.preprocess.us_sector import Sector

THUMBNAIL = (12, 16)


def control_features(frame: NDArray[np.uint8], sector: Sector, source: tuple[int, int]) -> dict[str, float]:
    """Named features of a frame (rows, columns); ``source`` is the original image's (width, height)."""
    rows, columns = frame.shape
    mask = sector.mask
    y, x = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    unit = float(columns)
    features = {
        "width": float(source[0]),
        "height": float(source[1]),
        "aspect": source[0] / source[1],
        "apex x": float(np.clip(sector.apex[0] / unit, -3.0, 3.0)),
        "apex y": float(np.clip(sector.apex[1] / unit, -3.0, 3.0)),
        "inner": min(sector.inner_radius / unit, 3.0),
        "outer": min(sector.outer_radius / unit, 3.0),
        "left": sector.angle_left,
        "right": sector.angle_right,
        "curvilinear": float(sector.kind == "curvilinear"),
        "phased": float(sector.kind == "sector"),
        "top": y[0] / rows,
        "bottom": y[-1] / rows,
        "start": x[0] / columns,
        "end": x[-1] / columns,
        "share": float(mask.mean()),
    }
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    outside = np.where(grown, 0, frame).astype(np.float32)
    small = cv2.resize(outside, THUMBNAIL[::-1], interpolation=cv2.INTER_AREA)
    shape = cv2.resize(mask.astype(np.float32), THUMBNAIL[::-1], interpolation=cv2.INTER_AREA)
    features |= {f"sector {k}": float(v) for k, v in enumerate(shape.ravel())}
    return features | {f"outside {k}": float(v) for k, v in enumerate(small.ravel())}


def stratum_of(source: tuple[int, int]) -> str:
    """The group of scanners that an original image size (width, height) stands for."""
    return f"{source[0]}x{source[1]}"


def source_sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """Original (width, height) by image name, where the folder's ``annotations.json`` gives them."""
    entries = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    return {k: (int(v["source_size"][0]), int(v["source_size"][1])) for k, v in entries.items() if "source_size" in v}
