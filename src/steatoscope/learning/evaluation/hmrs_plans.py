"""Sizes of recipe R4's runs, and the check that a run goes on only as what it was begun."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from steatoscope.core.errors import UsageError
from steatoscope.learning.recipes import plan_of, recipe_named
from steatoscope.learning.training.grading_data import MANIFEST
from steatoscope.learning.training.hmrs import EPOCHS
from steatoscope.learning.training.hmrs_study import HmrsStudy, Told, real_folder, real_study, simulated_study

RECIPE: Final = "r4-hmrs-regression"


@dataclass(frozen=True, slots=True)
class HmrsPlan:
    """Size of a simulated run: ``full`` is the published one; smaller ones say so in the document."""

    name: str
    subjects: int = 150
    frames: int = 20
    epochs: int = EPOCHS
    bf16: bool = True


@dataclass(frozen=True, slots=True)
class RealPlan:
    """Size of a run on real patients: at most ``frames`` of each."""

    name: str
    frames: int = 10
    epochs: int = EPOCHS
    bf16: bool = True


Plan = HmrsPlan | RealPlan
PLANS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "small": HmrsPlan("small", subjects=32, frames=2, epochs=2),
        "medium": HmrsPlan("medium", frames=4),
        "full": HmrsPlan("full"),
        "real-small": RealPlan("real-small", frames=2, epochs=2),
        "real-full": RealPlan("real-full"),
    }
)


def plan_named(name: str) -> Plan:
    """A plan by its name; raises UsageError that lists them where there is none of that name."""
    return PLANS[plan_of(recipe_named(RECIPE), name)]


def study_of(plan: Plan, data: Path | None, out: Path, seed: int, told: Told | None = None) -> HmrsStudy:
    """What a plan learns from; simulated frames are kept in ``out``.

    Raises UsageError where a plan on real patients is given no ``data``, and what the readers raise.
    """
    if isinstance(plan, RealPlan):
        if data is None:
            raise UsageError(f"plan {plan.name} reads real patients: it needs --data with us/byra2018 or {MANIFEST}")
        return real_study(real_folder(data), plan.frames)
    if data is not None and told is not None:
        told(f"plan {plan.name} simulates its own subjects: --data is not read")
    return simulated_study(plan.subjects, plan.frames, out, seed, told)


def claim(out: Path, plan: Plan, data: Path | None, *, seed: int, resume: bool, weights: str | None) -> None:
    """Mark ``out`` as this plan's run; raises UsageError where it holds another plan, seed, folder or start."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "plan.json"
    words = json.dumps({**asdict(plan), "seed": seed, **_also(plan, data, weights)}, sort_keys=True)
    if path.is_file() and path.read_text(encoding="utf-8") != words:
        raise UsageError(f"{out} holds a run of another plan, seed, data or weights: name another folder")
    if path.is_file() and not resume:
        raise UsageError(f"{out} holds a run already: add --resume to go on, or name another folder")
    path.write_text(words, encoding="utf-8")


def _also(plan: Plan, data: Path | None, weights: str | None) -> dict[str, str]:
    """What tells runs of one plan apart besides the seed: hash of the labels, hash of the start weights."""
    files: dict[str, Path] = {}
    if isinstance(plan, RealPlan) and data is not None:
        folder = real_folder(data)
        files["labels"] = next(folder / one for one in (MANIFEST, "labels.csv") if (folder / one).is_file())
    if weights is not None and Path(weights).is_file():
        files["weights"] = Path(weights)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
