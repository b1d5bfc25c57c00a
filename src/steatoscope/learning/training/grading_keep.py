"""What fitted networks of the grading recipes answered, kept one file a fit, so that a broken run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from steatoscope.core.errors import UsageError
from steatoscope.learning.training.grading_outputs import Outputs

Told = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Reading:
    """What the networks of one fold answer: for test patients, and for the inner ones that watched the training."""

    name: str
    fold: int
    test: Outputs
    inner: Outputs
    best_step: int
    seconds: float


def claim(out: Path, run: Mapping[str, Any], *, resume: bool) -> None:
    """Mark ``out`` as the run that the words say; raises UsageError where ``resume`` would go on with another one."""
    out.mkdir(parents=True, exist_ok=True)
    words, path = json.dumps(run, sort_keys=True), out / "plan.json"
    if resume and path.is_file() and path.read_text(encoding="utf-8") != words:
        raise UsageError(f"{out} holds a run of another plan, seed, data or weights: name another folder")
    path.write_text(words, encoding="utf-8")


@dataclass(frozen=True, eq=False)
class Kept:
    """Readings kept in a folder, one file a fit; with ``resume`` those that are there are read back."""

    out: Path
    folds: int
    resume: bool
    told: Told | None

    def several(self, names: Sequence[str], fold: int, fit: Callable[[], list[Reading]]) -> list[Reading]:
        """The readings of those names: from their files, or fitted now."""
        paths = [self.out / f"fold-{fold}-{name.replace(' ', '-').replace(',', '')}.npz" for name in names]
        if self.resume and all(path.is_file() for path in paths):
            return [_read(path, name, fold) for path, name in zip(paths, names, strict=True)]
        began = time.perf_counter()
        found = fit()
        if self.told is not None:
            self.told(f"fold {fold + 1} of {self.folds}, {names[0]}: {time.perf_counter() - began:.0f} s")
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
