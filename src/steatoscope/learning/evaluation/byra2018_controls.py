"""Baselines and shortcut controls of the Byra 2018 benchmark: what the model must beat, and what must say nothing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.evaluation.baselines import Learner, group_folds, out_of_fold
from steatoscope.learning.evaluation.baselines_features import control_features, intensity_features, texture_features
from steatoscope.learning.evaluation.byra2018_figures import Answers
from steatoscope.learning.inference.byra2018_data import Patient
from steatoscope.learning.inference.us_steatosis_judge import LIMITS
from steatoscope.learning.inference.us_steatosis_reading import used_frames
from steatoscope.learning.training.us_first import patient_features
from steatoscope.learning.training.us_first_fit import PatientTable, left_out_scores

_FOLDS = 10
TICKS_FROM_EDGE, TICK_PERIODS = (2, 8), (14.0, 34.0)

Values = NDArray[np.float64]
Features = dict[str, Values]


def control_answers(patients: list[Patient], fat: Values, seed: int = 0) -> dict[str, Answers]:
    """Answers of the classical baselines, the first model's features and the controls, out of ten folds of patients."""
    rows = [_readings(patient) for patient in patients]
    found = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    texture = np.concatenate([found["texture"], found["intensity"]], axis=1)
    answers = {
        "baseline: GLCM + SVM": _learned("svm", found["texture"], fat, seed),
        "baseline: random forest": _learned("forest", texture, fat, seed),
        "baseline: us-first features, ridge": _first_model(patients, fat),
    }
    for name in ("outside", "depth scale", "mean grey"):
        answers[f"control: {name} alone"] = _learned("linear", found[name], fat, seed)
    grey = -found["mean grey"][:, 0]
    return answers | {"control: darker is fatter, ranked": Answers.ranking(grey)}


def _readings(patient: Patient) -> Features:
    frames = used_frames(patient.frames)
    sector = find_sector(Clip(patient.frames))
    if sector is None:
        raise ValueError(f"{patient.name} has no scan sector")
    tissue = tissue_mask(frames, sector)
    control = [control_features(frame, sector.mask) for frame in frames]
    names = {name.lower(): name for name in control[0]}
    outside, grey = (next(names[key] for key in names if word in key) for word in ("outside", "grey"))
    return {
        "texture": np.nanmean([texture_features(frame, tissue) for frame in frames], axis=0),
        "intensity": np.nanmean([intensity_features(frame, tissue) for frame in frames], axis=0),
        "outside": np.mean([one[outside] for one in control], axis=0),
        "mean grey": np.mean([one[grey] for one in control], axis=0),
        "depth scale": np.array([tick_period(patient.frames.mean(axis=0), sector)]),
    }


def tick_period(picture: Values, sector: Sector) -> float:
    """Distance of the depth ticks along the sector's left edge, in pixels: the best Fourier period of 14-34.

    The strip lies 2-7 pixels outside the edge, which runs from the apex at ``angle_left``.
    """
    radius = np.arange(sector.inner_radius + 20.0, sector.outer_radius)
    sine, cosine = np.sin(sector.angle_left), np.cos(sector.angle_left)
    lines = []
    for away in range(*TICKS_FROM_EDGE):
        x = sector.apex[0] + radius * sine - away * cosine
        y = sector.apex[1] + radius * cosine + away * sine
        maps = x.astype(np.float32)[None], y.astype(np.float32)[None]
        lines.append(cv2.remap(picture.astype(np.float32), *maps, cv2.INTER_LINEAR)[0])
    profile = np.mean(lines, axis=0) - np.mean(lines)
    periods = np.linspace(*TICK_PERIODS, 401)
    waves = np.exp(2j * np.pi * radius[None] / periods[:, None])
    return float(periods[int(np.argmax(np.abs(waves @ profile)))])


def _learned(learner: Learner, features: Values, fat: Values, seed: int) -> Answers:
    patients = np.arange(fat.size)
    folds = group_folds(patients, _FOLDS, seed, strata=fat >= LIMITS[0])

    def rank(positive: NDArray[np.bool_]) -> Values:
        return out_of_fold(learner, "classification", features, positive, patients, folds, seed=seed)[:, 1]

    value = out_of_fold(learner, "regression", features, np.sqrt(fat), patients, folds, seed=seed)
    percent = np.clip(value, 0.0, 10.0) ** 2
    return Answers.ranking(rank(fat >= LIMITS[0]), rank(fat > LIMITS[1]), percent)


def _first_model(patients: list[Patient], fat: Values) -> Answers:
    rows = [patient_features(patient.frames) for patient in patients]
    names = tuple(rows[0])
    table = PatientTable(names, np.array([[row[name] for name in names] for row in rows]), fat)
    score = left_out_scores(table)
    return Answers.ranking(score, score, np.clip(score, 0.0, 10.0) ** 2)
