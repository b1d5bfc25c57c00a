"""Maps of a grading graph (recipes R2 to R4) in points of fat, against the same pictures with a featureless sector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.explain.place_maps import PlaceMaps, SplitGraph, Values, place_maps, split_graph
from steatoscope.learning.inference.us_graph import GraphInputs, GraphModel, GraphView
from steatoscope.learning.inference.us_graph_view import CENTRE_SIDE, Preparation, centred, placement, region_of
from steatoscope.learning.model_folder import ModelFolder


@dataclass(frozen=True, eq=False)
class ViewMap:
    """One view, by its number among those given: points of fat by place of the last maps, and on the picture.

    ``heat`` (picture rows, columns) holds points of fat by hundredth of the part that is read, 0 outside the sector.
    """

    number: int
    places: Values
    heat: Floats


@dataclass(frozen=True, eq=False)
class GraphExplanation:
    """One answer: the value in percent for featureless sectors, and what each view's places add to it.

    ``remainder`` is what the maps lack of the value: the error of the path's steps.
    """

    start_percent: float
    views: tuple[ViewMap, ...]
    remainder: float


def explain_graph(model: GraphModel, views: Sequence[GraphView]) -> list[GraphExplanation] | None:
    """An explanation for each answer of ``model.predict_views``; None where the graph has no maps to explain it by.

    Raises SteatoscopeError ``E_VIEW`` where a view that the graph needs is missing.
    """
    chosen = [GraphView(view.name, model.chosen_frames(view), view.sector) for view in views]
    flat = [GraphView(view.name, featureless(view.frames, view.sector), view.sector) for view in chosen]
    pairs = zip(model.inputs(chosen), model.inputs(flat), strict=True)
    found = [_explained(model, own, reference, chosen) for own, reference in pairs]
    known = [one for one in found if one is not None]
    return known if known and len(known) == len(found) else None


def featureless(frames: NDArray[np.uint8], sector: Sector) -> NDArray[np.uint8]:
    """Frames (n, rows, columns) with every sector at its own mean grey; all else, such as burned-in text, stays."""
    means = frames[:, sector.mask].mean(axis=1).round().astype(np.uint8)
    return np.where(sector.mask, means[:, None, None], frames).astype(np.uint8)


def _explained(
    model: GraphModel, own: GraphInputs, reference: GraphInputs, views: Sequence[GraphView]
) -> GraphExplanation | None:
    split = _split(model.folder, tuple(model.value_outputs.values()), _Example(own.feeds))
    if split is None:
        return None
    together = model.settings.layout == "views"
    found = place_maps(split, own.feeds, reference.feeds, model.values, together=together)
    places = _by_view(found, model, own)
    if places is None:
        return None
    maps = tuple(
        ViewMap(views.index(view), points, on_picture(points, view.sector, model.settings.preparation))
        for points, view in zip(places, own.views, strict=True)
    )
    return GraphExplanation(float(found.start.mean()), maps, float(found.remainder.mean()))


def _by_view(found: PlaceMaps, model: GraphModel, own: GraphInputs) -> list[Values] | None:
    """Points by place of each view: means over frames that are answered one by one, sums over those fused."""
    effects = list(found.effects.values())
    if model.settings.layout == "named":
        return [one.mean(axis=0) for one in effects] if len(effects) == len(own.views) else None
    if len(effects) != 1:
        return None
    if model.settings.layout == "frames":
        return [effects[0].mean(axis=0)]
    ends = np.cumsum([len(view.frames) for view in own.views])[:-1]
    return [part.sum(axis=0) for part in np.split(effects[0], ends)]


def on_picture(points: Values, sector: Sector, preparation: Preparation) -> Floats:
    """Points by place on the picture, by hundredth of the part that is read, smoothly between places; 0 outside."""
    side = CENTRE_SIDE if preparation == "centre-360" else placement(sector, preparation).canvas[0]
    cell = (side / points.shape[0]) * (side / points.shape[1])
    dense = cv2.resize((points / cell).astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    part = region_of(sector, preparation)
    if preparation == "centre-360":
        shown = _uncentred(dense, (sector.mask.shape[0], sector.mask.shape[1]))
        pixels = int(centred(part[None].astype(np.uint8)).sum())
    else:
        place = placement(sector, preparation)
        shown = place.from_canvas(dense[None])[0]
        pixels = int((place.to_canvas(part.astype(np.float32)) > 0.5).sum())
    return np.where(part, shown * (pixels / 100.0), 0.0).astype(np.float32)


def _uncentred(square: Floats, shape: tuple[int, int]) -> Floats:
    """The central square put back on a picture (rows, columns), 0 outside."""
    rows, columns = shape
    height, width = min(rows, CENTRE_SIDE), min(columns, CENTRE_SIDE)
    r0, c0 = (rows - height) // 2, (columns - width) // 2
    t0, l0 = (CENTRE_SIDE - height) // 2, (CENTRE_SIDE - width) // 2
    found = np.zeros(shape, dtype=np.float32)
    found[r0 : r0 + height, c0 : c0 + width] = square[t0 : t0 + height, l0 : l0 + width]
    return found


@dataclass(frozen=True, eq=False)
class _Example:
    """Inputs that do not count in the cache's key: the cut is the same for all pictures."""

    feeds: Mapping[str, Floats]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Example)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=4)
def _split(folder: ModelFolder, outputs: tuple[str, ...], example: _Example) -> SplitGraph | None:
    """The graph of a model in two, made once; None where it has no maps."""
    try:
        return split_graph(folder.file("model.onnx"), outputs, example.feeds)
    except ValueError:
        return None
