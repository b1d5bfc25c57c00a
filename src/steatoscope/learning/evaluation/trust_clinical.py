"""Benchmark ``clinical``: worked examples of the scores, and what clinical values add to an image on simulated cohorts.

Everything here is simulated: the one public set with biopsies (Byra 2018) has no clinical values, so that the combined
estimate cannot be judged on real patients.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.trust_clinical_examples import example_cases
from steatoscope.science.clinical.combined_fit import METHODS, Cohort, fit_combined, predict_rows
from steatoscope.science.clinical.combined_scores import cohort_figures
from steatoscope.science.clinical.simulated_cohort import simulate_cohort
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

_LOG: Final = logging.getLogger(__name__)
MISSING: Final = (0.0, 0.2, 0.5)
IMAGE_SD: Final = (2.0, 4.0)
FATTY_PERCENT: Final = 5.5
_NAMES: Final = {"image": "image alone", "clinical": "clinical values alone", "combined": "both"}
_NOTES: Final = (
    "All cohorts are simulated from published figures (docs/results/clinical.md); no patient took part.",
    "Byra 2018, the real set with biopsies, has no clinical values: nothing can be said of patients.",
    '"Image alone" knows the fat distribution of the cohort; image_as_measured is the bare image value.',
    "Intervals are 95 %, by bootstrap over repeats: each repeat is a new cohort, a new fit and new test patients.",
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Repeats of each condition, patients to fit on and to test on in each."""

    repeats: int
    train: int
    test: int


FULL: Final = Sizes(repeats=40, train=400, test=500)
QUICK: Final = Sizes(repeats=4, train=80, test=100)


def run_clinical(data: Path | None, *, seed: int, out: Path | None = None, quick: bool = False) -> dict[str, Any]:
    """The benchmark's document; no real data are read, whatever ``data`` names."""
    del data, out
    sizes = QUICK if quick else FULL
    cases = example_cases()
    rows: dict[str, dict[str, Any]] = {
        "worked examples": {"scores": len(cases), "reproduced": sum(case["reproduced"] for case in cases)}
    }
    for error, missing in product(IMAGE_SD, MISSING):
        rows |= condition_rows(error, missing, sizes, seed)
        _LOG.info("image error %g points, %g missing: done", error, missing)
    conditions = len(IMAGE_SD) * len(MISSING)
    return {
        "name": "clinical",
        "data": f"simulated cohorts: {conditions} conditions of {sizes.repeats} repeats, fitted on {sizes.train}, "
        f"tested on {sizes.test} each",
        "n_subjects": conditions * sizes.repeats * sizes.test,
        "n_images": 0,
        "left_out": 0,
        "results": rows,
        "cases": cases,
        "configuration": {
            "quick": quick, "seed": seed, "level": 0.9, "repeats": sizes.repeats, "train": sizes.train,
            "test": sizes.test,
        },
        "evidence": Evidence(notes=_NOTES),
    }  # fmt: skip


def condition_rows(error: float, missing: float, sizes: Sizes, seed: int) -> dict[str, dict[str, Any]]:
    """Rows of one condition: image error in points, share of missing clinical values."""
    tests: list[Cohort] = []
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in METHODS}
    for repeat in range(sizes.repeats):
        rng = np.random.default_rng([seed, round(error * 10), round(missing * 100), repeat])
        train, test = (_cohort(n, error, missing, rng) for n in (sizes.train, sizes.test))
        model = fit_combined(train, "benchmark", "simulated", simulated=True)
        for name, span in predict_rows(model, test).items():
            found[name].append(span)
        tests.append(test)
    whole = _joined(tests)
    spans = {name: np.concatenate(parts) for name, parts in found.items()}
    figures = cohort_figures(whole, spans, seed=seed)
    title = f"simulated, image error {error:g} points, {100 * missing:.0f} % missing"
    rows = {f"{title}: {_NAMES[name]}": figures[name] for name in METHODS}
    rows[f"{title}: both"] |= _by_fat(whole, spans["combined"], seed) | _gains(figures["gain_combined"])
    if missing == 0.0:
        rows[f"simulated, image error {error:g} points: as measured"] = figures["image_as_measured"]
    return rows


def _cohort(n: int, error: float, missing: float, rng: np.random.Generator) -> Cohort:
    whole = simulate_cohort(n, int(rng.integers(2**31)))
    variables = np.where(rng.random(whole.variables.shape) < missing, np.nan, whole.variables)
    image = whole.fat_percent + error * rng.standard_normal(n)
    return Cohort(whole.fat_percent, image, np.full(n, np.nan), variables, np.arange(n).astype(str))


def _joined(parts: list[Cohort]) -> Cohort:
    """All test patients, named after their repeat: it is the unit of the bootstrap."""
    names = np.concatenate([np.full(part.fat_percent.size, f"repeat {k}") for k, part in enumerate(parts)])
    return Cohort(
        np.concatenate([part.fat_percent for part in parts]),
        np.concatenate([part.image_percent for part in parts]),
        np.concatenate([part.image_sd for part in parts]),
        np.concatenate([part.variables for part in parts]),
        names,
    )


def _by_fat(cohort: Cohort, span: NDArray[np.float64], seed: int) -> dict[str, Any]:
    """Coverage among patients below and at or above 5.5 % of true fat."""
    truth = cohort.fat_percent
    inside = (span[:, 1] <= truth) & (truth <= span[:, 2])
    fatty = truth >= FATTY_PERCENT

    def statistics(k: NDArray[np.intp]) -> dict[str, float]:
        high = fatty[k]
        return {
            "coverage_below_5_5": float(inside[k][~high].mean()),
            "coverage_from_5_5": float(inside[k][high].mean()) if high.any() else float("nan"),
        }

    values = statistics(np.arange(truth.size))
    spans = bootstrap_intervals(statistics, cohort.patients, resamples=1000, seed=seed)
    found: dict[str, Any] = {name: round(value, 4) for name, value in values.items()}
    return found | {f"{name}_ci": [round(part.low, 4), round(part.high, 4)] for name, part in spans.items()}


def _gains(figures: dict[str, Any]) -> dict[str, Any]:
    return {f"gain_{name.removeprefix('mae_')}": value for name, value in figures.items()}
