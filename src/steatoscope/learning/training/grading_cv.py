"""Cross-validation of the grading recipes by patient: which networks are trained on which folds, kept one by one.

Every fit is kept as soon as it is done, and is a function of its seed: a run that was broken off ends with the figures
of one that was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_graph_frames import representative
from steatoscope.learning.training.grading_data import GradingSet, Rows
from steatoscope.learning.training.grading_features import Bank
from steatoscope.learning.training.grading_fit import (
    VIEWS,
    Training,
    answers,
    train_grader,
)
from steatoscope.learning.training.grading_folds import Fold, GradingPlan, r2_folds, r3_folds
from steatoscope.learning.training.grading_keep import Kept, Reading, Told
from steatoscope.learning.training.grading_nets import PlainCNN, headed, start_at
from steatoscope.learning.training.grading_outputs import Outputs, mean_outputs

R2_RATE: Final = 1e-4
R2_BEST, R2_LAST = "r2", "r2 last"
R2_NAMES: Final = (R2_BEST, R2_LAST)
LIVER: Final = "pooled, liver region"
FUSIONS: Final = ("fusion-3", "fusion-all", "fusion-2 of 3")


def cross_r2(
    bank: Bank, plan: GradingPlan, out: Path, *, seed: int, resume: bool, told: Told | None = None
) -> dict[str, list[Reading]]:
    """R2 on its splits, with the last weights and with those of the best validation accuracy; the fat of a row is
    the mean fat of the training patients' grades by probability.
    """
    keep, bank = Kept(out, plan, seed, resume, told), bank.pooled()
    found: dict[str, list[Reading]] = {}
    for fold in r2_folds(bank.data, plan, seed):

        def fit(fold: Fold = fold) -> list[Reading]:
            own = bank.standardised(fold.learn)
            known = 0 if own.covariates is None else own.covariates.shape[1]
            network = headed("r2", plan.encoder, seed + fold.number, 0.0, covariates=known)
            how = Training(plan.epochs, seed + fold.number, peak=R2_RATE, plateau=True)
            last: dict[str, Any] = {}
            history = train_grader(network, own, fold.learn, fold.watch, how, last)
            percent = grade_percent(bank.data, fold.learn)
            found = []
            for name in R2_NAMES:
                network.load_state_dict(last if name == R2_LAST else network.state_dict())
                test, inner = (valued(answers(network, own, part), percent) for part in (fold.test, fold.watch))
                found.append(Reading(name, fold.number, test, inner, history.best_step or 0, history.seconds))
            return found

        for reading in keep.several(R2_NAMES, fold.number, fit):
            found.setdefault(reading.name, []).append(reading)
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


def cross_r3(
    banks: Mapping[str, Bank], plan: GradingPlan, out: Path, *, seed: int, resume: bool, told: Told | None = None
) -> dict[str, list[Reading]]:
    """The ladder on the same folds: readings by rung. ``banks`` holds ``sector``, and ``liver`` where that is tried."""
    keep = Kept(out, plan, seed, resume, told)
    found: dict[str, list[Reading]] = {}
    for fold in r3_folds(banks["sector"].data, plan, seed):
        for reading in _ladder(banks, plan, fold, seed, keep):
            found.setdefault(reading.name, []).append(reading)
    return found


def _ladder(banks: Mapping[str, Bank], plan: GradingPlan, fold: Fold, seed: int, keep: Kept) -> Iterator[Reading]:
    bank = banks["sector"]

    def fitted(kind: str, names: Sequence[str], of: Bank = bank, more: int = 0) -> list[Reading]:
        return keep.several(names, fold.number, lambda: _fit(kind, of, plan, fold, seed + more, names))

    yield from fitted("plain", ("plain",))
    yield from fitted("pooled", ("pooled",), bank.pooled())
    if "liver" in banks:
        yield from fitted("pooled", (LIVER,), banks["liver"].pooled())
    members = [fitted("attention", (f"attention-{m}",), more=100 * m)[0] for m in range(plan.members)]
    yield renamed("attention", members[:1], fold.number)
    yield renamed("attention, representative", members[:1], fold.number, data=bank.data)
    yield from fitted("fusion", FUSIONS)
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
        network = headed(kind, plan.encoder, seed, mean)
    epochs = plan.plain_epochs if kind == "plain" else plan.epochs
    history = train_grader(network, bank, fold.learn, fold.watch, Training(epochs, seed))
    found = []
    for name in names:
        views = views_of(bank.data, name)
        test, inner = (answers(network, bank, part, views) for part in (fold.test, fold.watch))
        found.append(Reading(name, fold.number, test, inner, history.best_step or 0, history.seconds))
    return found


def views_of(data: GradingSet, name: str) -> dict[int, Rows] | None:
    """The frames of each patient that are fused: three representative ones, the first two of them, or None for all."""
    if not name.startswith("fusion-") or name == "fusion-all":
        return None
    count = VIEWS - 1 if name == "fusion-2 of 3" else VIEWS
    return {patient: rows[:count] for patient, rows in chosen_frames(data).items()}


def chosen_frames(data: GradingSet) -> dict[int, Rows]:
    """Three representative frames of every patient, by quality and spread over the clip."""
    own = {patient: np.flatnonzero(data.patient == patient) for patient in range(len(data.names))}
    return {patient: rows[representative(data.quality[rows], VIEWS)] for patient, rows in own.items()}


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
