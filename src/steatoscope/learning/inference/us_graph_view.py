"""Ultrasound frames as a grading graph takes them, by the name of the preparation in the model's settings.

``sector-224`` cuts the scan sector, black outside, into 224 x 224; ``liver-224`` only the part of the sector where the
liver lies in the usual views (by anatomy, no outline); both bring the grey of the tissue to one mean and spread, and
then to the encoder's. ``centre-360`` is the central square of 360 x 360 with grey 0-1 (recipe R4).
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_clean import marks_mask
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.canvas import Placement, bounding_box

Preparation = Literal["sector-224", "liver-224", "centre-360"]
PREPARATIONS: Final[tuple[Preparation, ...]] = ("sector-224", "liver-224", "centre-360")
SIDE, CENTRE_SIDE = 224, 360
MEAN_GREY, GREY_SD, LEAST_SD = 90.0, 32.0, 4.0
CARD_MEAN, CARD_SD = 0.45, 0.25
LIVER_DEPTH, LIVER_ANGLE = (0.1, 0.7), 0.6


def prepared(frames: NDArray[np.uint8], sector: Sector, preparation: Preparation) -> Floats:
    """Frames (n, rows, columns) as the graph's pictures (n, side, side)."""
    if preparation == "centre-360":
        return np.asarray(centred(frames, CENTRE_SIDE) / np.float32(255.0), dtype=np.float32)
    grey, inside = placed(frames, sector, preparation)
    return np.stack([toned(picture, inside) for picture in grey])


def placed(frames: NDArray[np.uint8], sector: Sector, preparation: Preparation) -> tuple[NDArray[np.uint8], Mask]:
    """Frames cut to their part of the sector on 224 x 224 (n, 224, 224), aspect kept, and where that part lies.

    Burned-in marks within the tissue take its mean grey, and all outside is black, so that neither can be read.
    """
    part = region_of(sector, preparation)
    marks = marks_mask(frames, sector) & part
    clean = [np.where(part, np.where(marks, _mean(frame, part & ~marks), frame), 0) for frame in frames]
    place = placement(sector, preparation)
    inside = place.to_canvas(part.astype(np.float32)) > 0.5
    pictures = [np.where(inside, place.to_canvas(frame), 0.0) for frame in clean]
    return np.clip(np.stack(pictures), 0, 255).round().astype(np.uint8), np.asarray(inside)


def placement(sector: Sector, preparation: Preparation) -> Placement:
    """Where the part of the picture lies on the network's 224 x 224 pixels, to bring maps back."""
    part = region_of(sector, preparation)
    return Placement.fitting((part.shape[0], part.shape[1]), bounding_box(part), (SIDE, SIDE))


def region_of(sector: Sector, preparation: Preparation) -> Mask:
    """The part of the picture that is read: the sector, or its middle beams at 10-70 % of its depth."""
    if preparation != "liver-224":
        return sector.mask
    radius, angle = sector.polar()
    depth = (radius - sector.inner_radius) / max(sector.outer_radius - sector.inner_radius, 1.0)
    middle = (sector.angle_left + sector.angle_right) / 2.0
    half = max((sector.angle_right - sector.angle_left) / 2.0, 1e-9)
    within = (depth >= LIVER_DEPTH[0]) & (depth <= LIVER_DEPTH[1]) & (np.abs(angle - middle) <= LIVER_ANGLE * half)
    found = np.asarray(sector.mask & within)
    return found if found.any() else sector.mask


def toned(picture: NDArray[np.generic], inside: Mask) -> Floats:
    """A picture with grey 0-255 in the encoder's range: tissue at mean 90 and spread 32 of 255, then as on the card."""
    values = picture[inside].astype(np.float32)
    mean, spread = (float(values.mean()), float(values.std())) if values.size else (0.0, 1.0)
    grey = (picture.astype(np.float32) - mean) / max(spread, LEAST_SD) * GREY_SD + MEAN_GREY
    grey = np.where(inside, np.clip(grey, 0.0, 255.0), 0.0) / 255.0
    return np.asarray((grey - CARD_MEAN) / CARD_SD, dtype=np.float32)


def centred(frames: NDArray[np.uint8], side: int = CENTRE_SIDE) -> NDArray[np.uint8]:
    """The central square of frames (n, rows, columns), black where the frame is smaller."""
    rows, columns = frames.shape[1:]
    out = np.zeros((len(frames), side, side), dtype=np.uint8)
    height, width = min(rows, side), min(columns, side)
    r0, c0, t0, l0 = (rows - height) // 2, (columns - width) // 2, (side - height) // 2, (side - width) // 2
    out[:, t0 : t0 + height, l0 : l0 + width] = frames[:, r0 : r0 + height, c0 : c0 + width]
    return out


def _mean(frame: NDArray[np.uint8], inside: Mask) -> float:
    return float(frame[inside].mean()) if inside.any() else 0.0
