"""Evaluation of ``ct-localiser`` on volumes held out and on phantoms. The truth is simulated throughout.

Regions are painted into held-out slices whose liver looks even and into simulated livers; the same slices without
regions count false ones. The classical localiser reads the same pictures. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.learning.evaluation.ct_focal_scores import SliceResult, strata, summarise_regions
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.ct_focal_paint import LABELS
from steatoscope.learning.training.ct_focal_phantoms import phantom_slices
from steatoscope.learning.training.ct_focal_pictures import FocalPicture, detections_on, focal_pictures
from steatoscope.learning.training.ct_focal_slices import LiverSlice, liver_slices
from steatoscope.learning.training.sets_liver_png import load_msd_liver
from steatoscope.science.segment.regions import fatty_regions

PAINT_SEED, PHANTOM_SEED, PHANTOMS = 4001, 77, 10
SLICE_MM, FATTY_PERCENT = 5.0, 5.0
BASELINE: Final = "baseline: robust z of the smoothed fat map"
Found = Sequence[tuple[tuple[float, float, float, float], str, float]]
Finder = Callable[[FocalPicture], Found]


def score_ct_focal(data: Path, model: ModelFolder, *, out: Path, copies: int = 2) -> dict[str, Any]:
    """Score a packed CT localiser on the slices of ``images/`` and ``masks/`` whose volumes it has not seen.

    ``copies`` is how often regions are painted anew into each slice. Raises E_LEAK where it has seen every volume.
    """
    unseen = unseen_slices(data, model)
    if not unseen:
        raise SteatoscopeError("E_LEAK", path=str(data))
    even = [one for one in unseen if one.even]
    phantoms = phantom_slices(PHANTOMS, PHANTOM_SEED)
    results, tables = {}, {}
    for source, slices in (("real slices, simulated regions", even), ("simulated livers and regions", phantoms)):
        for row, finder, operating in _finders(model):
            scored = _scored(slices, finder, operating, copies)
            results[f"{row}; {source}"] = _figures(scored)
            tables[f"{row}; {source}"] = {by: strata(scored["painted"], by) for by in ("size", "contrast")}
    return {
        "name": "ct_focal",
        "data": "simulated focal regions in CT slices of unseen volumes, and in simulated livers",
        "n_subjects": len({one.volume for one in even}) + PHANTOMS,
        "n_images": len(even) + len(phantoms),
        "left_out": len(unseen) - len(even),
        "results": results,
        "strata": tables,
        "configuration": {"copies": copies, "paint_seed": PAINT_SEED, "phantom_seed": PHANTOM_SEED},
    }


def unseen_slices(data: Path, model: ModelFolder) -> list[LiverSlice]:
    """Slices with liver of volumes of which the model has seen no slice."""
    samples = load_msd_liver(data).samples
    seen = {sample.group for sample in samples if sample.sha256 in model.training_sha256}
    return liver_slices([sample for sample in samples if sample.group not in seen])


def network_finder(detector: Detector) -> Finder:
    """The detector as a function of a picture."""
    return lambda picture: [(one.box, one.label, one.score) for one in detections_on(detector, picture)]


def classical_finder(picture: FocalPicture) -> Found:
    """The classical localiser on the picture's fat map: 38.2 - 0.58 HU, one slice of 1 mm pixels."""
    fat = np.clip(38.2 - 0.58 * picture.hu, -100.0, 200.0).astype(np.float32)[None]
    volume = Volume(fat, Geometry.from_spacing((SLICE_MM, 1.0, 1.0)), "percent")
    parts = fatty_regions(volume, picture.liver[None], FATTY_PERCENT)
    return [((part.box[0], part.box[1], part.box[2], part.box[3]), part.kind, part.score) for part in parts]


def slice_result(picture: FocalPicture, found: Found, operating: float) -> SliceResult:
    """A picture's painted and found regions as one case."""
    return SliceResult(
        volume=picture.volume,
        wanted=np.array([one.box for one in picture.regions], dtype=np.float64).reshape(-1, 4),
        wanted_kinds=np.array([LABELS[one.label - 1] for one in picture.regions], dtype=str),
        diameters=np.array([one.diameter_mm for one in picture.regions], dtype=np.float64),
        contrasts=np.array([one.contrast_hu for one in picture.regions], dtype=np.float64),
        found=np.array([box for box, _, _ in found], dtype=np.float64).reshape(-1, 4),
        found_kinds=np.array([kind for _, kind, _ in found], dtype=str),
        scores=np.array([score for _, _, score in found], dtype=np.float64),
        operating=operating,
    )


def _finders(model: ModelFolder) -> list[tuple[str, Finder, float]]:
    detector = Detector.open(model)
    return [(model.name, network_finder(detector), detector.settings.operating), (BASELINE, classical_finder, 0.0)]


def _scored(
    slices: Sequence[LiverSlice], finder: Finder, operating: float, copies: int
) -> Mapping[str, list[SliceResult]]:
    painted = [p for copy in range(copies) for p in focal_pictures(slices, PAINT_SEED + copy, painted=True)]
    plain = focal_pictures(slices, PAINT_SEED + copies, painted=False)
    return {
        "painted": [slice_result(picture, finder(picture), operating) for picture in painted],
        "plain": [slice_result(picture, finder(picture), operating) for picture in plain],
    }


def _figures(scored: Mapping[str, list[SliceResult]]) -> dict[str, Any]:
    figures = summarise_regions(scored["painted"])
    plain = summarise_regions(scored["plain"])
    figures["false_per_painted_slice"] = figures.pop("false_per_slice")
    figures.pop("false_per_slice_ci", None)
    figures |= {f"false_per_plain_slice{end}": plain[f"false_per_slice{end}"] for end in ("", "_ci")
                if f"false_per_slice{end}" in plain}  # fmt: skip
    return figures | {
        "n_regions": int(sum(len(one.wanted) for one in scored["painted"])),
        "n_painted": len(scored["painted"]),
        "n_plain": len(scored["plain"]),
    }
