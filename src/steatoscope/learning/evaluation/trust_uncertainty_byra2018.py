"""Figures of uncertainty on Byra 2018, from answers that never saw the patient: intervals, sets, probabilities."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.byra2018_figures import spearman
from steatoscope.learning.evaluation.report_evidence import Reliability
from steatoscope.learning.evaluation.trust_uncertainty_coverage import by_grade
from steatoscope.learning.evaluation.trust_uncertainty_left_out import LeftOut
from steatoscope.learning.inference.us_steatosis_judge import GRADES, LIMITS
from steatoscope.science.uncertainty.bootstrap import bootstrap_interval
from steatoscope.science.uncertainty.calibration import fit_isotonic, fit_temperature
from steatoscope.science.uncertainty.conformal_sets import calibrate_sets, set_sizes, sets_hold
from steatoscope.science.uncertainty.ensemble import spread
from steatoscope.science.uncertainty.reliability import judged_calibration, share_interval

ROW: Final = "us-steatosis, heads left out by patient"
LEVEL: Final = 0.9
FEW_BINS: Final = 5
PICTURED: Final = ("probability", "temperature on top")
Values = NDArray[np.float64]


def byra2018_rows(found: LeftOut, seed: int, resamples: int) -> dict[str, dict[str, Any]]:
    """What the recipe's own intervals, sets and probabilities reach, and what other choices would."""
    held = (found.low <= found.fat) & (found.fat <= found.high)
    inside = found.sets[np.arange(found.fat.size), found.grade]
    interval = _covered("interval_coverage_90", held, found.grade) | {
        "interval_width": float((found.high - found.low).mean())
    }
    sets = _covered("set_coverage_90", inside, found.grade) | {"mean_set_size": float(found.sets.sum(axis=1).mean())}
    rows = {
        f"{ROW}: interval (real)": interval | _spread_figures(found, seed, resamples),
        f"{ROW}: grade set (real)": sets,
    }
    for name, by_class in (("LAC set from the other patients", False), ("LAC set by grade from the others", True)):
        chosen = _sets_of_others(found, by_class=by_class)
        hold = sets_hold(chosen, found.grade)
        rows[f"{ROW}: {name} (real)"] = _covered("set_coverage_90", hold, found.grade) | {
            "mean_set_size": float(set_sizes(chosen).mean())
        }
    for name, probability in _calibrations(found).items():
        rows[f"{ROW}: {name} (real)"] = _calibration(probability, found.fat >= LIMITS[0], seed, resamples)
    return rows


def byra2018_pictures(found: LeftOut) -> tuple[Reliability, ...]:
    """Reliability of the probability of fat >= 5 %, as given and after a temperature, in bins of eight patients."""
    title = "fat >= 5 %, byra2018 left out by patient (real)"
    shown = {name: value for name, value in _calibrations(found).items() if name in PICTURED}
    happened = found.fat >= LIMITS[0]
    return tuple(Reliability(title, name, value, happened, FEW_BINS, "mass") for name, value in shown.items())


def byra2018_cases(found: LeftOut) -> list[dict[str, Any]]:
    """One case a patient, without its name's number leading to anything but its row."""
    between = spread(found.members).between
    return [
        {
            "fat_percent": float(found.fat[i]),
            "value_percent": round(float(found.value[i]), 2),
            "interval": [round(float(found.low[i]), 2), round(float(found.high[i]), 2)],
            "member_spread": round(float(between[i]), 2),
            "probability": round(float(found.steatosis[i]), 4),
            "grade_set": [name for name, kept in zip(GRADES, found.sets[i], strict=True) if kept],
        }
        for i in range(found.fat.size)
    ]


def _covered(metric: str, held: NDArray[np.bool_], grade: NDArray[np.intp]) -> dict[str, Any]:
    """The share with its exact binomial interval, and by grade with theirs."""
    row: dict[str, Any] = {"n": int(held.size)} | _share(metric, held)
    for name in by_grade(held, grade):
        row |= _share(name, held[grade == GRADES.index(name.removeprefix("coverage_"))])
    return row


def _share(name: str, held: NDArray[np.bool_]) -> dict[str, Any]:
    span = share_interval(int(held.sum()), int(held.size))
    return {name: float(held.mean()), f"{name}_ci": [span.low, span.high]}


def _spread_figures(found: LeftOut, seed: int, resamples: int) -> dict[str, Any]:
    """The SD between members, and whether it goes with the error (rank correlation)."""
    between, error = spread(found.members).between, np.abs(found.value - found.fat)
    row: dict[str, Any] = {"member_spread": float(between.mean()), "spread_with_error": spearman(between, error)}
    span = bootstrap_interval(
        lambda rows: spearman(between[rows], error[rows]), np.arange(error.size), seed=seed, resamples=resamples
    )
    return row if span is None else row | {"spread_with_error_ci": [span.low, span.high]}


def _sets_of_others(found: LeftOut, *, by_class: bool) -> NDArray[np.bool_]:
    """Every patient's set by a limit from the left-out answers of all others."""
    everyone = np.arange(found.fat.size)
    chosen = []
    for i in everyone:
        others = everyone != i
        limits = calibrate_sets(
            found.grades[others], found.grade[others], everyone[others], level=LEVEL, by_class=by_class
        )
        chosen.append(limits.sets(found.grades[i : i + 1])[0])
    return np.stack(chosen)


def _calibrations(found: LeftOut) -> dict[str, Values]:
    """Probabilities of fat >= 5 % as the recipe gives them, and mapped anew by all other patients."""
    happened = found.fat >= LIMITS[0]
    everyone = np.arange(happened.size)
    mapped: dict[str, Values] = {"probability": found.steatosis}
    for name, fit in (("temperature on top", fit_temperature), ("isotonic on top", fit_isotonic)):
        values = np.empty(happened.size)
        for i in everyone:
            others = everyone != i
            values[i] = fit(found.steatosis[others], happened[others]).apply(found.steatosis[i : i + 1])[0]
        mapped[name] = values
    return mapped


def _calibration(probability: Values, happened: NDArray[np.bool_], seed: int, resamples: int) -> dict[str, Any]:
    row: dict[str, Any] = {"n": int(happened.size)}
    for name, bins, binning in (("ece", 10, "width"), ("ece_equal_mass", FEW_BINS, "mass")):
        judged = judged_calibration(
            probability, happened, bins=bins, binning="width" if binning == "width" else "mass",
            resamples=resamples, seed=seed,
        )  # fmt: skip
        row[name] = judged.value
        if judged.interval is not None:
            row[f"{name}_ci"] = [judged.interval.low, judged.interval.high]
        row[f"{name}_if_calibrated"] = judged.expected
        row[f"{name}_if_calibrated_ci"] = [judged.expected_range.low, judged.expected_range.high]
    return row if math.isfinite(row["ece"]) else {"n": 0}
