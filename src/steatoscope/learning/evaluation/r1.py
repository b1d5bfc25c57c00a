"""Recipe R1 on ``us/byra2018``: liver by U-Net, proposals on it, R-CNN features, grade, fat percent, healthy baseline.

The parts that see pixels are frozen and have seen none of these patients; what is learnt here (grade, fat) is nested by
patient. Support vector machine and random forest stand on the same folds, on texture and on the same features.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.evaluation.baselines import FOREST, GLCM_SVM
from steatoscope.learning.evaluation.baselines_features import intensity_features, texture_features
from steatoscope.learning.evaluation.r1_document import evidence_of, hand_rows, manifest_of, segmentation_rows
from steatoscope.learning.evaluation.r1_scores import (
    Answer,
    Truth,
    healthy_distance,
    healthy_z,
    learned,
    ranked,
    row_of,
)
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.recipes import plan_of, recipe_named
from steatoscope.learning.training.features_cache import FeatureCache
from steatoscope.learning.training.grading_data import find_folder
from steatoscope.learning.training.r1_regions import MODEL, VERSION, PatientRegions, check_unseen, patient_regions
from steatoscope.learning.training.sets import Sample
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.science.clinical.grades import LABELS

RECIPE: Final = "r1-unet-rcnn"
MAIN: Final = "U-Net + R-CNN features, linear"
Values = NDArray[np.float64]
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class R1Plan:
    """Size of a run: frames of each patient, folds of patients, and how often the folds are drawn anew."""

    name: str
    frames: int
    folds: int
    repeats: int


PLANS: Final = {"small": R1Plan("small", 1, 3, 1), "full": R1Plan("full", 10, 5, 5)}


def run_r1(
    plan: str,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Cross-validate the recipe; with ``resume`` frames read before are taken from ``out``.

    ``weights`` names another ultrasound detector (a name or a packed folder) than the shipped one. Raises E_PATH
    without ``labels.csv``, E_LEAK where the detector has seen a frame, UsageError for another plan.
    """
    size, began = PLANS[plan_of(recipe_named(RECIPE), plan)], time.perf_counter()
    source = load_byra2018(find_folder(data))
    model = open_model(weights or MODEL)
    chosen = _chosen(source.samples, size.frames)
    check_unseen(model, [sample for patient in chosen.values() for sample in patient])
    regions = _regions(model, chosen, out, resume=resume, told=told)
    truth = _truth(chosen, size, seed)
    features = np.stack([one.features for one in regions])
    if told is not None:
        told("grades and fat, nested by patient")
    answers = _answers(features, chosen, truth, seed)
    results = {name: row_of(found, truth) for name, found in answers.items()}
    results |= {
        "healthy baseline: z of predicted fat": ranked(healthy_z(features, truth, seed), truth),
        "healthy baseline: distance of features": ranked(healthy_distance(features, truth), truth),
    }
    results |= hand_rows(chosen, truth) | segmentation_rows(model, regions)
    results |= {name: dict(row) for name, row in recipe_named(RECIPE).published.items()}
    return {
        "name": RECIPE,
        "data": f"plan {plan}: {len(chosen)} patients, biopsy fat in percent of hepatocytes",
        "n_subjects": len(chosen),
        "n_images": sum(len(samples) for samples in chosen.values()),
        "left_out": 0,
        "results": results,
        "evidence": evidence_of(MAIN, answers[MAIN], truth, model),
        "manifest": manifest_of(asdict(size), chosen, truth, model, seed, time.perf_counter() - began),
    }


def train_r1(
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str = "full",
    weights: str | None = None,
) -> dict[str, Any]:
    """Not packed: an analysis has no adapter for R-CNN features of a patient, so that no model would be usable.

    Always raises UsageError, which says what there is instead.
    """
    raise UsageError(
        f"{RECIPE} has no packed model: analyze lacks a grader that reads R-CNN features (the liver and proposals come "
        "from us-localiser, as shipped). Run 'benchmark r1-unet-rcnn', or train 'us-steatosis' for a grader."
    )


def _chosen(samples: tuple[Sample, ...], frames: int) -> dict[str, list[Sample]]:
    """Evenly spread frames of every patient."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.subject, []).append(sample)
    return {
        name: [own[k] for k in np.unique(np.linspace(0, len(own) - 1, min(frames, len(own))).round().astype(int))]
        for name, own in found.items()
    }


def _regions(
    model: ModelFolder, chosen: Mapping[str, list[Sample]], out: Path, *, resume: bool, told: Told | None
) -> list[PatientRegions]:
    detector, found = Detector.open(model), []
    cache = FeatureCache(out / "frames", f"{VERSION} {model.sha256}")
    for number, samples in enumerate(chosen.values()):
        if told is not None and number % 5 == 0:
            told(f"regions of patient {number + 1} of {len(chosen)}")
        found.append(patient_regions(detector, model, samples, cache, fresh=not resume))
    return found


def _truth(chosen: Mapping[str, list[Sample]], plan: R1Plan, seed: int) -> Truth:
    labels = [samples[0].labels for samples in chosen.values()]
    grade = np.array([LABELS.index(str(one.grade)) for one in labels], dtype=np.intp)
    fat = np.array([one.fat_percent for one in labels], dtype=np.float64)
    if len(fat) < 2 * plan.folds or (grade == 0).sum() < plan.folds:
        raise SteatoscopeError("E_SUBJECTS", cause=f"{len(fat)} patients, {(grade == 0).sum()} of them healthy.")
    return Truth.of(grade, fat, plan.folds, plan.repeats, seed)


def _answers(
    features: Values, chosen: Mapping[str, list[Sample]], truth: Truth, seed: int
) -> dict[str, list[Answer]]:  # fmt: skip
    texture, intensity = _texture(chosen)
    both = np.concatenate([texture, intensity], axis=1)
    return {
        MAIN: learned("linear", features, truth, seed),
        "variant: U-Net + R-CNN features, SVM": learned("svm", features, truth, seed),
        "variant: U-Net + R-CNN features, random forest": learned("forest", features, truth, seed),
        GLCM_SVM: learned("svm", texture, truth, seed),
        FOREST: learned("forest", both, truth, seed),
    }


def _texture(chosen: Mapping[str, list[Sample]]) -> tuple[Values, Values]:
    texture, intensity = [], []
    for samples in chosen.values():
        used = samples[:: max(1, len(samples) // 4)][:4]
        frames = np.stack([np.asarray(sample.image(), dtype=np.uint8) for sample in used])
        sector = find_sector(Clip(frames))
        if sector is None:
            raise SteatoscopeError("E_NOLIVER", path=str(used[0].path), cause="No scan sector was found.")
        tissue = tissue_mask(frames, sector)
        texture.append(np.mean([texture_features(frame, tissue) for frame in frames], axis=0))
        intensity.append(np.mean([intensity_features(frame, tissue) for frame in frames], axis=0))
    return np.stack(texture), np.stack(intensity)
