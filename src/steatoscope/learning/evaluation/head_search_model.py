"""What a search leaves behind: the chosen values, and the model that was trained with them on every patient."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steatoscope.learning.evaluation.grading_scores import by_patient, scored, shipped_calibration
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.features_cache import key_of
from steatoscope.learning.training.grading_card import grading_card
from steatoscope.learning.training.grading_features import Bank
from steatoscope.learning.training.grading_folds import GradingPlan
from steatoscope.learning.training.grading_keep import Reading
from steatoscope.learning.training.grading_pack import Calibration, Ready, pack_ensemble, pack_r2
from steatoscope.learning.training.search import Tried


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """Size of a search: trials of each study, outer and inner folds, epochs of the recipe's own training, copies."""

    trials: int = 20
    outer: int = 5
    inner: int = 3
    epochs: int = 40
    variants: int = 2
    encoder: str = "efficientnet-lite0"
    weights: str = "package"
    seed: int = 0


def pack_searched(
    kind: str,
    bank: Bank,
    network: Any,
    readings: Sequence[Reading],
    kept: Mapping[str, Any],
    plan: SearchPlan,
    out: Path,
) -> ModelFolder:
    """The model of searched values; its figures, temperature and interval are of the outer folds' test patients."""
    row = scored(by_patient(readings, bank.data), seed=plan.seed)
    temperature, half = shipped_calibration(readings, bank.data)
    name, pack = ("r2-grading", pack_r2) if kind == "r2" else ("r3-ensemble", pack_ensemble)
    words = f"Grades steatosis on B-mode frames: a frozen encoder and a head of searched values ({kept['recipe']})."
    card = grading_card(name, words, row, bank.data.source, bank.weights)
    size = GradingPlan("search", plan.epochs, plan.variants, plan.outer, plan.outer, encoder=plan.encoder)
    return pack(
        bank, size, plan.weights, out, Calibration(0, temperature, half, row, card),
        seed=plan.seed, steps=None, ready=Ready(network, {"search": dict(kept)}),
    )  # fmt: skip


def keep_values(path: Path, recipe: str, plan: SearchPlan, chosen: Tried, images: Iterable[str]) -> dict[str, Any]:
    """Write the chosen values, with where they come from: ``images`` are the hashes of what was learnt from."""
    kept = {
        "recipe": recipe, "values": chosen.values, "inner_loss": chosen.loss, "trials": plan.trials,
        "seed": plan.seed, "plan": asdict(plan), "data_sha256": key_of(sorted(set(images))),
    }  # fmt: skip
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return kept
