"""Benchmark ``normality``: how well the distance from healthy livers tells steatosis, beside the trained model.

Every healthy patient of Byra 2018 is left out in turn: the set is fitted to the other healthy patients, and the one
left out is compared with every patient who has steatosis (leave-pair-out, Airola, Comput Stat Data Anal 2011).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip, USView
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.inference.byra2018_data import read_byra2018
from steatoscope.learning.inference.us_steatosis import SteatosisModel, load_us_steatosis
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.us_views import prepare_view
from steatoscope.science.clinical.normality import fit_normality
from steatoscope.science.metrics.classification import auc
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

HEALTHY_BELOW_PERCENT: Final = 5.0
QUICK_PATIENTS: Final = 20
LOCALISED: Final = ("difference", "slope_free")
_NOTES: Final = (
    "auc: area under the ROC curve for fat of 5 % or more at biopsy, with a 95 % patient bootstrap.",
    "Distance: Mahalanobis from healthy patients, shrunk covariance, leave-pair-out; it never sees a steatotic liver.",
    "17 readings need neither localiser nor kidney and are what the product uses; 19 add two that the localiser "
    "places, which has seen these patients' boxes.",
    "The model's row is the nested cross-validation in its own card, not a run on patients it was fitted on.",
)

Values = NDArray[np.float64]


def run_normality(data: Path | None, *, seed: int, out: Path, quick: bool) -> dict[str, Any]:
    """Score the distance on Byra 2018 in ``data`` (the folder of all sets, or that set). Raises E_PATH without it."""
    del out
    folder = _folder(data)
    patients = read_byra2018(folder)
    chosen = patients if not quick else [*patients[: QUICK_PATIENTS // 2], *patients[-QUICK_PATIENTS // 2 :]]
    model = load_us_steatosis()
    names = tuple(str(name) for name in model.document["distribution"]["features"])
    found = [_scores(patient.frames, model) for patient in chosen]
    fat = np.array([patient.fat for patient in chosen])
    results: dict[str, Any] = {}
    for row, features in (("distance, 17 readings", names), ("distance, 19 readings", (*names, *LOCALISED))):
        table = np.array([[one[name] for name in features] for one in found])
        results[row] = pair_figures(table, fat < HEALTHY_BELOW_PERCENT, features, seed)
    score = np.array([one["score"] for one in found])
    results["robust z of the score, patients of the fit"] = _plain(fat >= HEALTHY_BELOW_PERCENT, score, seed)
    results["us-steatosis, nested cross-validation"] = _card_figures(model.folder)
    return {
        "name": "normality",
        "data": "Byra 2018: 40 patients with biopsy" if not quick else "Byra 2018, some patients",
        "n_subjects": len(chosen),
        "n_images": sum(patient.frames.shape[0] for patient in chosen),
        "left_out": len(patients) - len(chosen),
        "results": results,
        "configuration": {"quick": quick, "seed": seed, "patients": len(chosen)},
        "evidence": Evidence(notes=_NOTES),
    }


def pair_figures(table: Values, healthy: NDArray[np.bool_], features: tuple[str, ...], seed: int) -> dict[str, Any]:
    """``auc`` of rows (n, k) over all pairs of a healthy and a steatotic patient, with its interval."""
    wins = pair_wins(table, healthy, features)
    places, others = np.flatnonzero(healthy), np.flatnonzero(~healthy)
    row_of, column_of = ({int(p): k for k, p in enumerate(group)} for group in (places, others))

    def figure(rows: NDArray[np.intp]) -> dict[str, float]:
        up = [row_of[int(r)] for r in rows if int(r) in row_of]
        down = [column_of[int(r)] for r in rows if int(r) in column_of]
        return {"auc": float(wins[np.ix_(up, down)].mean()) if up and down else float("nan")}

    everyone = np.arange(len(table))
    spans = bootstrap_intervals(figure, everyone, seed=seed)
    return with_intervals(figure(everyone), spans) | {"n_healthy": int(healthy.sum()), "n": len(table)}


def pair_wins(table: Values, healthy: NDArray[np.bool_], features: tuple[str, ...]) -> Values:
    """1 where the steatotic patient (columns) lies further than the healthy one (rows) left out; ties count half."""
    normal, others = np.flatnonzero(healthy), table[~healthy]
    rows = []
    for left in normal:
        fitted = fit_normality(features, table[normal[normal != left]])
        own, theirs = fitted.distances(table[left : left + 1])[0], fitted.distances(others)
        rows.append((theirs > own) + 0.5 * (theirs == own))
    return np.array(rows, dtype=np.float64)


def _plain(positive: NDArray[np.bool_], score: Values, seed: int) -> dict[str, Any]:
    def figure(rows: NDArray[np.intp]) -> dict[str, float]:
        return {"auc": auc(positive[rows], score[rows])}

    everyone = np.arange(len(score))
    return with_intervals(figure(everyone), bootstrap_intervals(figure, everyone, seed=seed)) | {"n": len(score)}


def _card_figures(folder: ModelFolder) -> dict[str, Any]:
    """The model's own nested AUC from its training manifest."""
    metrics: Mapping[str, Any] = folder.training.get("metrics", {})
    return {key: metrics[key] for key in ("auc", "auc_ci") if key in metrics}


def _scores(frames: NDArray[np.uint8], model: SteatosisModel) -> dict[str, float]:
    view, _ = prepare_view(USView(None, Clip(frames)))
    if view is None:
        raise SteatoscopeError("E_NOLIVER", cause="A clip shows no scan sector.")
    return model.predict(view.frames, view.sector, view.pixel_mm).healthy_z


def _folder(data: Path | None) -> Path:
    for place in (data / "us" / "byra2018", data) if data is not None else ():
        if (place / "labels.csv").is_file():
            return place
    raise SteatoscopeError("E_PATH", path=str(data or ""), cause="Byra 2018 (us/byra2018/labels.csv) was not found.")
