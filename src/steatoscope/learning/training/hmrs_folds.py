"""One fold of recipe R4: a network trained, its test subjects read, and all of it kept so that a run can go on.

A fold lies in ``fold-N-BRANCH`` with ``checkpoint.pt`` while it trains, then ``network.pt`` and ``reading.npz``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from steatoscope.core.errors import UsageError
from steatoscope.learning.models.encoder_weights import load_weights
from steatoscope.learning.models.hmrs_cnn import HmrsCNN, TwoBranchHmrsCNN
from steatoscope.learning.training.hmrs import Pairs, epoch_steps, pair, predict_hmrs, train_hmrs
from steatoscope.learning.training.hmrs_cohort import VIEWS, Frames
from steatoscope.learning.training.processes import training_device

Branch = Literal["AR", "HR", "both", "real"]
Network = HmrsCNN | TwoBranchHmrsCNN
Rows = NDArray[np.intp]
READING: Final = "reading.npz"
NETWORK: Final = "network.pt"


@dataclass(frozen=True, eq=False)
class Part:
    """Numbers of the subjects that a fold learns from, watches for the end, and is tested on."""

    fold: int
    learn: Rows
    watch: Rows
    test: Rows


@dataclass(frozen=True, eq=False)
class HmrsReading:
    """What one network of one fold read: percent and truth of each test frame, and its subject's number.

    ``epochs`` is the epoch whose weights were kept (0: not known), ``seconds`` the time of training.
    """

    branch: str
    fold: int
    percent: NDArray[np.float64]
    fat: NDArray[np.float64]
    subject: NDArray[np.intp]
    epochs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class How:
    """How networks are trained: length, arithmetic, seed and start (None or "random", or a file of weights)."""

    epochs: int
    bf16: bool = True
    seed: int = 0
    resume: bool = False
    weights: str | None = None


def read_fold(out: Path, branch: Branch, part: Part) -> HmrsReading | None:
    """A finished fold, None where it is not finished."""
    done = out / f"fold-{part.fold}-{branch}" / READING
    if not done.is_file():
        return None
    history = _history(done.parent)
    with np.load(done) as stored:
        values = {key: stored[key] for key in ("percent", "fat", "subject")}
    return HmrsReading(branch, part.fold, **values, **history)


def fit_fold(
    out: Path, branch: Branch, part: Part, views: Mapping[str, Frames], fat: NDArray[np.float64], how: How
) -> HmrsReading:
    """Train one network of one fold and read its test subjects.

    The two-branch network needs both one-view networks of the same fold in ``out``.
    """
    folder = out / f"fold-{part.fold}-{branch}"
    inputs = list(views.values()) if branch == "both" else [views[branch]]
    pairs = pair(inputs, fat)
    network = network_for(branch, out / f"fold-{part.fold}", how.seed + part.fold, how.weights)
    learn = pairs.of(part.learn)
    with deterministic():
        train_hmrs(
            network, inputs, learn, pairs.of(part.watch),
            epochs=how.epochs, seed=how.seed + part.fold, bf16=how.bf16, out=folder, resume=how.resume,
        )  # fmt: skip
        percent = predict_hmrs(network, inputs, pairs.of(part.test))
    torch.save(network.state_dict(), folder / NETWORK)
    (folder / "epoch.json").write_text(json.dumps(epoch_steps(learn)), encoding="utf-8")
    _keep(folder / READING, percent, pairs.of(part.test))
    found = read_fold(out, branch, part)
    assert found is not None
    return found


def network_for(branch: Branch, prefix: Path, seed: int, weights: str | None = None) -> Network:
    """A network at its start; the two-branch one takes over the branches that lie beside, in ``PREFIX-VIEW``.

    Raises UsageError for weights of a package or hub (there are none), E_PATH and E_WEIGHTS for a file.
    """
    torch.manual_seed(seed)
    if branch != "both":
        one = HmrsCNN()
        start_weights(one, weights)
        return one.to(training_device())
    network, single = TwoBranchHmrsCNN(), []
    for view in VIEWS:
        one = HmrsCNN()
        stored = prefix.with_name(f"{prefix.name}-{view}") / NETWORK
        one.load_state_dict(torch.load(stored, map_location="cpu", weights_only=True))
        single.append(one)
    network.import_branches(*single)
    return network.to(training_device())


def start_weights(network: HmrsCNN, weights: str | None) -> dict[str, Any]:
    """Load the start weights of a one-view network and say what they were, for the manifest."""
    if weights in {"package", "hub"}:
        raise UsageError(f"no {weights} ships weights of recipe R4's network: give a file, or random")
    return {"network": "hmrs-cnn", **load_weights(network, "hmrs-cnn", weights or "random")}


def weights_record(weights: str | None) -> dict[str, Any]:
    """What the networks start from, for the manifest; raises as :func:`network_for`."""
    return start_weights(HmrsCNN(), weights)


@contextmanager
def deterministic() -> Iterator[None]:
    """Algorithms that give the same answer every time; on a GPU, where there is none, a warning says so."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _keep(path: Path, percent: NDArray[np.float64], pairs: Pairs) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, percent=percent, fat=pairs.fat, subject=pairs.subject)
    part.replace(path)


def _history(folder: Path) -> dict[str, Any]:
    """Epoch of the kept weights and seconds of training, where the fold's history says so."""
    path, steps = folder / "history.json", folder / "epoch.json"
    if not path.is_file():
        return {}
    history = json.loads(path.read_text(encoding="utf-8"))
    an_epoch = json.loads(steps.read_text(encoding="utf-8")) if steps.is_file() else 0
    kept = history.get("best_step")
    return {"epochs": kept // an_epoch if kept and an_epoch else 0, "seconds": round(history["seconds"], 1)}
