"""Training of the heads of R2 and R3 on cached maps, and what they answer.

R2 as published: NLL with class weights, AdamW 1e-4, batch 32, rate halved where the validation accuracy stays. R3:
label smoothing 0.1 and smooth L1 of fat in one composite loss, AdamW 1e-3 down a cycle, the best weights by the loss
on inner patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from steatoscope.learning.models.grading import GRADES, FourGradeNet, MultiViewGrader
from steatoscope.learning.models.plain_cnn import PlainCNN
from steatoscope.learning.training.grading_data import GradingSet, Rows
from steatoscope.learning.training.grading_features import Bank
from steatoscope.learning.training.grading_outputs import Outputs
from steatoscope.learning.training.loop import Batch, History, Schedule, fit
from steatoscope.learning.training.losses import class_and_value, weighted_nll

BATCH: Final = 32
SMOOTHING: Final = 0.1
FAT_UNIT: Final = 20.0
VIEWS: Final = 3
MISSING_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Training:
    """How one network is trained; ``peak`` and ``plateau`` differ between the recipes, ``decay`` is AdamW's."""

    epochs: int
    seed: int
    peak: float = 1e-3
    plateau: bool = False
    decay: float = 1e-2
    out: Path | None = None
    resume: bool = False


def class_weights(grade: Rows) -> Tensor:
    """Weights of the grades against their frequency among ``grade`` (n,); 0 for one that is not there."""
    counts = np.bincount(grade, minlength=GRADES)
    weights = np.where(counts > 0, len(grade) / np.maximum(counts, 1) / max(int((counts > 0).sum()), 1), 0.0)
    return torch.from_numpy(weights.astype(np.float32))


def train_grader(
    network: nn.Module,
    bank: Bank,
    learn: Rows,
    watch: Rows | None,
    how: Training,
    last: dict[str, Tensor] | None = None,
) -> History:
    """Train a network on the frames of the patients ``learn``; ``watch`` (patients) chooses the weights that stay.

    Without ``watch`` the last weights stay; with it they are left in ``last`` where that is given. Raises ValueError
    where a patient is in both.
    """
    if watch is not None and np.intersect1d(learn, watch).size:
        raise ValueError("a patient is in the training and in the watching part")
    rows = bank.data.frames_of(learn)
    an_epoch = -(-len(rows) // BATCH)
    schedule = Schedule(
        steps=how.epochs * an_epoch, peak_rate=how.peak, bf16=False, check_every=0 if watch is None else an_epoch,
        save_every=10 * an_epoch, seed=how.seed, rates="plateau" if how.plateau else "one-cycle",
        weight_decay=how.decay,
    )  # fmt: skip
    weights = class_weights(bank.data.grade[bank.data.patient[rows]])
    monitor = None if watch is None else _monitor(bank, watch, weights, how, last)
    batches = _batches(network, bank, learn, rows, how.seed)
    return fit(
        network, batches, _loss(network, weights), schedule, out=how.out, resume=how.resume, monitor=monitor
    )  # fmt: skip


def _batches(network: nn.Module, bank: Bank, learn: Rows, rows: Rows, seed: int) -> Callable[[int], Batch]:
    """A step's batch is a function of seed and step: frames in any of their copies, or views of patients."""

    def frames(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(rows, BATCH, replace=len(rows) < BATCH)
        return (*_inputs(network, bank, chosen, rng.integers(bank.copies, size=BATCH)), *_truth(bank.data, chosen))

    def views(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        patients = rng.choice(learn, BATCH // 2, replace=len(learn) < BATCH // 2)
        chosen, there = (np.stack(part) for part in zip(*(_drawn(bank.data, p, rng) for p in patients), strict=True))
        present, each = there & (rng.random(chosen.shape) >= MISSING_SHARE), np.arange(len(chosen))
        stays = rng.integers(chosen.shape[1], size=len(chosen))
        present[each, stays] = there[each, stays]
        present = np.where(present.any(axis=1, keepdims=True), present, there)
        maps = bank.of(chosen, rng.integers(bank.copies, size=chosen.shape))
        known = _known(network, bank, chosen[:, 0])
        return maps, torch.from_numpy(present.astype(np.float32)), *known, *_truth(bank.data, chosen[:, 0])

    return views if isinstance(network, MultiViewGrader) else frames


def _drawn(data: GradingSet, patient: int, rng: np.random.Generator) -> tuple[Rows, NDArray[np.bool_]]:
    """One frame of each named view and which of them the patient has, or any three frames where none is named."""
    own = np.flatnonzero(data.patient == patient)
    if not data.views:
        return np.asarray(rng.choice(own, VIEWS, replace=len(own) < VIEWS)), np.ones(VIEWS, dtype=np.bool_)
    frames = [own[data.view[own] == number] for number in range(len(data.views))]
    there = np.array([len(rows) > 0 for rows in frames])
    return np.array([rng.choice(rows if len(rows) else own) for rows in frames], dtype=np.intp), there


def _inputs(network: nn.Module, bank: Bank, rows: Rows, copies: Rows | int = 0) -> tuple[Tensor, ...]:
    if isinstance(network, PlainCNN):
        return (torch.from_numpy(bank.small[rows, copies])[:, None],)
    return bank.of(rows, copies), *_known(network, bank, rows)


def _known(network: nn.Module, bank: Bank, rows: Rows) -> tuple[Tensor, ...]:
    """Covariates of the frames' patients, for a network that takes them."""
    if bank.known is None or not getattr(network, "covariates", 0):
        return ()
    return (torch.from_numpy(bank.known[bank.data.patient[rows]]).float(),)


def _truth(data: GradingSet, rows: Rows) -> tuple[Tensor, Tensor]:
    patient = data.patient[rows]
    return torch.from_numpy(data.grade[patient].astype(np.int64)), torch.from_numpy(data.fat[patient]).float()


def _loss(network: nn.Module, weights: Tensor) -> Callable[..., Tensor]:
    """Composite loss; for R2 the published one, its outputs being log-probabilities already."""

    def graded(net: nn.Module, *batch: Tensor) -> Tensor:
        *x, grade, _ = batch
        return weighted_nll(net(*x), grade, weights)

    def both(net: nn.Module, *batch: Tensor) -> Tensor:
        *x, grade, fat = batch
        logits, percent = net(*x)
        return class_and_value(
            logits, grade, percent[:, 0] / FAT_UNIT, fat / FAT_UNIT, weights, smoothing=SMOOTHING
        )  # fmt: skip

    return graded if isinstance(network, FourGradeNet) else both


def _monitor(
    bank: Bank, watch: Rows, weights: Tensor, how: Training, last: dict[str, Tensor] | None
) -> Callable[[nn.Module], Mapping[str, float]]:
    """R2 watches the accuracy of frames; R3 the composite loss of patients."""

    def score(network: nn.Module) -> Mapping[str, float]:
        if last is not None:
            last.update({name: value.clone() for name, value in network.state_dict().items()})
        found = answers(network, bank, watch)
        grade = bank.data.grade[found.patient]
        right = float((found.logits.argmax(axis=1) == grade).mean())
        if how.plateau:
            return {"score": right}
        fat = torch.from_numpy(bank.data.fat[found.patient])
        loss = class_and_value(
            torch.from_numpy(found.logits), torch.from_numpy(grade.astype(np.int64)),
            torch.from_numpy(found.fat) / FAT_UNIT, fat / FAT_UNIT, weights.double(),
        )  # fmt: skip
        return {"score": -float(loss) if bool(torch.isfinite(loss)) else -1e9, "accuracy": right}

    return score


def answers(network: nn.Module, bank: Bank, patients: Rows, views: Mapping[int, Rows] | None = None) -> Outputs:
    """What a network answers for patients: a row for each frame, or for each patient where it fuses views.

    ``views`` names the frames of a patient that are fused; without it all frames are.
    """
    network.eval()
    if isinstance(network, MultiViewGrader):
        return _fused(network, bank, patients, views)
    rows, device = bank.data.frames_of(patients), next(network.parameters()).device
    with torch.no_grad():
        parts = [
            network(*(one.to(device) for one in _inputs(network, bank, part)))
            for part in np.array_split(rows, max(1, len(rows) // 64))
        ]
    logits = torch.cat([part if isinstance(part, Tensor) else part[0] for part in parts]).double().cpu().numpy()
    fat = [np.full(len(p), np.nan) if isinstance(p, Tensor) else p[1][:, 0].double().cpu().numpy() for p in parts]
    return Outputs(logits, np.concatenate(fat), bank.data.patient[rows])


def _fused(network: nn.Module, bank: Bank, patients: Rows, views: Mapping[int, Rows] | None) -> Outputs:
    logits, fat, device = [], [], next(network.parameters()).device
    for patient in patients:
        rows = np.flatnonzero(bank.data.patient == patient) if views is None else views[int(patient)]
        inputs = (bank.of(rows)[None], torch.ones(1, len(rows)), *_known(network, bank, rows[:1]))
        with torch.no_grad():
            grade, percent = network(*(one.to(device) for one in inputs))
        logits.append(grade[0].double().cpu().numpy())
        fat.append(float(percent[0, 0]))
    return Outputs(np.stack(logits), np.array(fat), np.asarray(patients, dtype=np.intp))
