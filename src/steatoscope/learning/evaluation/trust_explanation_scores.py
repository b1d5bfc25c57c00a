"""Figures of one case: does the map add up, where does it lie, does it follow the weights and find what matters?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from steatoscope.core.image import Mask
from steatoscope.learning.evaluation.trust_explanation_cases import Case
from steatoscope.learning.evaluation.trust_explanation_model import MapModel, MapReading
from steatoscope.learning.explain.us_steatosis_effects import value_account
from steatoscope.learning.inference.us_steatosis import view_readings
from steatoscope.science.explain.saliency import (
    Path,
    block_order,
    perturbed,
    rank_correlation,
    share_within,
)

SIDE: Final = 24
_COARSE: Final = 6

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tested:
    """A case with the model's reading of it, its map on the picture, and its figures by name."""

    case: Case
    reading: MapReading
    shown: Values
    figures: dict[str, float]


def tested(
    case: Case, model: MapModel, shuffled: dict[str, MapModel], draw: np.random.Generator, orders: int
) -> Tested:
    """All figures of a case; ``orders`` random orders of squares are what the map's order is compared with."""
    reading = model.read(case.frame[None], case.sector)
    shape = (case.frame.shape[0], case.frame.shape[1])
    shown = np.asarray(reading.on_picture(shape), dtype=np.float64)
    figures = sums(case, model, reading) | location(case, reading) | text_effect(case, model, reading)
    figures |= sanity(case, model, shuffled, reading)
    figures |= perturbation(case, model, reading, shown, draw, orders)
    return Tested(case, reading, shown, figures)


def sums(case: Case, model: MapModel, reading: MapReading) -> dict[str, float]:
    """What the map and the groups of readings lack of the whole effect, in points; and the effect's share mapped."""
    places = reading.places
    remainder = abs(float(places.points.sum()) + places.elsewhere - reading.effect)
    study, maps, _ = model.located(case.frame[None], case.sector)
    account = value_account(model.paths[reading.kidney], view_readings(study, maps))
    total = account.start_percent + sum(effect.effect_points for effect in account.effects)
    mapped = abs(places.points.sum())
    return {
        "map_remainder": remainder,
        "effects_remainder": abs(total - reading.value_percent),
        "share_mapped": float(mapped / max(mapped + abs(places.elsewhere), 1e-9)),
    }


def location(case: Case, reading: MapReading) -> dict[str, float]:
    """Shares of the map within the tissue (before the cut to it) and within liver and cortex, beside their area's."""
    sector = case.sector.mask
    return {
        "in_tissue": share_within(reading.places.points, reading.tissue),
        "in_organs": share_within(_points(reading, case), case.organs),
        "organs_area": float((case.organs & sector).sum() / max(sector.sum(), 1)),
    }


def text_effect(case: Case, model: MapModel, reading: MapReading) -> dict[str, float]:
    """Words burned into the tissue: how much of the map lies on them, beside their area, and what the value does."""
    frame, written = case.with_text()
    around = cv2.dilate(written.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    other = model.read(frame[None], case.sector, kidney=reading.kidney)
    place = np.asarray(around & case.sector.mask)
    return {
        "on_text": share_within(_points(other, case), place),
        "on_place_without_text": share_within(_points(reading, case), place),
        "text_area": float(place.sum() / max(case.sector.mask.sum(), 1)),
        "text_shift": abs(other.value_percent - reading.value_percent),
    }


def sanity(case: Case, model: MapModel, shuffled: dict[str, MapModel], reading: MapReading) -> dict[str, float]:
    """Likeness of the map to that of another frame of the same place, and to those of models with shuffled weights."""
    same = model.read(case.again[None], case.sector, kidney=reading.kidney)
    found = _likeness("same_place", reading, same)
    for name, other in shuffled.items():
        found |= _likeness(
            f"shuffled_{name}", reading, other.read(case.frame[None], case.sector, kidney=reading.kidney)
        )
    return found


def perturbation(
    case: Case, model: MapModel, reading: MapReading, shown: Values, draw: np.random.Generator, orders: int
) -> dict[str, float]:
    """Deletion and insertion in the map's order, in random orders, and from the brightest square on, in points."""
    sector = np.asarray(case.sector.mask)
    own = block_order(shown, sector, SIDE)
    bright = block_order(np.where(sector, case.frame, 0).astype(np.float64), sector, SIDE)

    def value(picture: NDArray[np.uint8]) -> float:
        return model.value(picture, case.sector, kidney=reading.kidney)

    ends = value(case.frame), value(case.blank())

    def path(order: NDArray[np.intp]) -> Path:
        return perturbed(value, case.frame, case.blank(), order, SIDE, ends=ends)

    by_map, by_grey = path(own), path(bright)
    chance = [path(draw.permutation(own)) for _ in range(orders)]
    random = Path(*(float(np.mean([getattr(one, name) for one in chance])) for name in ("deletion", "insertion")))
    return {
        "deletion": by_map.deletion,
        "deletion_random": random.deletion,
        "deletion_gain": by_map.deletion - random.deletion,
        "deletion_brightness": by_grey.deletion,
        "insertion": by_map.insertion,
        "insertion_random": random.insertion,
        "insertion_gain": random.insertion - by_map.insertion,
        "insertion_brightness": by_grey.insertion,
    }


def _points(reading: MapReading, case: Case) -> Values:
    """The map's points by pixel of the picture (rows, columns), not smoothed, 0 outside the sector."""
    shape = (case.frame.shape[0], case.frame.shape[1])
    points = reading.study.canvas.map_to_picture(reading.places.points.astype(np.float32), shape)
    return np.where(case.sector.mask, points, 0.0).astype(np.float64)


def _likeness(name: str, one: MapReading, other: MapReading) -> dict[str, float]:
    first, second = (_coarse(reading) for reading in (one, other))
    where = np.asarray(cv2.resize(one.tissue.astype(np.uint8), first.shape[::-1], interpolation=cv2.INTER_AREA) > 0)
    return {
        f"{name}_rank": rank_correlation(first, second, where),
        f"{name}_size_rank": rank_correlation(np.abs(first), np.abs(second), where),
        f"{name}_ssim": _ssim(np.abs(first), np.abs(second), where),
    }


def _coarse(reading: MapReading) -> Values:
    smooth = reading.places.shown(100)
    size = (smooth.shape[1] // _COARSE, smooth.shape[0] // _COARSE)
    return np.asarray(cv2.resize(smooth, size, interpolation=cv2.INTER_AREA), dtype=np.float64)


def _ssim(one: Values, other: Values, where: Mask) -> float:
    """Mean structural similarity (Wang, 2004) over a region, each map first scaled to its own largest value."""
    first, second = (values / max(float(values.max()), 1e-12) for values in (one, other))
    return float(structural_similarity(first, second, data_range=1.0, full=True)[1][where].mean())
