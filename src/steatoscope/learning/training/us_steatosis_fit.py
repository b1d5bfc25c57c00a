"""Fitting the steatosis model's heads: members, stacks and the judge, everything within the patients given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_steatosis_heads import Block, Member, Stack, stacked
from steatoscope.learning.inference.us_steatosis_judge import GRADES, LIMITS, Judge, grade_index, reach
from steatoscope.learning.inference.us_steatosis_path import PathHeads
from steatoscope.science.uncertainty.conformal import conformal_quantile

Values = NDArray[np.float64]
Rows = NDArray[np.intp]
Readings = Mapping[str, Values]
Kind = Literal["logistic", "ridge"]

SHOWN = ("middle_liver", "middle_kidney", "deep_liver", "plain_band", "level_band")
INNER_FOLDS = 10
LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """A member before the fit: its readings, principal components (None: all columns), and penalty."""

    name: str
    blocks: tuple[Block, ...]
    components: int | None
    penalty: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is fitted: members of both stacks, weight of each changed copy, and how the severity is stretched."""

    detection: tuple[MemberSpec, ...]
    severity: tuple[MemberSpec, ...]
    copy_weight: float = 1.0
    stretch: float = 1.0
    positives_only: bool = False


@dataclass(frozen=True, eq=False)
class Material:
    """Readings (patients, size) of clean frames, of their changed copies, and the biopsies' fat in percent."""

    clean: Readings
    copies: tuple[Readings, ...]
    fat: Values


def fit_path(material: Material, rows: Rows, recipe: Recipe, seed: int = 0) -> PathHeads:
    """Fit a path on some patients; calibration comes from inner folds of the same patients."""
    return fit_path_and_error(material, rows, recipe, seed)[0]


def fit_path_and_error(material: Material, rows: Rows, recipe: Recipe, seed: int = 0) -> tuple[PathHeads, float]:
    """:func:`fit_path`, and the mean absolute error in points of the inner folds, by which recipes may be compared."""
    detection, severity = _left_out(material, rows, recipe, seed)
    fat = material.fat[rows]
    line = platt(detection, fat >= LIMITS[0])
    sick, root = fat >= LIMITS[0], np.sqrt(fat)
    middle, stretch = _line(severity[sick], root[sick], recipe.stretch)
    stretched = middle + stretch * (severity - middle)
    judge = Judge(line, (root - stretched)[sick])
    stacks = _stacks(material, rows, recipe)
    judge = _conformal(judge, detection, stretched, fat)
    shown = {name: v[rows].mean(axis=0) for name, v in material.clean.items() if name.startswith(SHOWN)}
    values = [judge.value(float(d), float(s)) for d, s in zip(detection, stretched, strict=True)]
    path = PathHeads(stacks[0], replace(stacks[1], middle=middle, stretch=stretch), judge, shown)
    return path, float(np.mean(np.abs(np.array(values) - fat)))


def platt(scores: Values, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Offset and slope of a logistic line on scores, with Platt's (1999) smoothed targets."""
    from scipy.optimize import minimize
    from scipy.special import log_expit

    yes, no = int(positive.sum()), int((~positive).sum())
    target = np.where(positive, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))

    def loss(line: Values) -> float:
        z = line[0] + line[1] * scores
        return float(-(target * log_expit(z) + (1.0 - target) * log_expit(-z)).sum())

    found = minimize(loss, np.array([0.0, 1.0]), method="BFGS").x
    return float(found[0]), max(float(found[1]), 1e-3)


def inner_folds(count: int, fat: Values, seed: int) -> NDArray[np.intp]:
    """An inner fold for every patient, spread over the order of fat."""
    rng = np.random.default_rng((41, seed, count))
    order = np.lexsort((rng.random(count), fat))
    folds = np.empty(count, dtype=np.intp)
    for start in range(0, count, INNER_FOLDS):
        block = order[start : start + INNER_FOLDS]
        folds[block] = rng.permutation(INNER_FOLDS)[: block.size]
    return folds


def _left_out(material: Material, rows: Rows, recipe: Recipe, seed: int) -> tuple[Values, Values]:
    folds = inner_folds(rows.size, material.fat[rows], seed)
    detection, severity = np.empty(rows.size), np.empty(rows.size)
    for fold in np.unique(folds):
        test = folds == fold
        stacks = _stacks(material, rows[~test], recipe)
        clean = {name: values[rows[test]] for name, values in material.clean.items()}
        detection[test], severity[test] = stacks[0].score(clean), stacks[1].score(clean)
    return detection, severity


def _stacks(material: Material, rows: Rows, recipe: Recipe) -> tuple[Stack, Stack]:
    sick = rows[material.fat[rows] >= LIMITS[0]] if recipe.positives_only else rows
    first = [fit_member(spec, material, rows, recipe.copy_weight, "logistic") for spec in recipe.detection]
    second = [fit_member(spec, material, sick, recipe.copy_weight, "ridge") for spec in recipe.severity]
    return Stack(tuple(first)), Stack(tuple(second))


def fit_member(spec: MemberSpec, material: Material, rows: Rows, copy_weight: float, kind: Kind) -> Member:
    """One member on some patients and their copies; logistic scores are brought to mean 0 and SD 1 over them."""
    columns = _columns(spec.blocks, material, rows)
    fat = np.tile(material.fat[rows], len(material.copies) + 1)
    weight = np.concatenate([np.ones(rows.size), np.full(fat.size - rows.size, copy_weight)])
    weight *= rows.size / weight.sum()
    means = np.average(columns, axis=0, weights=weight)
    spreads = np.sqrt(np.average((columns - means) ** 2, axis=0, weights=weight)) + 1e-9
    z = (columns - means) / spreads
    turn = _components(z, weight, spec.components)
    z = z @ turn if turn is not None else z
    target = (fat >= LIMITS[0]).astype(float) if kind == "logistic" else np.sqrt(fat)
    solved, intercept = (_logistic if kind == "logistic" else _ridge)(z, target, weight, spec.penalty)
    if kind == "logistic":
        decision = z[: rows.size] @ solved
        scale = max(float(decision.std()), 1e-9)
        solved, intercept = solved / scale, -float(decision.mean()) / scale
    whole = turn @ solved if turn is not None else solved
    return Member(spec.name, spec.blocks, means, whole / spreads, intercept)


def _columns(blocks: Sequence[Block], material: Material, rows: Rows) -> Values:
    parts = [stacked(blocks, readings)[rows] for readings in (material.clean, *material.copies)]
    columns = np.concatenate(parts)
    return np.where(np.isfinite(columns), columns, np.nanmean(columns, axis=0))


def _components(z: Values, weight: Values, count: int | None) -> Values | None:
    """Directions (features, count) of most variance, divided by the SD along the first."""
    if count is None:
        return None
    _, sizes, directions = np.linalg.svd(z * np.sqrt(weight)[:, None], full_matrices=False)
    first = sizes[0] / np.sqrt(weight.sum())
    return np.asarray(directions[:count].T / max(float(first), 1e-9))


def _ridge(z: Values, target: Values, weight: Values, penalty: float) -> tuple[Values, float]:
    mean = float(np.average(target, weights=weight))
    left = (z * weight[:, None]).T @ z + penalty * np.eye(z.shape[1])
    return np.asarray(np.linalg.solve(left, (z * weight[:, None]).T @ (target - mean)), dtype=np.float64), mean


def _logistic(z: Values, target: Values, weight: Values, penalty: float) -> tuple[Values, float]:
    """Balanced logistic regression by Newton's method; the penalty is on half the squared weights."""
    share = np.average(target, weights=weight)
    balance = weight * np.where(target > 0.5, 0.5 / share, 0.5 / (1.0 - share))
    full = np.column_stack([z, np.ones(len(z))])
    ridge = np.diag([penalty] * z.shape[1] + [1e-8])
    line = np.zeros(full.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-np.clip(full @ line, -30, 30)))
        slope = full.T @ (balance * (target - p)) - ridge @ line
        curve = (full * (balance * p * (1.0 - p))[:, None]).T @ full + ridge
        step = np.linalg.solve(curve, slope)
        line += step
        if float(np.abs(step).max()) < 1e-8:
            break
    return line[:-1], float(line[-1])


def _line(severity: Values, root: Values, amount: float) -> tuple[float, float]:
    """Mean, and the stretch to the spread of the biopsies (reduced major axis), taken by ``amount`` (0: none)."""
    ratio = float(root.std() / max(float(severity.std()), 1e-9))
    return float(severity.mean()), float(np.clip(1.0 + amount * (ratio - 1.0), 0.5, 3.0))


def _conformal(judge: Judge, detection: Values, severity: Values, fat: Values) -> Judge:
    found = [judge.distribution(float(d), float(s)) for d, s in zip(detection, severity, strict=True)]
    root = np.sqrt(fat)
    gaps = [_gap(reach(one), float(r)) for one, r in zip(found, root, strict=True)]
    doubts = [1.0 - one.grades()[GRADES[int(grade_index(value))]] for one, value in zip(found, fat, strict=True)]
    return replace(judge, adjustment=_quantile(np.array(gaps)), grade_limit=min(_quantile(np.array(doubts)), 1.0))


def _gap(reached: tuple[float, float, float], root: float) -> float:
    """How many times its reach the truth lies from the median."""
    low, middle, high = reached
    return (root - middle) / (high - middle) if root >= middle else (middle - root) / (middle - low)


def _quantile(scores: Values) -> float:
    """The ``ceil((n + 1) 0.9)``-th smallest score, the largest where there are too few."""
    shift = float(scores.min())
    return min(conformal_quantile(scores - shift, LEVEL) + shift, float(scores.max()))
