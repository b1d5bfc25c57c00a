"""What an analysis hands over: the report, the pictures that explain it, and the masks and maps behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask, Study, Volume
from steatoscope.core.report import RegionPart, Report


@dataclass(frozen=True, eq=False)
class Picture:
    """One display image with what was found on it, all of shape (rows, columns).

    ``grey`` is uint8 for display only (windowed, never measured on), oriented as stored. ``sector`` is the ultrasound
    scan sector, where that and no organ outline is what was measured; ``lesions`` are the masks of focal regions.
    ``heat`` is a map such as local fat percent (NaN where undefined). ``sites`` are named boxes (x0, y0, x1, y1) where
    a value was read. ``pixel_aspect`` is row spacing over column spacing. ``flip`` tells which axes to turn so that
    the picture stands as a radiologist expects it.
    """

    title: str
    grey: NDArray[np.uint8]
    liver: Mask | None = None
    spleen: Mask | None = None
    kidney: Mask | None = None
    sector: Mask | None = None
    lesions: Mask | None = None
    heat: NDArray[np.float32] | None = None
    heat_title: str = ""
    heat_range: tuple[float, float] = (0.0, 40.0)
    boxes: tuple[tuple[Literal["fatty", "spared", "lesion"], tuple[int, int, int, int], float], ...] = ()
    sites: tuple[tuple[str, tuple[int, int, int, int]], ...] = ()
    pixel_aspect: float = 1.0
    flip: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, eq=False)
class ViewFindings:
    """What was found on one ultrasound view, for all of its frames: masks of shape (rows, columns).

    ``view`` is its place among the scan's views, ``frames`` the frame numbers that outlines and map stand for, ``area``
    the scan sector. ``outlined`` tells that ``liver`` was found and is not the sector in its place. ``focal`` has masks
    by frame number, ``sites`` (frame number, name, box) where values were read.
    """

    view: int
    frames: tuple[int, ...]
    area: Mask
    outlined: bool
    liver: Mask | None = None
    kidney: Mask | None = None
    heat: NDArray[np.float32] | None = None
    heat_title: str = ""
    heat_range: tuple[float, float] = (-5.0, 5.0)
    regions: tuple[RegionPart, ...] = ()
    focal: Mapping[int, Mask] = field(default_factory=dict)
    sites: tuple[tuple[int, str, tuple[int, int, int, int]], ...] = ()
    shown: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one analysis; ``masks`` are in the space of ``geometry``, ``maps`` are volumes with units.

    ``study`` is the scan as it was measured, ``views`` what was found on each ultrasound view.
    """

    report: Report
    pictures: tuple[Picture, ...]
    geometry: Geometry | None
    masks: Mapping[str, Mask] = field(default_factory=dict)
    maps: Mapping[str, Volume] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    study: Study | None = None
    views: tuple[ViewFindings, ...] = ()
