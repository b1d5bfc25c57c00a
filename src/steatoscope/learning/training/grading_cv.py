"""Cross-validation of the grading recipes by patient: which networks are trained on which folds, kept one by one.

Every fit is kept as soon as it is done, and is a function of its seed: a run that was broken off ends with the figures
of one that was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_graph_frames import representative
from steatoscope.learning.training.grading_data import GradingSet, Rows
from steatoscope.learning.training.grading_features import Bank
from steatoscope.learning.training.grading_fit import (
    VIEWS,
    Outputs,
    Training,
    answers,
    mean_outputs,
    train_grader,
)
from steatoscope.learning.training.grading_nets import PlainCNN, headed, start_at
from steatoscope.learning.training.splits import Split, k_fold

Told = Callable[[str], None]
R2_RATE: Final = 1e-4
INNER_FOLDS: Final = 4
LIVER: Final = "pooled, liver region"
FUSIONS: Final = ("fusion-3", "fusion-all", "fusion-2 of 3")


@dataclass(frozen=True, slots=True)
class GradingPlan:
    """Size of a run: epochs, varied copies of a frame, folds and how many of them are run, members of an ensemble."""

    name: str
    epochs: int
    variants: int
    folds: int
    run_folds: int
    members: int = 1
    plain_epochs: int = 1
    encoder: str = "efficientnet-lite0"
    liver: bool = False


@dataclass(frozen=True, eq=False)
class Reading:
    """What the networks of one fold answer: for test patients, and for the inner ones that watched the training."""

    name: str
    fold: int
    test: Outputs
    inner: Outputs
    best_step: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Fold:
    """Patients to learn from, to watch the training, and to test on."""

    number: int
    learn: Rows
    watch: Rows
    test: Rows


def r2_folds(data: GradingSet, plan: GradingPlan, seed: int) -> list[Fold]:
    """Patients in ten parts, in turn one for testing and the next for validation: 80/10/10, each tested once.

    Raises E_SUBJECTS where there are too few patients.
    """
    parts = [_patients(data, split.test) for split in _outer(data, plan.folds, seed)]
    count = len(parts)
    folds = []
    for k in range(min(plan.run_folds, count)):
        watch = parts[(k + 1) % count]
        rest = np.setdiff1d(np.arange(len(data.names)), np.concatenate([parts[k], watch]))
        folds.append(Fold(k, rest, watch, parts[k]))
    return folds


def r3_folds(data: GradingSet, plan: GradingPlan, seed: int) -> list[Fold]:
    """Folds by patient, balanced by grade; a quarter of each training side watches. Raises E_SUBJECTS."""
    folds = []
    for k, split in enumerate(_outer(data, plan.folds, seed)[: plan.run_folds]):
        inside = data.source.subset(split.train)
        grades = data.grade[data.patient[split.train]]
        inner = k_fold(inside, INNER_FOLDS, strata=grades, seed=seed + 1)[0]
        learn, watch = (_patients(data, split.train[part]) for part in (inner.train, inner.test))
        folds.append(Fold(k, learn, watch, _patients(data, split.test)))
    return folds


def _outer(data: GradingSet, folds: int, seed: int) -> tuple[Split, ...]:
    return k_fold(data.source, folds, strata=data.grade[data.patient], seed=seed)


def _patients(data: GradingSet, rows: NDArray[np.intp]) -> Rows:
    return np.unique(data.patient[rows])


def cross_r2(
    bank: Bank, plan: GradingPlan, out: Path, *, seed: int, resume: bool, told: Told | None = None
) -> list[Reading]:
    """R2 on its splits; the fat of a row is the mean fat of the training patients' grades by probability."""
    keep, bank = _Kept(out, plan, seed, resume, told), bank.pooled()
    found = []
    for fold in r2_folds(bank.data, plan, seed):

        def fit(fold: Fold = fold) -> list[Reading]:
            own = bank.standardised(fold.learn)
            known = 0 if own.covariates is None else own.covariates.shape[1]
            network = headed("r2", plan.encoder, seed + fold.number, 0.0, covariates=known)
            how = Training(plan.epochs, seed + fold.number, peak=R2_RATE, plateau=True)
            history = train_grader(network, own, fold.learn, fold.watch, how)
            percent = grade_percent(bank.data, fold.learn)
            test, inner = (valued(answers(network, own, part), percent) for part in (fold.test, fold.watch))
            return [Reading("r2", fold.number, test, inner, history.best_step or 0, history.seconds)]

        found += keep.several(("r2",), fold.number, fit)
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
    keep = _Kept(out, plan, seed, resume, told)
    found: dict[str, list[Reading]] = {}
    for fold in r3_folds(banks["sector"].data, plan, seed):
        for reading in _ladder(banks, plan, fold, seed, keep):
            found.setdefault(reading.name, []).append(reading)
    return found


def _ladder(banks: Mapping[str, Bank], plan: GradingPlan, fold: Fold, seed: int, keep: _Kept) -> Iterator[Reading]:
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


@dataclass(frozen=True, eq=False)
class _Kept:
    """Readings kept in a folder, one file a fit; with ``resume`` those that are there are read back."""

    out: Path
    plan: GradingPlan
    seed: int
    resume: bool
    told: Told | None

    def __post_init__(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        words, path = json.dumps({**asdict(self.plan), "seed": self.seed}, sort_keys=True), self.out / "plan.json"
        if self.resume and path.is_file() and path.read_text(encoding="utf-8") != words:
            raise ValueError(f"{self.out} holds a run of another plan or seed")
        path.write_text(words, encoding="utf-8")

    def several(self, names: Sequence[str], fold: int, fit: Callable[[], list[Reading]]) -> list[Reading]:
        """The readings of those names: from their files, or fitted now."""
        paths = [self.out / f"fold-{fold}-{name.replace(' ', '-').replace(',', '')}.npz" for name in names]
        if self.resume and all(path.is_file() for path in paths):
            return [_read(path, name, fold) for path, name in zip(paths, names, strict=True)]
        began = time.perf_counter()
        found = fit()
        if self.told is not None:
            self.told(f"fold {fold + 1} of {self.plan.run_folds}, {names[0]}: {time.perf_counter() - began:.0f} s")
        for path, reading in zip(paths, found, strict=True):
            _write(path, reading)
        return found


def _write(path: Path, found: Reading) -> None:
    part = path.with_suffix(".part.npz")
    arrays = {
        f"{where}_{key}": getattr(outputs, key)
        for where, outputs in (("test", found.test), ("inner", found.inner))
        for key in ("logits", "fat", "patient")
    }
    np.savez(part, best_step=found.best_step, seconds=found.seconds, **arrays)
    part.replace(path)


def _read(path: Path, name: str, fold: int) -> Reading:
    with np.load(path) as stored:
        test, inner = (
            Outputs(*(stored[f"{where}_{key}"] for key in ("logits", "fat", "patient"))) for where in ("test", "inner")
        )
        return Reading(name, fold, test, inner, int(stored["best_step"]), float(stored["seconds"]))
