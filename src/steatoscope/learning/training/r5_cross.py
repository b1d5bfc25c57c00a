"""Recipe R5 fold by fold with every finished fold kept, and the size and speed of its architectures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from steatoscope.learning.models.build import build, example_inputs, weight_count
from steatoscope.learning.models.cards import card_named
from steatoscope.learning.training.r5_fit import HeadAnswers, MapBank, answer, fit_heads, map_bank
from steatoscope.learning.training.r5_pictures import CLASSES, FindingSet

ANSWERS: Final = "answers.npz"
FOUND: Final = 0.5
REPEATS: Final = 5
Rows = NDArray[np.intp]
Arrays = dict[str, NDArray[np.float64]]


def cross_read(
    data: FindingSet,
    folds: Sequence[tuple[Rows, Rows]],
    architecture: str,
    weights: str,
    *,
    side: int,
    copies: int,
    steps: int,
    seed: int,
    out: Path,
    resume: bool,
    told: Callable[[str], None] | None = None,
) -> tuple[Arrays, dict[str, Any]]:
    """Scores, mask counts and hits of every picture out of fold, and the record of the encoder's weights.

    Raises ValueError where a group is on both sides of a fold.
    """
    bank = map_bank(data, architecture, weights, side=side, copies=copies, told=told)
    found = {
        "scores": np.full((len(data), len(CLASSES)), np.nan),
        "counts": np.full((len(data), 3), np.nan),
        "hit": np.full(len(data), np.nan),
    }
    for number, (train, test) in enumerate(folds):
        if np.intersect1d(data.groups[train], data.groups[test]).size:
            raise ValueError("a group is in the training and in the test part of a fold")
        folder = out / f"fold-{number}"
        done = folder / ANSWERS
        if not (resume and done.is_file()):
            if told is not None:
                told(f"{data.name}, {architecture}: fold {number + 1} of {len(folds)}")
            heads = fit_heads(bank, train, steps=steps, seed=seed + number, out=folder, resume=resume)
            _keep(done, _measured(answer(heads, bank, test), bank, test))
        with np.load(done) as stored:
            for name, values in found.items():
                values[test] = stored[name]
    return found, bank.record


def _measured(answers: HeadAnswers, bank: MapBank, rows: Rows) -> Arrays:
    counts, hits = [], []
    for heat, row in zip(answers.heat, rows, strict=True):
        wanted = bank.data.draw(int(row), 0).mask
        shown = heat >= FOUND
        counts.append([(shown & wanted).sum(), shown.sum(), wanted.sum()])
        top = np.unravel_index(int(np.argmax(heat)), heat.shape)
        hits.append(float(wanted[top]) if wanted.any() else np.nan)
    return {"scores": answers.logits, "counts": np.array(counts, dtype=np.float64), "hit": np.array(hits)}


def _keep(path: Path, arrays: Arrays) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)  # type: ignore[arg-type]
    part.replace(path)


def size_and_speed(architecture: str) -> dict[str, float]:
    """Millions of weights and the median processor time of one picture on one thread, at the card's size.

    Processor time, not the clock: other work on the machine does not count.
    """
    card = card_named(architecture)
    network = build(architecture).eval()
    inputs = example_inputs(card)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            network(*inputs)
            seconds = [_timed(network, inputs) for _ in range(REPEATS)]
    finally:
        torch.set_num_threads(threads)
    side = int(card.inputs["image"][2])
    return {
        "million": round(weight_count(network) / 1e6, 2),
        "cpu_ms": round(1000.0 * float(np.median(seconds)), 1),
        "side_px": float(side),
    }


def _timed(network: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    began = time.process_time()
    network(*inputs)
    return time.process_time() - began
