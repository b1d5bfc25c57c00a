"""What the parallel test trains: called for one process, ``parallel_run.py FOLDER CASE`` under torchrun for several."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from steatoscope.learning.training.loop import Schedule, fit
from steatoscope.learning.training.losses import bce_dice, weighted_nll
from steatoscope.learning.training.processes import joined, rank

SIZES = (7, 8, 1, 5)
STEPS, BREAK = 24, 17


class Net(nn.Module):
    """Everything that sees more than one row: batch norm with and without momentum, dropout, and two answers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4, momentum=None), nn.ReLU(),
        )  # fmt: skip
        self.mask = nn.Conv2d(4, 1, 1)
        self.head = nn.Sequential(nn.Dropout(0.4), nn.Linear(4, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.body(x)
        return self.head(maps.mean(dim=(2, 3))), self.mask(maps)


def batch_of(step: int) -> tuple[Tensor, ...]:
    """Batches of different sizes, one smaller than the number of processes."""
    rng = np.random.default_rng([3, step])
    rows = SIZES[step % len(SIZES)]
    x = rng.normal(size=(rows, 1, 6, 6)).astype(np.float32)
    return (
        torch.from_numpy(x),
        torch.from_numpy(rng.integers(3, size=rows)),
        torch.from_numpy((x > 0.5) * np.float32(1)),
    )


def pooled(network: nn.Module, x: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
    """Losses that are no means over rows: class weights and a Dice pooled over the batch."""
    logits, found = network(x)
    return weighted_nll(logits, labels, torch.tensor([1.0, 3.0, 0.5])) + bce_dice(found, masks, smooth=1.0)


def by_rows(network: nn.Module, x: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
    """A mean over rows that does not go through ``network(...)``, and leaves its head out."""
    return ((network.mask(network.body(x)) - masks) ** 2).mean()


def trained(folder: Path, *, broken: bool, resume: bool) -> nn.Module:
    """The network after all steps; ``broken`` ends the process without a word after some of them."""

    def batch(step: int) -> tuple[Tensor, ...]:
        if broken and step == BREAK:
            os._exit(9)
        return batch_of(step)

    def monitor(network: nn.Module) -> dict[str, float]:
        network.eval()
        with torch.no_grad():
            logits, _ = network(batch_of(1)[0])
        # What the first process alone knows decides for all: with its own score the second would keep other weights.
        return {"score": float(logits.mean()) * (1.0 if rank() == 0 else -1.0)}

    torch.manual_seed(1)
    network = Net()
    schedule = Schedule(STEPS, 0.02, bf16=False, save_every=5, check_every=3, rates="plateau", plateau_checks=1)
    fit(network, batch, pooled, schedule, out=folder, resume=resume, monitor=monitor)
    return network


def trained_by_rows() -> nn.Module:
    """A network without batch norm, by a loss that takes each process's rows alone."""
    torch.manual_seed(1)
    network = Net()
    network.body[1], network.body[4] = nn.Identity(), nn.Identity()
    fit(network, batch_of, by_rows, Schedule(STEPS, 0.02, bf16=False), by_rows=True)
    return network


def main(folder: Path, case: str) -> None:
    """Train, and leave ``rank-N.pt`` and ``rows-N.pt``, and the folder that the process was given.

    Where the case is "broken" the processes die on the way, and go on when torchrun starts them again.
    """
    torch.set_num_threads(1)
    again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"
    with joined(folder / "run") if "WORLD_SIZE" in os.environ else nullcontext(folder / "run") as own:
        network = trained(own, broken=case == "broken" and not again, resume=again)
        torch.save(network.state_dict(), folder / f"rank-{rank()}.pt")
        if case == "whole":
            torch.save(trained_by_rows().state_dict(), folder / f"rows-{rank()}.pt")
        (folder / f"own-{rank()}.txt").write_text(f"{own} {again}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
