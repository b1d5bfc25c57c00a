"""Training samples of the steatosis model's localiser: small grids, hand-placed boxes, scanner settings varied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip, Floats
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.inference.byra2018_data import BOX_SIDE, Patient
from steatoscope.learning.inference.us_steatosis_view import (
    APEX,
    CROP,
    GRID,
    SHRINK,
    localiser_channels,
    on_canvas,
    shrunk,
)

HALF = (GRID[0] // 2, GRID[1] // 2)
BOX_SIGMA_CELLS = 2.0
SECTOR_HALF_ANGLE, SEAM = np.radians(52.5), 0.01
ROTATION, SCALES, SHIFT = 0.12, (0.88, 1.14), 5.0
GAINS, OFFSET, TILT, SIDE_TILT, GAMMAS = (0.7, 1.4), 12.0, 25.0, 7.5, (0.75, 1.3)
NO_KIDNEY_SHARE = 0.15
_POINT = tuple[float, float]


@dataclass(frozen=True, eq=False)
class BoxSample:
    """A shrunken frame (144, 208), the share of each pixel that is tissue, and box centres (x, y) on that grid."""

    patient: int
    grey: Floats
    inside: Floats
    liver: _POINT
    kidney: _POINT


@dataclass(frozen=True, eq=False)
class LiverSample:
    """A picture cut to its sector outline (144, 208), the outline's share of each pixel, and the liver polygon's."""

    grey: Floats
    inside: Floats
    liver: Floats


def box_samples(patients: list[Patient]) -> list[BoxSample]:
    """One sample a frame that carries hand-placed boxes; ``patient`` counts in the order given."""
    found: list[BoxSample] = []
    for index, patient in enumerate(patients):
        sector = find_sector(Clip(patient.frames))
        if sector is None:
            continue
        tissue = tissue_mask(patient.frames, sector)
        view = on_canvas(patient.frames, sector, tissue)
        inside = shrunk(view.tissue)
        for frame, number in zip(view.frames, patient.numbers, strict=True):
            if number in patient.boxes:
                liver, kidney = (_centre(corner) for corner in patient.boxes[number])
                found.append(BoxSample(index, shrunk(frame), inside, liver, kidney))
    return found


def liver_samples(folder: Path) -> list[LiverSample]:
    """Pictures of the AUL set that carry a liver polygon, in the order of their names."""
    notes = _notes(folder)
    return [_cut(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), notes[file.stem]) for file in liver_files(folder)]


def liver_files(folder: Path) -> list[Path]:
    """The files of the pictures that carry a liver polygon."""
    named = sorted(name for name, note in _notes(folder).items() if note.get("liver") and note.get("outline"))
    return [files[0] for name in named if (files := sorted((folder / "images").glob(f"{name}.*")))]


def _notes(folder: Path) -> dict[str, dict[str, Any]]:
    notes: dict[str, dict[str, Any]] = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    return notes


def _centre(corner: _POINT) -> _POINT:
    half = BOX_SIDE / 2.0 - 0.5
    return (corner[0] + half - CROP[2] - 1.0) / SHRINK, (corner[1] + half - CROP[0] - 1.0) / SHRINK


def _cut(picture: Any, note: dict[str, Any]) -> LiverSample:
    outline = np.asarray(note["outline"], dtype=np.float32)
    low, high = outline.min(axis=0), outline.max(axis=0)
    scale = min((GRID[1] - 8) / (high[0] - low[0]), (GRID[0] - 20) / (high[1] - low[1]))
    shift = np.array([GRID[1] / 2.0, 2.0]) - scale * np.array([(low[0] + high[0]) / 2.0, low[1]])
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    masks = [np.zeros(picture.shape, np.uint8) for _ in range(2)]
    for mask, polygon in zip(masks, (note["outline"], note["liver"]), strict=True):
        cv2.fillPoly(mask, [np.asarray(polygon, dtype=np.float32).round().astype(np.int32)], 1)
    blur = cv2.GaussianBlur(picture, (0, 0), max(0.4 / scale, 0.3))
    grey, inside, liver = (
        np.asarray(cv2.warpAffine(part.astype(np.float32), matrix, GRID[::-1]), dtype=np.float32)
        for part in (blur, *masks)
    )
    return LiverSample(np.where(inside > 0.5, grey, 0.0).astype(np.float32), inside, liver)


def varied_grey(grey: Floats, inside: Floats, rng: np.random.Generator) -> Floats:
    """Other scanner settings: gain, offset, gamma, tilts in depth and across; noise; clipped to 0-255."""
    rows, columns = grey.shape
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
    values = 255.0 * (np.clip(grey, 0, 255) / 255.0) ** rng.uniform(*GAMMAS)
    values = values * rng.uniform(*GAINS) + rng.uniform(-OFFSET, OFFSET)
    values = values + rng.uniform(-TILT, TILT) * y + rng.uniform(-SIDE_TILT, SIDE_TILT) * x
    values = values + rng.normal(0.0, rng.uniform(0.0, 4.0), grey.shape)
    return np.where(inside > 0.5, np.clip(values, 0, 255), 0.0).astype(np.float32)


def moved(rng: np.random.Generator, *, flip: bool = False) -> NDArray[np.float64]:
    """A random small turn, zoom and shift (2, 3) of the grid about its middle."""
    turn, zoom = rng.uniform(-ROTATION, ROTATION), rng.uniform(*SCALES)
    cx, cy = GRID[1] / 2.0, GRID[0] / 2.0
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * zoom
    if flip and rng.random() < 0.5:
        matrix = matrix @ np.diag([-1.0, 1.0])
    shift = np.array([cx, cy]) - matrix @ np.array([cx, cy]) + rng.uniform(-SHIFT, SHIFT, 2)
    return np.column_stack([matrix, shift])


def warped(image: Floats, matrix: NDArray[np.float64]) -> Floats:
    """The grid moved by :func:`moved`, 0 where nothing was."""
    return np.asarray(cv2.warpAffine(image, matrix, GRID[::-1]), dtype=np.float32)


def without_kidney(sample: BoxSample, rng: np.random.Generator) -> Floats:
    """The frame turned about the probe until the kidney is out of the sector; mirrored tissue fills the free side."""
    apex = ((APEX[0] - CROP[2] - 1.0) / SHRINK, (APEX[1] - CROP[0] - 1.0) / SHRINK)
    y, x = np.indices(GRID, dtype=np.float64)
    radius, angle = np.hypot(x - apex[0], y - apex[1]), np.arctan2(x - apex[0], y - apex[1])
    place = np.arctan2(sample.kidney[0] - apex[0], sample.kidney[1] - apex[1])
    away = -np.sign(place - np.arctan2(sample.liver[0] - apex[0], sample.liver[1] - apex[1])) or 1.0
    turn = away * (SECTOR_HALF_ANGLE + away * place + rng.uniform(0.15, 0.35))
    source = angle + turn
    limit = SECTOR_HALF_ANGLE - SEAM
    source = np.where(source > limit, 2 * limit - source, source)
    source = np.where(source < -limit, -2 * limit - source, source)
    grid_x, grid_y = apex[0] + radius * np.sin(source), apex[1] + radius * np.cos(source)
    turned = cv2.remap(sample.grey, grid_x.astype(np.float32), grid_y.astype(np.float32), cv2.INTER_LINEAR)
    return np.where(sample.inside > 0.5, turned, 0.0).astype(np.float32)


def gaussian_target(point: _POINT) -> Floats:
    """Normalised Gaussian (72, 104), sigma 2 cells, about a point (x, y) of the (144, 208) grid."""
    y, x = np.indices(HALF, dtype=np.float64)
    cx, cy = (point[0] - 0.5) / 2.0, (point[1] - 0.5) / 2.0
    weight = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2.0 * BOX_SIGMA_CELLS**2))
    return np.asarray(weight / max(float(weight.sum()), 1e-12), dtype=np.float32)


def varied_box_sample(sample: BoxSample, rng: np.random.Generator) -> tuple[Floats, Floats, Floats, bool]:
    """Channels (4, 144, 208), liver and kidney target (72, 104), and whether a kidney is in view."""
    kidney = rng.random() >= NO_KIDNEY_SHARE
    grey = sample.grey if kidney else without_kidney(sample, rng)
    matrix = moved(rng)
    grey, inside = warped(grey, matrix), warped(sample.inside, matrix)
    places = [tuple(matrix[:, :2] @ np.asarray(point) + matrix[:, 2]) for point in (sample.liver, sample.kidney)]
    channels = localiser_channels(varied_grey(grey, inside, rng), inside)
    return channels, gaussian_target(places[0]), gaussian_target(places[1]), kidney


def varied_liver_sample(sample: LiverSample, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Channels (4, 144, 208) and the liver mask (72, 104)."""
    matrix = moved(rng, flip=True)
    grey, inside, liver = (warped(part, matrix) for part in (sample.grey, sample.inside, sample.liver))
    channels = localiser_channels(varied_grey(grey, inside, rng), inside)
    return channels, np.asarray(cv2.resize(liver, HALF[::-1], interpolation=cv2.INTER_AREA) > 0.5, dtype=np.float32)
