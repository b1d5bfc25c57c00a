"""Readings of the steatosis model by place: fields over the picture whose sums are the readings less their means.

Means over a region, under a heat map, and differences of such means are linear in the picture, and so can be shared
among places without remainder. Quantiles, spreads and slopes cannot and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.us_steatosis_boxes import LEAST_BOX_TISSUE, FrameMaps
from steatoscope.learning.inference.us_steatosis_deep import SMOOTHING_CELLS
from steatoscope.learning.inference.us_steatosis_features import (
    BEAM,
    FAR_FIELD,
    HALF,
    RING,
    WIDE,
    Frame,
    free_beams,
    place,
)
from steatoscope.learning.inference.us_steatosis_view import COLUMNS, CROP, RADIUS, ROWS

Values = NDArray[np.float64]
MeanOf = Callable[[str], Values | None]
"""The training mean (size,) of a reading; None where it is not known."""

_ORGANS = ("liver", "kidney")
_PAIRS: Mapping[str, tuple[str, str]] = {
    "liver_ring": ("liver", "ring"),
    "far_liver": ("far", "liver"),
    "free_far_liver": ("free_far", "liver"),
    "difference": ("liver", "kidney"),
    "difference_sd": ("liver", "kidney"),
    "kidney_ring": ("kidney", "around_kidney"),
}


@dataclass(frozen=True, eq=False)
class Part:
    """A mean over places: ``values`` (rows, columns) against ``weights`` of the same shape that sum to one."""

    values: Values
    weights: Values

    def less(self, mean: float) -> Values:
        """The field whose sum is this mean less another one."""
        return np.asarray(self.weights * (self.values - mean), dtype=np.float64)


@dataclass(eq=False)
class FramePlaces:
    """One frame by place: its fields have the grid of the pixels (217, 318) or of the boxes (72, 104)."""

    frame: Frame
    maps: FrameMaps

    def scalar(self, name: str, mean_of: MeanOf) -> list[Values] | None:
        """Fields whose sums add up to a brightness reading less its training mean.

        None where the reading is not linear in the picture, or a mean that it needs is not known.
        """
        kind, _, rest = name.partition("_")
        mean = mean_of(name)
        if mean is None or kind not in self.frame.shown:
            return None
        part = self._part(kind, rest)
        if part is not None:
            return [part.less(float(mean[0]))]
        return self._difference(kind, rest, float(mean[0]), mean_of) if rest in _PAIRS else None

    def _difference(self, kind: str, rest: str, gap: float, mean_of: MeanOf) -> list[Values] | None:
        anchor = "kidney" if rest == "kidney_ring" else "liver"
        known = mean_of(f"{kind}_{anchor}")
        first, second = (self._part(kind, word) for word in _PAIRS[rest])
        if known is None or first is None or second is None:
            return None
        unit = max(self.frame.shown[kind].spread, 1.0) if rest == "difference_sd" else 1.0
        gap, middle = gap * unit, float(known[0])
        means = (middle, middle - gap) if _PAIRS[rest][0] == anchor else (middle + gap, middle)
        return [first.less(means[0]) / unit, -second.less(means[1]) / unit]

    def _part(self, kind: str, word: str) -> Part | None:
        """The part that a word names: boxes under a heat map, or a region of the tissue; None for other words."""
        shown = self.frame.shown[kind]
        if word in _ORGANS:
            heat = np.where(shown.share >= LEAST_BOX_TISSUE, getattr(self.maps, word), 0.0).astype(np.float64)
            return Part(shown.boxes, heat / max(float(heat.sum()), 1e-9))
        where = self._region(word)
        return None if where is None else Part(shown.level, where / max(float(where.sum()), 1.0))

    def _region(self, word: str) -> Mask | None:
        """A region of the tissue (217, 318), as the features of the same name read it; None for other words."""
        if word in self._named:
            return self._named[word]
        kind, _, limits = word.partition("_")
        low, _, high = limits.partition("_")
        if kind not in self._named or not (low.isdecimal() and high.isdecimal()):
            return None
        share = self.frame.radius / RADIUS
        return np.asarray(self._named[kind] & (share >= int(low) / 100.0) & (share < int(high) / 100.0))

    @cached_property
    def _named(self) -> dict[str, Mask]:
        frame = self.frame
        (depth, aim), (kidney_depth, kidney_aim) = place(self.maps.liver), place(self.maps.kidney)
        wide = np.asarray(frame.tissue & (np.abs(frame.angle) <= WIDE))
        free = np.asarray(frame.tissue & free_beams(frame.angle, aim, kidney_aim))
        far = np.asarray(frame.radius >= FAR_FIELD * RADIUS)
        return {
            "band": wide,
            "beam": np.asarray(frame.tissue & (np.abs(frame.angle - aim) <= BEAM)),
            "free": free,
            "ring": wide & np.asarray(np.abs(frame.radius - depth) <= RING),
            "around_kidney": wide & np.asarray(np.abs(frame.radius - kidney_depth) <= RING),
            "far": wide & far,
            "free_far": free & far,
        }


def network_places(maps: Floats, heat: Floats, weights: Values, mean: Values) -> Values:
    """The field (rows, columns of the maps) whose sum is the weighted reading under a heat map, less its mean.

    Class activation (Zhou, CVPR 2016) with the heat map's weights in place of the plain mean over places.
    """
    smooth = cv2.GaussianBlur(heat.astype(np.float32), (0, 0), SMOOTHING_CELLS)
    shares = cv2.resize(smooth, (maps.shape[2], maps.shape[1]), interpolation=cv2.INTER_AREA).astype(np.float64)
    local = np.tensordot(weights, maps.astype(np.float64) - mean[:, None, None], axes=1)
    return np.asarray(local * shares / max(float(shares.sum()), 1e-12))


def on_canvas(field: Values) -> Values:
    """A field on the canvas (434, 636) with the same sum: pixels of half resolution, or cells of the cropped canvas."""
    whole = field.shape == (ROWS // HALF, COLUMNS // HALF)
    y0, y1, x0, x1 = (0, ROWS, 0, COLUMNS) if whole else CROP
    rows, columns = (np.arange(size) * n // size for size, n in zip((y1 - y0, x1 - x0), field.shape, strict=True))
    found = np.zeros((ROWS, COLUMNS))
    shares = np.bincount(rows)[:, None] * np.bincount(columns)[None]
    found[y0:y1, x0:x1] = (field / shares)[np.ix_(rows, columns)]
    return found
