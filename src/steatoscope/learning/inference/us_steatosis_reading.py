"""All features of a view, frame by frame: brightness by depth and place, and frozen network features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.us_steatosis_boxes import FrameMaps
from steatoscope.learning.inference.us_steatosis_deep import network_input, pooled
from steatoscope.learning.inference.us_steatosis_features import (
    Frame,
    kidney_features,
    liver_features,
    prepared,
    soft_index,
    view_features,
)
from steatoscope.learning.inference.us_steatosis_view import CanvasView, localiser_channels, on_canvas, shrunk

MOST_FRAMES = 4

Values = NDArray[np.float64]
Readings = dict[str, Values]
LiteMaps = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class FrameStudy:
    """What does not depend on the localiser: the frame, its mean grey, view features and the network's two maps."""

    frame: Frame
    mean: float
    view: dict[str, float]
    maps: tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class ViewStudy:
    """A view on the canvas, which of its frames were studied, and the localiser's channels (n, 4, 144, 208)."""

    canvas: CanvasView
    frames: tuple[FrameStudy, ...]
    channels: Floats


def used_frames(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most four frames, evenly spread."""
    return np.asarray(frames[used_numbers(frames.shape[0])], dtype=np.uint8)


def used_numbers(count: int) -> NDArray[np.intp]:
    """The numbers of the frames used of a view with ``count`` frames."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(np.intp))


def study_view(frames: NDArray[np.uint8], sector: Sector, lite: LiteMaps) -> ViewStudy:
    """Prepare frames (n, rows, columns) of a view; ``lite`` turns an input (432, 624) into the network's two maps."""
    canvas = on_canvas(used_frames(frames), sector, tissue_mask(frames, sector))
    inside = shrunk(canvas.tissue)
    channels = np.stack([localiser_channels(shrunk(frame), inside) for frame in canvas.frames])
    return ViewStudy(canvas, tuple(_study(frame, canvas.tissue, lite) for frame in canvas.frames), channels)


def _study(frame: NDArray[np.uint8], tissue: Mask, lite: LiteMaps) -> FrameStudy:
    grey = frame.astype(np.float64)
    ready = prepared(grey, tissue)
    mean = float(grey[tissue].mean()) if tissue.any() else float("nan")
    return FrameStudy(ready, mean, view_features(ready), lite(network_input(grey, tissue)))


def frame_reading(study: FrameStudy, maps: FrameMaps) -> Readings:
    """Features of one frame by name: scalars as arrays (1,), network features as vectors."""
    scalars = study.view | liver_features(study.frame, maps) | kidney_features(study.frame, maps)
    scalars |= {"index": soft_index(study.frame, maps, study.mean), "mean_grey": study.mean}
    found = {name: np.array([value]) for name, value in scalars.items()}
    middle, deep = study.maps
    for word, heat in (("liver", maps.liver), ("kidney", maps.kidney)):
        found[f"middle_{word}"] = pooled(middle, heat)
    found["deep_liver"] = pooled(deep, maps.liver)
    return found


def whole_view(study: FrameStudy) -> Readings:
    """The network's plain maps averaged over the whole picture: the baseline without a localiser."""
    middle, deep = study.maps
    return {
        "middle_whole": middle.mean(axis=(1, 2)).astype(np.float64),
        "deep_whole": deep.mean(axis=(1, 2)).astype(np.float64),
    }
