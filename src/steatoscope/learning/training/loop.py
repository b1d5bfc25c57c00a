"""The training loop: AdamW in plain torch, deterministic, checkpointed and resumed exactly.

Plain torch, not a framework: the loop is one page, a step's batch is a function of its number, so that a run killed at
any moment goes on with the same batches, and nothing else needs to be stored than weights, optimiser and history.
Several processes under torchrun divide each batch among them and end with the weights of one.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from steatoscope.learning.training.curves import draw_curves
from steatoscope.learning.training.parallel import shared_loss
from steatoscope.learning.training.processes import from_first, training_device

Batch = tuple[Tensor, ...]
CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: ``check_every`` steps the monitor runs (0: never), ``patience`` checks without gain stop.

    ``bf16`` turns autocast on (parts of a network may leave it); ``save_every`` is in steps. ``rates`` is how the
    learning rate goes: up and down once, constant (Adam's default), or halved where the score stays (``plateau``).
    """

    steps: int
    peak_rate: float
    weight_decay: float = 1e-2
    warm_share: float = 0.1
    clip: float = 5.0
    bf16: bool = True
    check_every: int = 0
    patience: int = 0
    save_every: int = 50
    seed: int = 0
    rates: Literal["one-cycle", "constant", "plateau"] = "one-cycle"
    plateau_checks: int = 5


@dataclass
class History:
    """Loss of every step, and what the monitor said at which step; ``best_step`` is that of the weights kept."""

    loss: list[float] = field(default_factory=list)
    checks: list[dict[str, float]] = field(default_factory=list)
    best_step: int | None = None
    seconds: float = 0.0


def fit(
    network: nn.Module,
    batch_of: Callable[[int], Batch],
    loss_of: Callable[..., Tensor],
    schedule: Schedule,
    *,
    out: Path | None = None,
    resume: bool = False,
    monitor: Callable[[nn.Module], Mapping[str, float]] | None = None,
    report: Callable[[int, int, float], None] | None = None,
    by_rows: bool = False,
) -> History:
    """Train ``network`` in place with batches ``batch_of(step)`` and ``loss_of(network, *batch)``.

    It is trained on the device that ``STEATOSCOPE_DEVICE`` names, else on the GPU where there is one, and comes back to
    where it was; a ``monitor`` is given it there. ``by_rows`` says that the loss does not go through ``network(...)``.

    With ``out`` a checkpoint, ``history.json`` and ``curves.png`` are kept there, and ``resume`` goes on from the
    checkpoint. A ``monitor`` returns figures of which ``"score"`` (higher is better) chooses the weights that are kept.
    ``report`` hears (step, steps, loss). Raises FloatingPointError where the loss is not finite.
    """
    torch.manual_seed(schedule.seed)
    home = next(network.parameters()).device
    network.to(training_device())
    weights = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=schedule.peak_rate, weight_decay=schedule.weight_decay)
    rates = _rates(optimiser, schedule)
    state = _State(network, optimiser, rates, History(), 0, None)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        if resume and (out / CHECKPOINT).is_file():
            state.load(out / CHECKPOINT)
    with shared_loss(network, loss_of, by_rows=by_rows) as loss:
        _run(state, batch_of, loss, weights, schedule, out=out, monitor=monitor, report=report)
    if state.best is not None:
        network.load_state_dict(state.best)
    network.to(home)
    network.eval()
    return state.history


def _run(
    state: _State,
    batch_of: Callable[[int], Batch],
    loss_of: Callable[..., Tensor],
    weights: list[nn.Parameter],
    schedule: Schedule,
    *,
    out: Path | None,
    monitor: Callable[[nn.Module], Mapping[str, float]] | None,
    report: Callable[[int, int, float], None] | None,
) -> None:
    """Take the steps that are left, and check and save between them."""
    began = time.perf_counter() - state.history.seconds
    state.network.train()
    for step in range(state.step, schedule.steps):
        state.history.loss.append(_step(state, batch_of(step), loss_of, weights, schedule))
        state.step = step + 1
        state.history.seconds = time.perf_counter() - began
        if report is not None:
            report(step + 1, schedule.steps, state.history.loss[-1])
        if monitor is not None and schedule.check_every and (step + 1) % schedule.check_every == 0:
            # Processes must agree on what is kept and when to stop, to the last bit.
            state.check(from_first({name: float(value) for name, value in monitor(state.network).items()}))
            if isinstance(state.rates, ReduceLROnPlateau):
                state.rates.step(state.history.checks[-1].get("score", 0.0))
            state.network.train()
            if schedule.patience and state.stale >= schedule.patience:
                break
        if out is not None and ((step + 1) % schedule.save_every == 0 or step + 1 == schedule.steps):
            state.save(out)


def _rates(optimiser: torch.optim.Optimizer, schedule: Schedule) -> LRScheduler:
    if schedule.rates == "plateau":
        return ReduceLROnPlateau(optimiser, mode="max", factor=0.5, patience=schedule.plateau_checks)
    if schedule.rates == "constant":
        return LambdaLR(optimiser, _unchanged)
    return OneCycleLR(optimiser, schedule.peak_rate, total_steps=schedule.steps + 1, pct_start=schedule.warm_share)


def _unchanged(_step: int) -> float:
    return 1.0


def _step(
    state: _State, batch: Batch, loss_of: Callable[..., Tensor], weights: list[nn.Parameter], schedule: Schedule
) -> float:
    device = weights[0].device
    mixed = torch.autocast(device.type, torch.bfloat16) if schedule.bf16 else nullcontext()
    with mixed:
        loss = loss_of(*(part.to(device) for part in batch))
    value = float(loss.detach())
    if not torch.isfinite(loss.detach()):
        raise FloatingPointError(f"the loss is {value}: the rate is too high or values are not finite")
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(weights, schedule.clip)
    state.optimiser.step()
    if not isinstance(state.rates, ReduceLROnPlateau):
        state.rates.step()
    return value


@dataclass
class _State:
    network: nn.Module
    optimiser: torch.optim.Optimizer
    rates: LRScheduler
    history: History
    step: int
    best: dict[str, Any] | None
    stale: int = 0

    def check(self, figures: dict[str, float]) -> None:
        """Note the monitor's figures and keep the weights where the score is the best so far."""
        so_far = max((c["score"] for c in self.history.checks if "score" in c), default=float("-inf"))
        self.history.checks.append({"step": float(self.step), **figures})
        if figures.get("score", float("-inf")) > so_far:
            self.best, self.stale = copy.deepcopy(self.network.state_dict()), 0
            self.history.best_step = self.step
        else:
            self.stale += 1

    def save(self, out: Path) -> None:
        """Write the checkpoint (replacing the old one at once) and the curves."""
        document = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rates": self.rates.state_dict(),
            "history": asdict(self.history),
            "step": self.step,
            "best": self.best,
            "stale": self.stale,
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state() if self._on_gpu else None,
        }
        torch.save(document, out / f"{CHECKPOINT}.part")
        (out / f"{CHECKPOINT}.part").replace(out / CHECKPOINT)
        (out / "history.json").write_text(json.dumps(asdict(self.history)), encoding="utf-8")
        scored = [(check["step"], check["score"]) for check in self.history.checks if "score" in check]
        draw_curves(self.history.loss, scored, out / "curves.png")

    def load(self, path: Path) -> None:
        """Go on from a checkpoint that this module wrote."""
        document = torch.load(path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(document["network"])
        self.optimiser.load_state_dict(document["optimiser"])
        self.rates.load_state_dict(document["rates"])
        self.history = History(**document["history"])
        self.step, self.best, self.stale = document["step"], document["best"], document["stale"]
        torch.set_rng_state(document["random"])
        if self._on_gpu and document.get("random_gpu") is not None:
            torch.cuda.set_rng_state(document["random_gpu"])

    @property
    def _on_gpu(self) -> bool:
        return next(self.network.parameters()).device.type == "cuda"
