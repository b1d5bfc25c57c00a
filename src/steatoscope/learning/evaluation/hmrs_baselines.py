"""What recipe R4's networks must beat, on their very folds: the mean, and simple learners on fixed features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.evaluation.baselines import FOREST, GLCM_SVM, Fold, Learner, out_of_fold
from steatoscope.learning.evaluation.baselines_features import intensity_features, texture_features
from steatoscope.learning.training.hmrs_study import HmrsStudy
from steatoscope.learning.training.sets import Sample, TrainingSet

MEAN: Final = "baseline: mean of the training subjects"
INDEX: Final = "baseline: hepatorenal index, hand boxes"
FRAMES: Final = 4
_DEPTHS: Final = 24
_MIDDLE: Final = slice(120, 240)
Values = NDArray[np.float64]


def simulated_baselines(study: HmrsStudy, folds: Sequence[Fold], seed: int) -> dict[str, Values]:
    """Percent by subject: the mean, and ridge and forest on the brightness at 24 depths (middle columns, AR)."""
    frames = study.views["AR"]
    profiles = np.stack([_profile(frames.pixels[frames.subject == number]) for number in range(len(study.fat))])
    found = {MEAN: _mean(study.fat, folds)}
    learners: tuple[tuple[Learner, str], ...] = (("linear", "ridge"), ("forest", "random forest"))
    for learner, words in learners:
        values = _learned(learner, profiles, study.fat, folds, seed)
        found[f"baseline: {words} on the depth profile"] = np.clip(values, 0.0, 100.0)
    return {f"{name} (simulated)": values for name, values in found.items()}


def real_baselines(study: HmrsStudy, folds: Sequence[Fold], seed: int) -> dict[str, Values]:
    """Percent by patient: the mean, texture with a support vector machine, a forest on texture and intensity.

    Features are means over four frames; the learners fit the square root of fat. Where every patient has hand-placed
    boxes, ridge on their ratio of grey is the fourth.
    """
    assert study.source is not None
    texture, intensity = _features(study.source, study.names)
    index = np.array([_index(_of(study.source, name)) for name in study.names])
    tables: dict[str, tuple[Learner, Values]] = {
        GLCM_SVM: ("svm", texture),
        FOREST: ("forest", np.concatenate([texture, intensity], axis=1)),
    }
    if np.isfinite(index).all():
        tables[INDEX] = ("linear", index[:, None])
    found = {MEAN: _mean(study.fat, folds)}
    for name, (learner, features) in tables.items():
        root = _learned(learner, features, np.sqrt(study.fat), folds, seed)
        found[name] = np.clip(root, 0.0, 10.0) ** 2
    return found


def _learned(learner: Learner, features: Values, target: Values, folds: Sequence[Fold], seed: int) -> Values:
    return out_of_fold(learner, "regression", features, target, np.arange(len(target)), folds, seed=seed)


def _mean(fat: Values, folds: Sequence[Fold]) -> Values:
    answer = np.empty_like(fat)
    for train, test in folds:
        answer[test] = fat[train].mean()
    return answer


def _profile(pixels: NDArray[np.uint8]) -> Values:
    middle = pixels[:, :, _MIDDLE].mean(axis=(0, 2))
    return np.asarray(middle.reshape(_DEPTHS, -1).mean(axis=1), dtype=np.float64)


def _of(source: TrainingSet, name: str) -> list[Sample]:
    return [sample for sample in source.samples if sample.subject == name]


def _features(source: TrainingSet, names: Sequence[str]) -> tuple[Values, Values]:
    texture, intensity = [], []
    for name in names:
        pictures = np.stack([np.asarray(sample.image(), dtype=np.uint8) for sample in _of(source, name)])
        sector = find_sector(Clip(pictures))
        if sector is None:
            path = str(_of(source, name)[0].path)
            raise SteatoscopeError("E_NOLIVER", path=path, cause="No scan sector was found in the frames.")
        used = pictures[np.unique(np.linspace(0, len(pictures) - 1, min(FRAMES, len(pictures))).round().astype(int))]
        tissue = tissue_mask(used, sector)
        texture.append(np.mean([texture_features(picture, tissue) for picture in used], axis=0))
        intensity.append(np.mean([intensity_features(picture, tissue) for picture in used], axis=0))
    return np.stack(texture), np.stack(intensity)


def _index(samples: Sequence[Sample]) -> float:
    """Mean over frames of the ratio of grey in the boxes of liver and kidney; NaN without boxes."""
    ratios = [
        _grey(sample.image(), sample.boxes["liver"]) / max(_grey(sample.image(), sample.boxes["kidney"]), 1.0)
        for sample in samples
        if {"liver", "kidney"} <= sample.boxes.keys()
    ]
    return float(np.mean(ratios)) if ratios else math.nan


def _grey(image: NDArray[Any], box: tuple[float, float, float, float]) -> float:
    x0, y0, x1, y1 = (round(value) for value in box)
    return float(image[y0:y1, x0:x1].mean())
