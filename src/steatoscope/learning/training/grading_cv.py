"""Cross-validation of the grading recipes by patient: which networks are trained on which folds, kept one by one.

Every fit is kept as soon as it is done, and is a function of its seed: a run that was broken off ends with the figures
of one that was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_graph_frames import representative
from steatoscope.learning.models.plain_cnn import PlainCNN
from steatoscope.learning.training.grading_data import GradingSet, Rows
from steatoscope.learning.training.grading_features import Bank
from steatoscope.learning.training.grading_fit import (
    VIEWS,
    Training,
    answers,
    train_grader,
)
from steatoscope.learning.training.grading_folds import Fold, GradingPlan
from steatoscope.learning.training.grading_keep import Kept, Reading
from steatoscope.learning.training.grading_nets import headed, start_at
from steatoscope.learning.training.grading_outputs import Outputs, mean_outputs

R2_RATE: Final = 1e-4
R2_BEST, R2_LAST = "r2", "r2 last"
R2_NAMES: Final = (R2_BEST, R2_LAST)
CLINICAL: Final = ", clinical values"
LIVER: Final = "pooled, liver region"
FUSIONS: Final = ("fusion-3", "fusion-all", "fusion-2 of 3")
Readings = dict[str, list[Reading]]


def cross_r2(banks: Mapping[str, Bank], plan: GradingPlan, folds: Sequence[Fold], kept: Kept, seed: int) -> Readings:
    """R2 on its splits, with the last weights and with those of the best validation accuracy; with clinical values
    too where the bank has any. The fat of a row is the mean fat of the training patients' grades by probability.
    """
    bank, found = banks["sector"].pooled(), Readings()
    for fold in folds:
        for tail, of in _with_facts(bank, fold):
            names = [f"{name}{tail}" for name in R2_NAMES]
            for reading in kept.several(names, fold.number, partial(_fit_r2, of, plan, fold, seed, names)):
                found.setdefault(reading.name, []).append(reading)
    return found


def _with_facts(bank: Bank, fold: Fold) -> list[tuple[str, Bank]]:
    """The bank, and where it has covariates the bank with them, each with the tail of its rows' names."""
    plain = [("", bank)]
    return plain if bank.covariates is None else [*plain, (CLINICAL, bank.knowing(fold.learn))]


def _fit_r2(bank: Bank, plan: GradingPlan, fold: Fold, seed: int, names: Sequence[str]) -> list[Reading]:
    network = headed("r2", plan.encoder, seed + fold.number, 0.0, covariates=bank.facts)
    how = Training(plan.epochs, seed + fold.number, peak=R2_RATE, plateau=True)
    last: dict[str, Any] = {}
    history = train_grader(network, bank, fold.learn, fold.watch, how, last)
    percent = grade_percent(bank.data, fold.learn)
    found = []
    for name, state in zip(names, (network.state_dict(), last), strict=True):
        network.load_state_dict(state)
        test, inner = (valued(answers(network, bank, part), percent) for part in (fold.test, fold.watch))
        found.append(Reading(name, fold.number, test, inner, history.best_step or 0, history.seconds))
    return found


def grade_percent(data: GradingSet, patients: Rows) -> NDArray[np.float64]:
    """Mean fat of the patients of each grade; of their neighbours where a grade has none."""
    means = np.array([
        data.fat[patients][data.grade[patients] == grade].mean() if (data.grade[patients] == grade).any() else np.nan
        for grade in range(4)
    ])  # fmt: skip
    known = np.flatnonzero(np.isfinite(means))
    return np.asarray(np.interp(np.arange(4), known, means[known]))


def valued(found: Outputs, percent: NDArray[np.float64]) -> Outputs:
    """Answers of a network that only grades, with the mean percent of grades by probability as fat."""
    shares = np.exp(found.logits - np.logaddexp.reduce(found.logits, axis=1, keepdims=True))
    return Outputs(found.logits, shares @ percent, found.patient)


def cross_r3(banks: Mapping[str, Bank], plan: GradingPlan, folds: Sequence[Fold], kept: Kept, seed: int) -> Readings:
    """The ladder on the same folds: readings by rung. ``banks`` holds ``sector``, and ``liver`` where that is tried."""
    found = Readings()
    for fold in folds:
        for reading in _ladder(banks, plan, fold, seed, kept):
            found.setdefault(reading.name, []).append(reading)
    return found


def _ladder(banks: Mapping[str, Bank], plan: GradingPlan, fold: Fold, seed: int, kept: Kept) -> Iterator[Reading]:
    bank = banks["sector"]

    def fitted(kind: str, names: Sequence[str], of: Bank = bank, more: int = 0) -> list[Reading]:
        return kept.several(names, fold.number, lambda: _fit(kind, of, plan, fold, seed + more, names))

    yield from fitted("plain", ("plain",))
    yield from fitted("pooled", ("pooled",), bank.pooled())
    if "liver" in banks:
        yield from fitted("pooled", (LIVER,), banks["liver"].pooled())
    members = [fitted("attention", (f"attention-{m}",), more=100 * m)[0] for m in range(plan.members)]
    yield renamed("attention", members[:1], fold.number)
    yield renamed("attention, representative", members[:1], fold.number, data=bank.data)
    yield from fitted("fusion", FUSIONS)
    for tail, of in _with_facts(bank, fold)[1:]:
        yield from fitted("attention", (f"attention{tail}",), of)
        yield from fitted("fusion", (f"{FUSIONS[0]}{tail}",), of)
    yield renamed("ensemble", members, fold.number)


def _fit(kind: str, bank: Bank, plan: GradingPlan, fold: Fold, seed: int, names: Sequence[str]) -> list[Reading]:
    """Train one network on a fold, and read by it in the ways that are named."""
    mean = float(bank.data.fat[fold.learn].mean())
    if kind == "plain":
        import torch

        torch.manual_seed(seed)
        network: Any = PlainCNN()
        start_at(network, mean)
    else:
        network = headed(kind, plan.encoder, seed, mean, covariates=bank.facts)
    epochs = plan.plain_epochs if kind == "plain" else plan.epochs
    history = train_grader(network, bank, fold.learn, fold.watch, Training(epochs, seed))
    found = []
    for name in names:
        views = views_of(bank.data, name)
        test, inner = (answers(network, bank, part, views) for part in (fold.test, fold.watch))
        found.append(Reading(name, fold.number, test, inner, history.best_step or 0, history.seconds))
    return found


def views_of(data: GradingSet, name: str) -> dict[int, Rows] | None:
    """The frames of each patient that are fused: the representative ones, these less the last, or None for all."""
    if not name.startswith("fusion-") or name == "fusion-all":
        return None
    chosen = chosen_frames(data)
    if name == "fusion-2 of 3":
        return {patient: rows[: max(1, len(rows) - 1)] for patient, rows in chosen.items()}
    return chosen


def chosen_frames(data: GradingSet) -> dict[int, Rows]:
    """Representative frames of every patient: the best of each named view, or three good ones spread over the clip."""
    own = {patient: np.flatnonzero(data.patient == patient) for patient in range(len(data.names))}
    if not data.views:
        return {patient: rows[representative(data.quality[rows], VIEWS)] for patient, rows in own.items()}
    return {
        patient: np.array([
            max(rows[data.view[rows] == number], key=lambda row: data.quality[row])
            for number in np.unique(data.view[rows])
        ], dtype=np.intp)
        for patient, rows in own.items()
    }  # fmt: skip


def renamed(name: str, members: Sequence[Reading], fold: int, data: GradingSet | None = None) -> Reading:
    """Several members' mean under another name; with ``data`` of the representative frames only."""
    test, inner = mean_outputs([m.test for m in members]), mean_outputs([m.inner for m in members])
    if data is not None:
        test, inner = _representative(test, data), _representative(inner, data)
    steps, seconds = [m.best_step for m in members], sum(m.seconds for m in members)
    return Reading(name, fold, test, inner, int(np.median(steps)), seconds)


def _representative(found: Outputs, data: GradingSet) -> Outputs:
    chosen = np.concatenate(list(chosen_frames(data).values()))
    kept = np.isin(data.frames_of(np.unique(found.patient)), chosen)
    return Outputs(found.logits[kept], found.fat[kept], found.patient[kept])
