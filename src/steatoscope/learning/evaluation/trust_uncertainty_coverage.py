"""Coverage of conformal intervals and grade sets by Monte Carlo: many cohorts, each split, fitted and tested anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.trust_uncertainty_cohorts import (
    Cohort,
    Values,
    draw_patients,
    fitted,
    grade_shares,
    part,
    predicted,
)
from steatoscope.learning.inference.us_steatosis_judge import GRADES, grade_index
from steatoscope.science.uncertainty.conformal import group_quantiles, jackknife_plus_interval, split_interval
from steatoscope.science.uncertainty.conformal_sets import (
    Rule,
    calibrate_sets,
    cross_sets,
    set_scores,
    set_sizes,
    sets_hold,
)

LEVEL: Final = 0.9
TESTED: Final = 200
FOLDS: Final = 10
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tally:
    """One split: whether each tested patient was covered (m,), how wide the answer was (m,), and true grades (m,)."""

    held: Flags
    size: Values
    grade: NDArray[np.intp]


Method = Callable[[np.random.Generator, Cohort, Cohort], Tally]


def coverage_rows(splits: int, seed: int) -> dict[str, dict[str, Any]]:
    """Rows of intervals and sets over ``splits`` cohorts each, every row from its own seed."""
    rows: dict[str, dict[str, Any]] = {}
    for number, (name, (n, method, what)) in enumerate(_METHODS.items()):
        rng = np.random.default_rng((seed, number))
        tallies = [method(rng, draw_patients(rng, n), draw_patients(rng, TESTED)) for _ in range(splits)]
        rows[f"{name}, {n} patients (simulated)"] = summary(tallies, what)
    return rows


def summary(tallies: list[Tally], what: str) -> dict[str, Any]:
    """Mean coverage over splits with the Monte Carlo interval of that mean, coverage by true grade, and mean size."""
    share, size = (
        ("interval_coverage_90", "interval_width") if what == "interval" else ("set_coverage_90", "mean_set_size")
    )
    each = np.array([tally.held.mean() for tally in tallies])
    margin = 1.96 * float(each.std(ddof=1)) / math.sqrt(each.size) if each.size > 1 else math.nan
    found: dict[str, Any] = {share: float(each.mean())}
    if math.isfinite(margin):
        found[f"{share}_ci"] = [float(each.mean()) - margin, float(each.mean()) + margin]
    sizes = np.concatenate([tally.size for tally in tallies])
    found[size] = float(sizes[np.isfinite(sizes)].mean())
    return found | by_grade(np.concatenate([t.held for t in tallies]), np.concatenate([t.grade for t in tallies]))


def by_grade(held: Flags, grade: NDArray[np.intp]) -> dict[str, float]:
    """Coverage within each true grade; grades without patients are left out."""
    return {f"coverage_{name}": float(held[grade == k].mean()) for k, name in enumerate(GRADES) if (grade == k).any()}


def _split(rng: np.random.Generator, known: Cohort, new: Cohort) -> Tally:
    train, rest = _halves(rng, known)
    fit = fitted(train)
    low, high = split_interval(predicted(fit, new), rest.root - predicted(fit, rest), LEVEL, np.arange(rest.fat.size))
    return _interval_tally(low, high, new)


def _split_by_predicted_grade(rng: np.random.Generator, known: Cohort, new: Cohort) -> Tally:
    """A quantile for each predicted grade, so that wide errors of fat livers do not widen the lean ones."""
    train, rest = _halves(rng, known)
    fit = fitted(train)
    own, guess = predicted(fit, rest), predicted(fit, new)
    halves = group_quantiles(rest.root - own, _grade(own), LEVEL, np.arange(rest.fat.size))
    half = np.array([halves.get(int(k), math.inf) for k in _grade(guess)])
    return _interval_tally(guess - half, guess + half, new)


def _cross(rng: np.random.Generator, known: Cohort, new: Cohort) -> Tally:
    return _left_out(known, new, rng.permutation(np.arange(known.fat.size) % FOLDS))


def _jackknife(rng: np.random.Generator, known: Cohort, new: Cohort) -> Tally:
    del rng
    return _left_out(known, new, np.arange(known.fat.size))


def _left_out(known: Cohort, new: Cohort, fold: NDArray[np.intp]) -> Tally:
    fits = {int(k): fitted(part(known, fold != k)) for k in np.unique(fold)}
    guesses = {k: predicted(fit, new) for k, fit in fits.items()}
    owns = {k: predicted(fit, known) for k, fit in fits.items()}
    own = np.array([owns[int(k)][i] for i, k in enumerate(fold)])
    layers = np.stack([guesses[int(k)] for k in fold])
    return _interval_tally(*jackknife_plus_interval(layers, known.root - own, LEVEL, np.arange(fold.size)), new)


def _sets(rule: Rule, *, by_class: bool = False, randomised: bool = False) -> Method:
    def method(rng: np.random.Generator, known: Cohort, new: Cohort) -> Tally:
        train, rest = _halves(rng, known)
        fit, sd = _fit_and_sd(train)
        draws = (rng.random(rest.fat.size), rng.random(new.fat.size)) if randomised else (None, None)
        shares = grade_shares(predicted(fit, rest), sd)
        names = np.arange(rest.fat.size)
        found = calibrate_sets(shares, rest.grade, names, level=LEVEL, rule=rule, by_class=by_class, draws=draws[0])
        sets = found.sets(grade_shares(predicted(fit, new), sd), draws[1])
        return Tally(sets_hold(sets, new.grade), set_sizes(sets).astype(np.float64), new.grade)

    return method


def _crossed_sets(rng: np.random.Generator, known: Cohort, new: Cohort) -> Tally:
    fold = rng.permutation(np.arange(known.fat.size) % FOLDS)
    own, layers = np.empty(known.fat.size), np.empty((known.fat.size, new.fat.size, len(GRADES)))
    for k in range(FOLDS):
        inside = fold == k
        fit, sd = _fit_and_sd(part(known, ~inside))
        scores = set_scores(grade_shares(predicted(fit, part(known, inside)), sd))
        own[inside] = scores[np.arange(int(inside.sum())), known.grade[inside]]
        layers[inside] = set_scores(grade_shares(predicted(fit, new), sd))
    sets = cross_sets(own, layers, np.arange(fold.size), level=LEVEL)
    return Tally(sets_hold(sets, new.grade), set_sizes(sets).astype(np.float64), new.grade)


def _fit_and_sd(train: Cohort) -> tuple[tuple[Values, float], float]:
    fit = fitted(train)
    return fit, float(np.std(train.root - predicted(fit, train)))


def _halves(rng: np.random.Generator, known: Cohort) -> tuple[Cohort, Cohort]:
    order = rng.permutation(known.fat.size)
    middle = known.fat.size // 2
    return part(known, order[:middle]), part(known, order[middle:])


def _grade(root: Values) -> NDArray[np.intp]:
    return grade_index(np.clip(root, 0.0, 10.0) ** 2)


def _interval_tally(low: Values, high: Values, new: Cohort) -> Tally:
    held = (low <= new.root) & (new.root <= high)
    width = np.clip(high, 0.0, 10.0) ** 2 - np.clip(low, 0.0, 10.0) ** 2
    return Tally(held, width, new.grade)


_METHODS: Final[Mapping[str, tuple[int, Method, str]]] = {
    "interval, split conformal": (200, _split, "interval"),
    "interval, split conformal by predicted grade": (400, _split_by_predicted_grade, "interval"),
    "interval, cross conformal (CV+)": (200, _cross, "interval"),
    "interval, jackknife+": (40, _jackknife, "interval"),
    "set, LAC": (200, _sets("lac"), "set"),
    "set, APS": (200, _sets("aps"), "set"),
    "set, APS randomised": (200, _sets("aps", randomised=True), "set"),
    "set, RAPS randomised": (200, _sets("raps", randomised=True), "set"),
    "set, LAC by grade": (400, _sets("lac", by_class=True), "set"),
    "set, LAC cross conformal": (200, _crossed_sets, "set"),
}
