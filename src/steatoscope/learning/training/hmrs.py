"""Training of the H-MRS networks: Adam, batch 50, MSE, early stopping by unseen subjects.

As published (Colantonio et al.): mean squared error, Adam's defaults, batches of 50, 30 epochs, patience 5. Left open
there and chosen here: a fifth of the training subjects, stratified, watches for the end; the target is divided by 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from steatoscope.learning.models.hmrs_cnn import HmrsCNN, TwoBranchHmrsCNN
from steatoscope.learning.training.hmrs_cohort import Frames
from steatoscope.learning.training.loop import History, Schedule, fit

BATCH: Final = 50
EPOCHS: Final = 30
PATIENCE: Final = 5
UNIT: Final = 10.0
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Row numbers of frames, one column a view, with the fat percent of their subject and the subject's number."""

    rows: Rows
    fat: Floats
    subject: Rows

    def of(self, subjects: Sequence[int] | Rows) -> Pairs:
        """The pairs of some subjects."""
        keep = np.isin(self.subject, subjects)
        return Pairs(self.rows[keep], self.fat[keep], self.subject[keep])


def pair(views: Sequence[Frames], fat: Floats) -> Pairs:
    """Frames of one view, or of two: each frame of the longer clip with one of the other, evenly over both."""
    rows, owners = [], []
    for number in range(len(fat)):
        found = [np.flatnonzero(view.subject == number) for view in views]
        count = max(len(one) for one in found)
        rows.append(np.stack([one[np.linspace(0, len(one) - 1, count).round().astype(int)] for one in found], axis=1))
        owners.append(np.full(count, number, dtype=np.intp))
    owner = np.concatenate(owners)
    return Pairs(np.concatenate(rows), fat[owner], owner)


def train_hmrs(
    network: HmrsCNN | TwoBranchHmrsCNN,
    views: Sequence[Frames],
    learn: Pairs,
    watch: Pairs | None,
    *,
    epochs: int = EPOCHS,
    steps: int | None = None,
    seed: int = 0,
    bf16: bool = True,
    out: Path | None = None,
    resume: bool = False,
    report: Callable[[int, int, float], None] | None = None,
) -> History:
    """Train in place until ``watch`` gains nothing for five epochs; the best weights are kept.

    Without ``watch`` all epochs (or ``steps``) are trained and the last weights kept.
    """
    an_epoch = epoch_steps(learn)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    schedule = Schedule(
        steps=epochs * an_epoch if steps is None else steps,
        peak_rate=1e-3,
        weight_decay=0.0,
        clip=1e9,
        bf16=bf16,
        check_every=0 if watch is None else an_epoch,
        patience=PATIENCE,
        save_every=an_epoch,
        seed=seed,
        rates="constant",
    )
    # Started at the mean, the output does not spend its first epochs on climbing there.
    nn.init.constant_(network.output.bias, float(learn.fat.mean()) / UNIT)

    return fit(
        network,
        _batches(views, learn, an_epoch, seed),
        _squared,
        schedule,
        out=out,
        resume=resume,
        monitor=None if watch is None else _monitor(views, watch),
        report=report,
    )


def epoch_steps(learn: Pairs) -> int:
    """Steps of one epoch."""
    return -(-len(learn.fat) // BATCH)


def _monitor(views: Sequence[Frames], watch: Pairs) -> Callable[[nn.Module], Mapping[str, float]]:
    def monitor(network: nn.Module) -> Mapping[str, float]:
        error = predict_hmrs(network, views, watch) - watch.fat
        return {"score": -float(np.sqrt(np.mean(error**2)))}

    return monitor


def _batches(views: Sequence[Frames], learn: Pairs, an_epoch: int, seed: int) -> Callable[[int], tuple[Tensor, ...]]:
    def batch_of(step: int) -> tuple[Tensor, ...]:
        epoch, place = divmod(step, an_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(learn.fat))
        chosen = order[place * BATCH : (place + 1) * BATCH]
        fat = torch.from_numpy(learn.fat[chosen, None] / UNIT).float()
        return (*_tensors(views, learn.rows[chosen]), fat)

    return batch_of


def _squared(network: nn.Module, *batch: Tensor) -> Tensor:
    loss: Tensor = nn.functional.mse_loss(network(*batch[:-1]).float(), batch[-1])
    return loss


def _tensors(views: Sequence[Frames], rows: Rows) -> tuple[Tensor, ...]:
    # Channels last halves the time of a step on a processor.
    grey = (torch.from_numpy(view.pixels[rows[:, k]][:, None]).float() / 255.0 for k, view in enumerate(views))
    return tuple(one.contiguous(memory_format=torch.channels_last) for one in grey)


def predict_hmrs(network: nn.Module, views: Sequence[Frames], pairs: Pairs) -> Floats:
    """Fat percent of every frame (or pair of frames), not below zero."""
    network.eval()
    device = next(network.parameters()).device
    found: list[Any] = []
    with torch.no_grad():
        for start in range(0, len(pairs.fat), BATCH):
            answer = network(*(one.to(device) for one in _tensors(views, pairs.rows[start : start + BATCH])))
            found.append(answer[:, 0].float().cpu().numpy())
    return np.clip(np.concatenate(found).astype(np.float64) * UNIT, 0.0, 100.0)


def subject_means(values: Floats, subject: Rows) -> tuple[Floats, Rows]:
    """Mean of every subject's frames and the subjects' numbers, in rising order."""
    numbers, place = np.unique(subject, return_inverse=True)
    return np.bincount(place, weights=values) / np.bincount(place), numbers
