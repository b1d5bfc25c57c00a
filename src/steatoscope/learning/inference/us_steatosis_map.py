"""Where the steatosis model sees fat: its effects shared among the places that they were read from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.inference.us_steatosis_boxes import FrameMaps
from steatoscope.learning.inference.us_steatosis_heads import size_of
from steatoscope.learning.inference.us_steatosis_path import Account
from steatoscope.learning.inference.us_steatosis_places import FramePlaces, network_places, on_canvas
from steatoscope.learning.inference.us_steatosis_reading import FrameStudy
from steatoscope.learning.inference.us_steatosis_view import COLUMNS, ROWS

SMOOTHING_PX = 6.0

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlaceEffects:
    """Points of fat by pixel of the canvas (434, 636), mean over frames: they add up to the effects of ``mapped``.

    ``elsewhere`` is what the other readings add: quantiles, spreads and slopes, which no place owns.
    """

    points: Values
    mapped: frozenset[str]
    elsewhere: float

    def shown(self, pixels: int) -> Floats:
        """The map for display: smoothed (sigma 6 px, the sum stays), points of fat by hundredth of ``pixels``."""
        smooth = cv2.GaussianBlur(self.points, (0, 0), SMOOTHING_PX, borderType=cv2.BORDER_REFLECT)
        return np.asarray(smooth * (pixels / 100.0), dtype=np.float32)


def place_effects(studies: list[FrameStudy], maps: list[FrameMaps], account: Account) -> PlaceEffects:
    """Share the effects of an account among the places of the frames that it was read from."""
    frames = [_of_frame(study, one, account) for study, one in zip(studies, maps, strict=True)]
    mapped = frozenset(frames[0]).intersection(*frames[1:])
    grids: dict[tuple[int, ...], Values] = {}
    for field in (field for frame in frames for name in mapped for field in frame[name]):
        grids[field.shape] = grids.get(field.shape, np.zeros(field.shape)) + field / len(frames)
    elsewhere = sum(effect for name, (_, effect) in account.effects.items() if name not in mapped)
    points = sum((on_canvas(grid) for grid in grids.values()), np.zeros((ROWS, COLUMNS)))
    return PlaceEffects(points, mapped, float(elsewhere))


def _of_frame(study: FrameStudy, maps: FrameMaps, account: Account) -> dict[str, list[Values]]:
    """By effect the fields of its points of fat on one frame; effects that no place owns are absent."""
    places, found = FramePlaces(study.frame, maps), {}
    for name in account.effects:
        parts = [_fields(reading, study, places, account) for reading in name.split(" - ")]
        fields = [field for part in parts if part is not None for field in part]
        if None not in parts and all(np.isfinite(field).all() for field in fields):
            found[name] = fields
    return found


def _fields(reading: str, study: FrameStudy, places: FramePlaces, account: Account) -> list[Values] | None:
    """Points of fat by place of one reading; none where it was missing and its training mean stood in."""
    weighed = account.weights_of(reading)
    if weighed is None:
        return None
    weights, mean = weighed
    if size_of(reading) > 1:
        kind, _, organ = reading.partition("_")
        layers = dict(zip(("middle", "deep"), study.maps, strict=True))
        return [network_places(layers[kind], getattr(places.maps, organ), weights, mean)]
    if reading in account.missing:
        return []
    fields = places.scalar(reading, account.mean_of)
    return None if fields is None else [float(weights[0]) * field for field in fields]
