"""Recipe R1: liver by U-Net, proposals on it, R-CNN features, grade, fat percent, healthy baseline.

The parts that see pixels are frozen and have seen none of these patients; what is learnt here (grade, fat) is nested by
patient. Support vector machine and random forest stand on the same folds, on texture and on the same features.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.baselines import FOREST, GLCM_SVM
from steatoscope.learning.evaluation.r1_data import PLANS, R1Study, read_study
from steatoscope.learning.evaluation.r1_document import chain_rows, evidence_of, hand_rows, manifest_of, outline_rows
from steatoscope.learning.evaluation.r1_fit import answers_of
from steatoscope.learning.evaluation.r1_read import detector_named, read_regions, read_texture
from steatoscope.learning.evaluation.r1_scores import Answer, healthy_distance, healthy_z, learned, ranked, row_of
from steatoscope.learning.evaluation.r1_train import train_r1
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.recipes import plan_of, recipe_named
from steatoscope.learning.training.r1_regions import PatientRegions, check_unseen

__all__ = ["PLANS", "run_r1", "train_r1"]

RECIPE: Final = "r1-unet-rcnn"
MAIN: Final = "U-Net + R-CNN features, linear"
Told = Callable[[str], None]


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

    ``weights`` names another ultrasound detector (a name or a packed folder) than the shipped one. Raises what
    ``read_study`` raises, E_LEAK where the detector has seen a frame, UsageError for another plan.
    """
    size, began = PLANS[plan_of(recipe_named(RECIPE), plan)], time.perf_counter()
    study, model = read_study(data, size, seed), detector_named(weights)
    check_unseen(model, study.samples)
    regions = read_regions(model, study, out, resume=resume, told=told)
    if told is not None:
        told("grades and fat, nested by patient")
    answers = _answers(regions, study, seed)
    return {
        "name": RECIPE,
        "data": f"plan {plan}: {study.titled(str(len(study.chosen)))} patients of {study.source.name}, fat in "
        f"{study.unit}",
        "n_subjects": len(study.chosen),
        "n_images": len(study.samples),
        "left_out": 0,
        "results": _results(study, model, regions, answers, seed),
        "evidence": evidence_of(MAIN, answers[MAIN], study, model),
        "manifest": manifest_of(asdict(size), study, model, seed, time.perf_counter() - began),
    }


def _results(
    study: R1Study, model: ModelFolder, regions: list[PatientRegions], answers: dict[str, list[Answer]], seed: int
) -> dict[str, Any]:
    features, truth = np.stack([one.features for one in regions]), study.truth
    rows = {name: row_of(found, truth) for name, found in answers.items()}
    rows |= {
        "healthy baseline: z of predicted fat": ranked(healthy_z(features, truth, seed), truth),
        "healthy baseline: distance of features": ranked(healthy_distance(features, truth), truth),
    }
    rows |= hand_rows(study.chosen, truth) | chain_rows(regions)
    published = {name: dict(row) for name, row in recipe_named(RECIPE).published.items()}
    return {study.titled(name): row for name, row in rows.items()} | outline_rows(model) | published


def _answers(regions: list[PatientRegions], study: R1Study, seed: int) -> dict[str, list[Answer]]:
    features = np.stack([one.features for one in regions])
    texture, intensity = read_texture(study)
    both, truth = np.concatenate([texture, intensity], axis=1), study.truth
    return {
        MAIN: [one.answer for one in answers_of(regions, truth, seed)],
        "variant: U-Net + R-CNN features, linear, not cut": learned("linear", features, truth, seed),
        "variant: U-Net + R-CNN features, SVM": learned("svm", features, truth, seed),
        "variant: U-Net + R-CNN features, random forest": learned("forest", features, truth, seed),
        GLCM_SVM: learned("svm", texture, truth, seed),
        FOREST: learned("forest", both, truth, seed),
    }
