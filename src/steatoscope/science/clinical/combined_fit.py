"""Fits the combined model on a cohort, and tells by cross-validation over patients what each source is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.clinical.combined import CombinedModel
from steatoscope.science.clinical.combined_posterior import posterior_quantiles
from steatoscope.science.clinical.combined_variables import NAMES, log_fat
from steatoscope.science.clinical.gaussian_missing import Gaussian, fit_gaussian
from steatoscope.science.clinical.simulated_cohort import simulate_cohort

Floats = NDArray[np.float64]
FEWEST_PATIENTS: Final = 30
SHIPPED: Final = "combined-simulated-1"
SHIPPED_SOURCE: Final = "fitted on a simulated cohort of 4000 (facts from the literature), not on patients"
METHODS: Final = ("image", "clinical", "combined")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Reference fat in percent (n,), the image's value and its SD in points (n,), variables (n, 12), patients (n,).

    NaN is a missing value; ``fat_percent`` has none. Rows without an image value have NaN there. ``image_sd`` may be
    NaN where it is unknown.
    """

    fat_percent: Floats
    image_percent: Floats
    image_sd: Floats
    variables: Floats
    patients: NDArray[np.str_]
    scale: str = "pdff"

    def part(self, rows: NDArray[np.intp]) -> Cohort:
        """The cohort with these rows only."""
        cut = {name: getattr(self, name)[rows] for name in ("fat_percent", "image_percent", "image_sd")}
        return replace(self, **cut, variables=self.variables[rows], patients=self.patients[rows])


@lru_cache(maxsize=1)
def shipped_model() -> CombinedModel:
    """The model that goes with the product, fitted on 4000 simulated adults; always labelled simulated."""
    cohort = simulate_cohort(4000, seed=2026)
    joint = fit_gaussian(np.column_stack([log_fat(cohort.fat_percent), cohort.variables]))
    return CombinedModel(SHIPPED, joint, "pdff", simulated=True, source=SHIPPED_SOURCE)


def fit_combined(cohort: Cohort, name: str, source: str, *, simulated: bool = False) -> CombinedModel:
    """Fit the joint distribution and, where SDs of the images are not given, the image's own error.

    Variables that fewer than three rows hold are left out of the model: they then never count. Raises ValueError for
    fewer than 30 patients.
    """
    count = np.unique(cohort.patients).size
    if count < FEWEST_PATIENTS:
        raise ValueError(f"{count} patients are too few; at least {FEWEST_PATIENTS} are needed")
    joint = _joint(np.column_stack([log_fat(cohort.fat_percent), cohort.variables]), count)
    return CombinedModel(name, joint, cohort.scale, simulated, source, _link(cohort))


def _joint(rows: Floats, patients: int) -> Gaussian:
    """A Gaussian over all coordinates; those hardly observed or constant are independent of the rest."""
    seen = np.isfinite(rows).sum(axis=0)
    spread = np.array([np.nanstd(column) if count else 0.0 for column, count in zip(rows.T, seen, strict=True)])
    kept = (seen >= 3) & (spread > 0.0)
    kept[0] = True
    fitted = fit_gaussian(rows[:, kept])
    mean, covariance = np.zeros(rows.shape[1]), np.eye(rows.shape[1])
    mean[kept] = fitted.mean
    covariance[np.ix_(kept, kept)] = fitted.covariance
    return Gaussian(mean, covariance, patients)


def _link(cohort: Cohort) -> tuple[float, float, float] | None:
    """Intercept, slope and error of the image against the reference; None where images bring their own error."""
    have = np.isfinite(cohort.image_percent)
    if not have.any() or np.isfinite(cohort.image_sd[have]).all():
        return None
    truth, image = cohort.fat_percent[have], cohort.image_percent[have]
    if truth.size < FEWEST_PATIENTS or float(np.std(truth)) == 0.0:
        raise ValueError(f"fewer than {FEWEST_PATIENTS} rows hold an image value")
    slope, intercept = np.polyfit(truth, image, 1)
    gaps = image - intercept - slope * truth
    return float(intercept), float(slope), float(np.sqrt(np.sum(gaps**2) / (truth.size - 2)))


def predict_rows(model: CombinedModel, cohort: Cohort, level: float = 0.9) -> Mapping[str, Floats]:
    """Value, low and high (n, 3) of each of "image", "clinical" and "combined"; NaN where a row has no image."""
    tails = [0.5, 0.5 - level / 2.0, 0.5 + level / 2.0]
    n = cohort.fat_percent.size
    blank = np.full((n, 1), np.nan)
    mean, variance = model.joint.conditional(0, np.hstack([blank, cohort.variables]))
    flat = model.joint.conditional(0, np.full((1, len(NAMES) + 1), np.nan))
    found = {name: np.full((n, 3), np.nan) for name in METHODS}
    found["clinical"] = posterior_quantiles(mean, variance, None, tails)
    for i in np.flatnonzero(np.isfinite(cohort.image_percent)):
        reading = model.reading(float(cohort.image_percent[i]), float(cohort.image_sd[i]))
        found["combined"][i] = posterior_quantiles(mean[i], variance[i], reading, tails)[0]
        found["image"][i] = posterior_quantiles(*flat, reading, tails)[0]
    return found


def cross_validate(cohort: Cohort, folds: int = 5, seed: int = 0, level: float = 0.9) -> Mapping[str, Floats]:
    """As :func:`predict_rows`, each row by a model that has not seen its patient."""
    names = np.unique(cohort.patients)
    order = np.random.default_rng(seed).permutation(names.size)
    fold_of = {name: int(k % folds) for name, k in zip(names, order, strict=True)}
    fold = np.array([fold_of[name] for name in cohort.patients])
    found = {name: np.full((fold.size, 3), np.nan) for name in METHODS}
    for k in range(folds):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        model = fit_combined(cohort.part(train), "fold", "cross-validation")
        for name, rows in predict_rows(model, cohort.part(test), level).items():
            found[name][test] = rows
    return found
