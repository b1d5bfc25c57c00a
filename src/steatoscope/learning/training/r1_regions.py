"""Recipe R1's chain on B-mode frames with frozen parts: the U-Net's liver, proposals on it, features of the R-CNN.

The U-Net is the one whose decoder feeds the R-CNN of the detector: one model, trained on ``aul``, which has seen none
of the patients that are graded. ``us-segmenter`` is not used, since it was trained on boxes of ``byra2018`` frames.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip, Mask
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.detector_scores import box_means
from steatoscope.learning.inference.prepare import network_input, prepare_us
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.features_cache import Arrays, FeatureCache
from steatoscope.learning.training.sets import Sample

VERSION: Final = "r1-regions-1"
MODEL: Final = "us-localiser"
ON_LIVER: Final = 0.5
MOST: Final = 20
Values = NDArray[np.float64]
Told = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class FrameRegions:
    """What the chain gives of one frame, in the frame's own pixels.

    ``features`` (k,) is the mean over the proposals on the liver, NaN where there is none; ``liver`` the U-Net's mask.
    """

    features: Values
    proposals: int
    liver: Mask
    cpu_ms: float


def check_unseen(model: ModelFolder, samples: Sequence[Sample]) -> None:
    """Raise E_LEAK, naming a frame, where the model was trained on any of them."""
    known = model.training_sha256
    for sample in samples:
        if sample.sha256 in known:
            cause = f"{model.name} was trained on it."
            raise SteatoscopeError("E_LEAK", path=str(sample.path), cause=cause)


def read_frame(detector: Detector, frame: NDArray[np.uint8], tissue: Mask) -> FrameRegions:
    """The liver, and the features of the up to twenty surest proposals that lie on it by half or more."""
    began = time.process_time()
    prepared = prepare_us(frame, tissue)
    found = detector.candidates(network_input(prepared, "us"))
    organ = 0 if detector.settings.organ is None else detector.settings.organ
    liver = found.segments[organ] > ON_LIVER
    on = np.flatnonzero(box_means(liver.astype(np.float32), found.boxes) >= ON_LIVER)
    kept = on[np.argsort(-found.scores[on], kind="stable")][:MOST]
    width = found.features.shape[1]
    features = found.features[kept].mean(axis=0) if len(kept) else np.full(width, np.nan)
    mask = prepared.placement.from_canvas(liver[None].astype(np.float32))[0] > ON_LIVER
    spent = 1000.0 * (time.process_time() - began)
    return FrameRegions(np.asarray(features, dtype=np.float64), len(kept), np.asarray(mask), spent)


@dataclass(frozen=True, eq=False)
class PatientRegions:
    """The chain over a patient's frames: mean features (k,), and how the liver lies to hand-placed boxes (NaN: none).

    ``liver_box`` and ``kidney_box`` are the shares of those boxes that the liver's mask covers, means over frames.
    """

    features: Values
    proposals: float
    liver_box: float
    kidney_box: float
    cpu_ms: float


def patient_regions(
    detector: Detector, model: ModelFolder, samples: Sequence[Sample], cache: FeatureCache, *, fresh: bool
) -> PatientRegions:
    """All given frames of one patient; frames read before come from the cache unless ``fresh``.

    Raises E_NOLIVER where no scan sector is found.
    """
    rows = [None if fresh else cache.get(sample.sha256) for sample in samples]
    if any(row is None for row in rows):
        rows = list(_computed(detector, samples))
        for sample, row in zip(samples, rows, strict=True):
            if row is not None:
                cache.put(sample.sha256, row)
    stacked = {key: np.stack([row[key] for row in rows if row is not None]) for key in ("features", "facts")}
    with_any = np.isfinite(stacked["features"]).all(axis=1)
    features = stacked["features"][with_any].mean(axis=0) if with_any.any() else stacked["features"][0]
    facts = [_mean(column) for column in stacked["facts"].T]
    return PatientRegions(features, facts[0], facts[1], facts[2], float(np.median(stacked["facts"][:, 3])))


def _computed(detector: Detector, samples: Sequence[Sample]) -> list[Arrays]:
    frames = np.stack([np.asarray(sample.image(), dtype=np.uint8) for sample in samples])
    sector = find_sector(Clip(frames))
    if sector is None:
        raise SteatoscopeError("E_NOLIVER", path=str(samples[0].path), cause="No scan sector was found in the frames.")
    tissue = tissue_mask(frames, sector)
    found = []
    for sample, frame in zip(samples, frames, strict=True):
        one = read_frame(detector, frame, tissue)
        shares = [_covered(one.liver, sample.boxes.get(organ)) for organ in ("liver", "kidney")]
        facts = np.array([float(one.proposals), *shares, one.cpu_ms])
        found.append({"features": one.features, "facts": facts})
    return found


def _covered(mask: Mask, box: Any) -> float:
    if box is None:
        return float("nan")
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    return float(mask[y0:y1, x0:x1].mean())


def _mean(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
