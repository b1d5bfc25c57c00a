"""The calibration error of simulated cohorts before and after calibration, beside what chance alone gives.

A map is fitted on one cohort and judged on another of the same size.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from steatoscope.learning.evaluation.report_evidence import Reliability
from steatoscope.learning.evaluation.trust_uncertainty_cohorts import FAULTS, Fault, Values, draw_events
from steatoscope.science.uncertainty.calibration import fit_isotonic, fit_line, fit_temperature
from steatoscope.science.uncertainty.reliability import calibration_error, errors_if_calibrated, top_label

GOAL: Final = 0.03
CHANCE_SHARE: Final = "share_ece_reached_if_calibrated"
SIZES: Final = (1000, 4000)
_GRADES: Final = 4
_SHOWN: Final = "too sure and moved"
_DRAWS: Final = 50


def calibration_rows(cohorts: int, seed: int) -> dict[str, dict[str, Any]]:
    """Mean errors over ``cohorts`` cohorts of each fault and size, with the 95 % range of single cohorts."""
    rows: dict[str, dict[str, Any]] = {}
    for number, fault in enumerate(FAULTS):
        for size in SIZES:
            rng = np.random.default_rng((seed, number, size))
            each = [_errors(rng, size, fault) for _ in range(cohorts)]
            rows[f"calibration, {fault.name}, {size} patients (simulated)"] = _row(each)
    for size in SIZES:
        rng = np.random.default_rng((seed, len(FAULTS), size))
        each = [_errors_of_grades(rng, size) for _ in range(cohorts)]
        rows[f"calibration, four grades too sure, {size} patients (simulated)"] = _row(each)
    return rows


def calibration_pictures(seed: int) -> tuple[Reliability, ...]:
    """The reliability of one faulty cohort of 4000 before and after."""
    fault = next(one for one in FAULTS if one.name == _SHOWN)
    rng = np.random.default_rng((seed, FAULTS.index(fault), SIZES[-1]))
    given, happened, maps = _fitted_maps(rng, SIZES[-1], fault)
    title = f"{_SHOWN}, {SIZES[-1]} patients (simulated)"
    shown = {"as given": given} | {name: maps[name] for name in ("temperature", "line", "isotonic")}
    return tuple(Reliability(title, name, values, happened) for name, values in shown.items())


def _fitted_maps(
    rng: np.random.Generator, size: int, fault: Fault
) -> tuple[Values, NDArray[np.bool_], dict[str, Values]]:
    _, known, events = draw_events(rng, size, fault)
    true, given, happened = draw_events(rng, size, fault)
    maps = {
        "temperature": fit_temperature(known, events).apply(given),
        "line": fit_line(known, events).apply(given),
        "isotonic": fit_isotonic(known, events).apply(given),
        "true": true,
    }
    return given, happened, maps


def _errors(rng: np.random.Generator, size: int, fault: Fault) -> dict[str, float]:
    given, happened, maps = _fitted_maps(rng, size, fault)
    return {
        "ece_before": calibration_error(given, happened),
        "ece_temperature": calibration_error(maps["temperature"], happened),
        "ece_line": calibration_error(maps["line"], happened),
        "ece_isotonic": calibration_error(maps["isotonic"], happened),
        "ece_isotonic_equal_mass": calibration_error(maps["isotonic"], happened, binning="mass"),
        **_chance(maps["true"], size),
    }


def _errors_of_grades(rng: np.random.Generator, size: int) -> dict[str, float]:
    known, classes, _ = _graded(rng, size)
    given, truth, true = _graded(rng, size)
    cooled = fit_temperature(known, classes).apply(given)
    return {
        "ece_before": calibration_error(*top_label(given, truth)),
        "ece_temperature": calibration_error(*top_label(cooled, truth)),
        **_chance(top_label(true, truth)[0], size),
    }


def _chance(true: Values, seed: int) -> dict[str, float]:
    """The mean error of exact probabilities, and how often it is small enough."""
    drawn = errors_if_calibrated(true, draws=_DRAWS, seed=seed)
    return {"ece_if_calibrated": float(drawn.mean()), CHANCE_SHARE: float((drawn <= GOAL).mean())}


def _graded(rng: np.random.Generator, size: int) -> tuple[Values, NDArray[np.intp], Values]:
    """Probabilities (n, 4) with log-odds 2.5 times too large, grades (n,) drawn from the true ones, and those."""
    logits = rng.normal(0.0, 2.5, (size, _GRADES))
    true = softmax(logits, axis=1)
    truth = (true.cumsum(axis=1) > rng.random((size, 1))).argmax(axis=1)
    return softmax(2.5 * logits, axis=1), truth.astype(np.intp), np.asarray(true)


def _row(each: list[dict[str, float]]) -> dict[str, Any]:
    """Means with the range that holds 95 % of cohorts, and the share of cohorts whose error after the
    line (of classes: the temperature) is 0.03 or less."""
    row: dict[str, Any] = {}
    for name in each[0]:
        values = np.array([one[name] for one in each])
        row[name] = float(values.mean())
        if name == CHANCE_SHARE:
            continue
        row[f"{name}_ci"] = [float(bound) for bound in np.percentile(values, [2.5, 97.5])]
    last = "ece_line" if "ece_line" in row else "ece_temperature"
    row["share_ece_reached"] = float(np.mean([one[last] <= GOAL for one in each]))
    return row
