"""From heat maps to boxes, brightness of liver and cortex, the hepatorenal index and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.us_steatosis_view import APEX, CELL, COLUMNS, CROP, GRID, ROWS, Box

BOX = 28
CELLS = (GRID[0] // 2, GRID[1] // 2)
_SAME_PLACE_PX, LEAST_BOX_TISSUE = 15.0, 0.5
_BLACK = 1.0

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FrameMaps:
    """The localiser's answer for one frame: maps (72, 104) and the probability that a kidney is in view."""

    liver: Floats
    kidney: Floats
    kidney_probability: float


@dataclass(frozen=True, slots=True)
class FrameBoxes:
    """Liver and kidney box (x0, y0, x1, y1) on the canvas, and how concentrated each heat map is about it (0-1)."""

    liver: Box
    kidney: Box
    liver_focus: float
    kidney_focus: float


def frame_boxes(maps: list[FrameMaps]) -> list[FrameBoxes]:
    """Boxes of every frame: its own map times the mean map of the view, where that is highest."""
    livers, kidneys = [one.liver for one in maps], [one.kidney for one in maps]
    return [_boxes(liver, kidney, livers, kidneys) for liver, kidney in zip(livers, kidneys, strict=True)]


def _boxes(liver: Floats, kidney: Floats, livers: list[Floats], kidneys: list[Floats]) -> FrameBoxes:
    (liver_box, liver_focus), (kidney_box, kidney_focus) = _best(liver, livers), _best(kidney, kidneys)
    return FrameBoxes(liver_box, kidney_box, liver_focus, kidney_focus)


def _best(own: Floats, all_maps: list[Floats]) -> tuple[Box, float]:
    joint = cv2.GaussianBlur(own, (0, 0), 1.0) * cv2.GaussianBlur(np.mean(all_maps, axis=0), (0, 0), 1.0)
    row, column = np.unravel_index(int(np.argmax(joint)), joint.shape)
    x, y = centre_of_cell(float(column), float(row))
    cells_y, cells_x = np.indices(own.shape)
    near = np.hypot(cells_x - column, cells_y - row) * CELL <= 2.0 * _SAME_PLACE_PX
    focus = float(own[near].sum() / max(float(own.sum()), 1e-12))
    half = BOX / 2.0
    return (x - half, y - half, x + half, y + half), focus


def centre_of_cell(column: float, row: float) -> tuple[float, float]:
    """Canvas place (x, y) of a cell's middle."""
    return CROP[2] + CELL * column + (CELL - 1) / 2.0, CROP[0] + CELL * row + (CELL - 1) / 2.0


def cell_places() -> tuple[Values, Values]:
    """Radius (pixels) and angle (radians) of every cell's middle about the canvas apex, each (72, 104)."""
    rows, columns = np.indices(CELLS, dtype=np.float64)
    x, y = CROP[2] + CELL * columns + (CELL - 1) / 2.0, CROP[0] + CELL * rows + (CELL - 1) / 2.0
    return np.hypot(x - APEX[0], y - APEX[1]), np.arctan2(x - APEX[0], y - APEX[1])


def box_means(grey: Values, tissue: Mask) -> tuple[Values, Values]:
    """Mean grey of tissue in the box about every cell (72, 104), and the share of the box that is tissue.

    ``grey`` and ``tissue`` are at half resolution (217, 318), where the 28 x 28 box has 14 pixels a side.
    """
    side = BOX // 2
    weight = cv2.blur(tissue.astype(np.float64), (side, side), borderType=cv2.BORDER_CONSTANT)
    total = cv2.blur(np.where(tissue, grey, 0.0), (side, side), borderType=cv2.BORDER_CONSTANT)
    y0, x0, step = (CROP[0] + CELL // 2) // 2, (CROP[2] + CELL // 2) // 2, CELL // 2
    cut = np.s_[y0 : y0 + step * CELLS[0] : step, x0 : x0 + step * CELLS[1] : step]
    return total[cut] / np.maximum(weight[cut], 1e-3), weight[cut]


def soft_mean(values: Values, share: Values, heat: Floats) -> float:
    """Mean of box values (72, 104) with the heat map as weights, over boxes that are at least half tissue."""
    weight = np.where(share >= LEAST_BOX_TISSUE, heat, 0.0).astype(np.float64)
    total = float(weight.sum())
    return float((values * weight).sum() / total) if total > 1e-9 else float("nan")


def hepatorenal_index(liver: float, kidney: float) -> float:
    """Mean grey of liver over that of cortex, as in Webb (AJR 2009); NaN where the cortex is black or unknown."""
    return liver / kidney if np.isfinite(kidney) and kidney >= _BLACK and np.isfinite(liver) else float("nan")


def index_quality(
    boxes: list[FrameBoxes], probabilities: list[float], frames: NDArray[np.uint8], tissue: Mask
) -> float:
    """How far to trust the index (0-1), the product of four shares.

    Probability of a kidney; concentration of both heat maps about their boxes; agreement of the boxes over frames
    (1 at no movement, 0.5 at 28 px); share of grey levels in the boxes that are neither black nor saturated.
    """
    certain = float(np.mean(probabilities))
    focus = float(np.mean([np.sqrt(one.liver_focus * one.kidney_focus) for one in boxes]))
    centres = np.array([[one.liver[0], one.liver[1], one.kidney[0], one.kidney[1]] for one in boxes])
    movement = float(np.sqrt(centres.var(axis=0).sum() / 2.0))
    steady = 1.0 / (1.0 + (movement / BOX) ** 2)
    return float(np.clip(certain * focus * steady * _unclipped(boxes, frames, tissue), 0.0, 1.0))


def _unclipped(boxes: list[FrameBoxes], frames: NDArray[np.uint8], tissue: Mask) -> float:
    shares = []
    for one, frame in zip(boxes, frames, strict=True):
        for box in (one.liver, one.kidney):
            x0, y0, x1, y1 = (round(v) for v in box)
            cut = np.s_[max(y0, 0) : min(y1, ROWS), max(x0, 0) : min(x1, COLUMNS)]
            values = frame[cut][tissue[cut]]
            shares.append(float(((values > 2) & (values < 250)).mean()) if values.size else 0.0)
    return float(np.mean(shares)) if shares else 0.0
