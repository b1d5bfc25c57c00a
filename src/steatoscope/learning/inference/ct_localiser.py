"""Focal regions on CT by the shipped detector, trained on simulated regions: lesions, focal fat and focal sparing.

Slices (thin ones averaged to slabs of about 4 mm) are read one by one in a window about the liver; what overlaps on
neighbouring slabs is one region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steatoscope.core.image import Floats, Mask, Volume
from steatoscope.core.report import RegionPart
from steatoscope.learning.inference.ct_localiser_link import Seen, linked, one_kind_a_place, region_score
from steatoscope.learning.inference.ct_localiser_window import LiverWindow, assumed_spacing, window_input
from steatoscope.learning.inference.detector import Detection, Detector
from steatoscope.learning.inference.organ_volume import AxialView
from steatoscope.learning.model_folder import ModelFolder

NAME = "ct-localiser"
SLAB_MM, ASSUMED_SLICE_MM = 4.0, 5.0
LEAST_LIVER_PIXELS = 300
MOST_REGIONS = 20
AIR_HU = -1000.0
SPARED_BELOW_HU = 60.0


@dataclass(frozen=True, eq=False)
class _Scene:
    """A volume in radiological orientation with its window; ``slabs`` are (first, end) slice numbers with liver."""

    data: Floats
    liver: Mask
    view: AxialView
    window: LiverWindow
    slabs: tuple[tuple[int, int], ...]
    level: float


def localise_ct(volume: Volume, liver: Mask, model: ModelFolder) -> list[RegionPart]:
    """Regions on the liver of a volume (slices, rows, columns; HU), surest first, at most twenty.

    ``box`` is (x0, y0, x1, y1, slice) with exclusive ends on the region's largest slice, ``kind`` lesion, fatty or
    spared; sizes are None where the geometry is unknown. An empty liver has no regions. The truth that the detector
    learnt was simulated, and ``detector`` says so: real lesions are often called fatty. Raises ValueError where the
    mask's shape is not the volume's.
    """
    if liver.shape != volume.data.shape:
        raise ValueError(f"the liver has shape {liver.shape}, the volume {volume.data.shape}")
    if not liver.any():
        return []
    detector, scene = Detector.open(model), _scene(volume, liver)
    seen = [Seen(place, one) for place, slab in enumerate(scene.slabs) for one in _detections(detector, scene, slab)]
    several = len(scene.slabs) > 1
    operating = float(model.settings["volume_operating"]) if several else detector.settings.operating
    chains = sorted(linked(seen), key=lambda chain: -region_score(chain, several=several))
    words = f"{model.name} {model.version} (R-CNN, trained on simulated regions)"
    kept = [chain for chain in chains if region_score(chain, several=several) >= operating]
    return [_part(volume, scene, chain, words, several=several) for chain in kept[:MOST_REGIONS]]


def _scene(volume: Volume, liver: Mask) -> _Scene:
    known = volume.geometry.known
    view = AxialView.of(volume.geometry) if known else AxialView()
    data, mask = np.asarray(view.apply(volume.data), np.float32), np.asarray(view.apply(liver), np.bool_)
    side = assumed_spacing(data.shape[2])
    dz, dy, dx = (volume.geometry.spacing[axis] for axis in view.order) if known else (ASSUMED_SLICE_MM, side, side)
    window = LiverWindow.around(np.asarray(mask.any(axis=0)), (dy, dx))
    step = max(1, round(SLAB_MM / max(dz, 0.1)))
    least = LEAST_LIVER_PIXELS / (window.scale[0] * window.scale[1])
    starts = [z for z in range(0, len(data), step) if mask[z : z + step].any(axis=0).sum() >= least]
    slabs = tuple((z, min(z + step, len(data))) for z in starts)
    return _Scene(data, mask, view, window, slabs, float(np.median(data[mask])))


def _detections(detector: Detector, scene: _Scene, slab: tuple[int, int]) -> list[Detection]:
    """What the detector sees on one slab, one kind in a place, focal fat darker and sparing brighter than the liver."""
    hu = scene.data[slab[0] : slab[1]].mean(axis=0)
    canvas = scene.window.to_canvas(hu, outside=AIR_HU)
    allowed = scene.window.to_canvas(np.asarray(scene.liver[slab[0] : slab[1]].any(axis=0))) > 0.5
    found = detector.detect(window_input(canvas, scene.level), allowed)
    return one_kind_a_place([one for one in found if plausible(one, canvas, scene.level)])


def plausible(one: Detection, canvas: Floats, level: float) -> bool:
    """Whether focal fat is darker and sparing brighter than the liver's ``level`` on the canvas, all in HU.

    Sparing takes a liver below 60 HU, as the simulated ones had: above, what is brighter is a vessel.
    """
    if not one.mask.any():
        return False
    above = float(np.median(canvas[one.mask])) - level
    if one.label == "spared":
        return above > 0.0 and level < SPARED_BELOW_HU
    return above < 0.0 or one.label != "fatty"


def _part(volume: Volume, scene: _Scene, chain: Sequence[Seen], words: str, *, several: bool) -> RegionPart:
    found = np.zeros(scene.data.shape, dtype=np.bool_)
    for one in chain:
        first, end = scene.slabs[one.place]
        found[first:end] |= scene.window.from_canvas(one.detection.mask)
    mask = np.asarray(scene.view.undo(found), dtype=np.bool_)
    areas = mask.sum(axis=(1, 2))
    plane = int(np.argmax(areas))
    rows, columns = np.flatnonzero(mask[plane].any(axis=1)), np.flatnonzero(mask[plane].any(axis=0))
    box = (0, 0, 1, 1) if not rows.size else (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    _, dy, dx = volume.geometry.spacing
    known, kinds = volume.geometry.known, [one.detection.label for one in chain]
    weight = {kind: sum(one.detection.score for one in chain if one.detection.label == kind) for kind in kinds}
    return RegionPart(
        kind=max(weight, key=lambda kind: weight[kind]),  # type: ignore[arg-type]
        box=(int(box[0]), int(box[1]), int(box[2]), int(box[3]), plane),
        score=round(region_score(chain, several=several), 4),
        size_mm2=round(float(areas[plane]) * dy * dx, 1) if known else None,
        size_ml=round(float(areas.sum()) * volume.geometry.voxel_ml, 2) if known and len(areas) > 1 else None,
        size_px=int(areas.sum()),
        detector=words,
    )
