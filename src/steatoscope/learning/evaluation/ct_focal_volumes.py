"""The CT localiser on whole simulated volumes whose lesions the simulator made, not the painter that trained it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import ndimage

from steatoscope.core.image import Mask, Volume
from steatoscope.core.report import RegionPart
from steatoscope.imaging.phantoms.ct import CTPhantom, Phase, simulate_ct
from steatoscope.learning.inference.boxes import overlaps
from steatoscope.learning.inference.ct_localiser import localise_ct
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.science.segment.regions import fatty_regions
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

LESIONS: Final = 3
VOLUMES: Final = 12
SEED: Final = 900
MATCH: Final = 0.3
LEAST_VOXELS: Final = 12
PHASES: Final[tuple[Phase, ...]] = ("unenhanced", "portal", "unenhanced", "arterial")
BASELINE: Final = "baseline: robust z of the smoothed fat map"


@dataclass(frozen=True, slots=True)
class VolumeResult:
    """Counts on one simulated volume: its lesions, those hit (and called so), regions that hit nothing, seconds."""

    lesions: int
    hit: int
    called: int
    false: int
    seconds: float


def score_volumes(model: ModelFolder, *, volumes: int = VOLUMES) -> dict[str, dict[str, Any]]:
    """Recall of the simulator's lesions (5 mm slices) and false regions a volume, for the model and the fat map.

    A lesion is hit by a region whose box overlaps (IoU 0.3 or more) the lesion on the region's slice.
    """
    rows: dict[str, list[VolumeResult]] = {model.name: [], BASELINE: []}
    for number in range(volumes):
        phantom = simulated_volume(number)
        began = time.perf_counter()
        found = localise_ct(phantom.volume, phantom.masks["liver"], model)
        rows[model.name].append(judged(phantom, found, time.perf_counter() - began))
        rows[BASELINE].append(judged(phantom, _classical(phantom), 0.0))
    return {f"{name}; simulated volumes, the simulator's lesions": _summary(found) for name, found in rows.items()}


def simulated_volume(number: int) -> CTPhantom:
    """The evaluation's n-th volume: every third has no lesion, phases and fat vary."""
    rng = np.random.default_rng([SEED, number])
    return simulate_ct(
        float(rng.uniform(0.0, 30.0)),
        seed=SEED + number,
        noise_hu=float(rng.uniform(8.0, 16.0)),
        phase=PHASES[number % len(PHASES)],
        lesions=0 if number % 3 == 2 else LESIONS,
        pixel_mm=1.6,
        matrix=220,
    )


def judged(phantom: CTPhantom, found: Sequence[RegionPart], seconds: float) -> VolumeResult:
    """Which lesions the regions hit, and how many regions hit none."""
    labels, count = ndimage.label(phantom.masks["lesions"], structure=np.ones((3, 3, 3)))
    large = [k for k in range(1, count + 1) if int((labels == k).sum()) >= LEAST_VOXELS]
    hits = np.array([[touches(part, labels == k) for k in large] for part in found], dtype=np.bool_)
    hits = hits.reshape(len(found), len(large))
    lesion = np.array([part.kind == "lesion" for part in found], dtype=np.bool_)
    return VolumeResult(
        lesions=len(large),
        hit=int(hits.any(axis=0).sum()),
        called=int(hits[lesion].any(axis=0).sum()),
        false=int((~hits.any(axis=1)).sum()),
        seconds=seconds,
    )


def touches(part: RegionPart, lesion: Mask) -> bool:
    """Whether a region's box overlaps a lesion (slices, rows, columns) enough on the region's slice."""
    plane = lesion[part.box[4]]
    if not plane.any():
        return False
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    box = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], dtype=np.float64)
    return bool(overlaps(box, np.array([part.box[:4]], dtype=np.float64))[0, 0] >= MATCH)


def _classical(phantom: CTPhantom) -> list[RegionPart]:
    fat = np.clip(38.2 - 0.58 * phantom.volume.data, -100.0, 200.0).astype(np.float32)
    return fatty_regions(Volume(fat, phantom.volume.geometry, "percent"), phantom.masks["liver"], 5.0)


def _summary(results: Sequence[VolumeResult]) -> dict[str, Any]:
    lesions, hit, called, false = (
        np.array([getattr(one, name) for one in results], dtype=np.float64)
        for name in ("lesions", "hit", "called", "false")
    )
    without = lesions == 0

    def figures(rows: Any) -> dict[str, float]:
        total, none = lesions[rows].sum(), without[rows]
        return {
            "recall_operating": float(hit[rows].sum() / total) if total else math.nan,
            "recall_as_lesion": float(called[rows].sum() / total) if total else math.nan,
            "false_per_volume": float(false[rows].mean()),
            "false_per_volume_without_lesion": float(false[rows][none].mean()) if none.any() else math.nan,
        }

    spans = bootstrap_intervals(figures, [str(i) for i in range(len(results))], resamples=1000)
    values = figures(np.arange(len(results)))
    intervals = {f"{name}_ci": [spans[name].low, spans[name].high] for name in values if name in spans}
    seconds = float(np.median([one.seconds for one in results]))
    return {**values, **intervals, "n_lesions": int(lesions.sum()), "n_volumes": len(results), "seconds": seconds}
