"""Packs of R2 and R3: heads trained on every patient, put back behind their encoder, as ONNX graphs with settings.

How long to train is the median of the best steps of the cross-validation; temperature and interval come from its
left-out patients. So nothing is held back and nothing is tuned on what the heads have learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch import nn

from steatoscope.learning.inference.us_graph_settings import GraphSettings
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.models.grading import AttentionGrader, FourGradeNet, MultiViewGrader
from steatoscope.learning.training.export import export_onnx
from steatoscope.learning.training.features_cache import key_of
from steatoscope.learning.training.grading_card import Evaluated, told_figures
from steatoscope.learning.training.grading_cv import R2_RATE, grade_percent
from steatoscope.learning.training.grading_features import Bank, frozen_encoder
from steatoscope.learning.training.grading_fit import BATCH, VIEWS, Training, train_grader
from steatoscope.learning.training.grading_folds import GradingPlan
from steatoscope.learning.training.grading_nets import AttentionGraph, FourGradeGraph, headed
from steatoscope.learning.training.pack import write_model

VERSION: Final = "1.0.0"
_SIDE: Final = 224


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the cross-validation says of the model that ships: steps, temperature, half-width at 0.9, figures, card.

    ``tested`` says whose figures they are.
    """

    best_step: int
    temperature: float
    half_width: float | None
    metrics: Mapping[str, Any]
    card: str
    tested: Evaluated | None = None


@dataclass(frozen=True, eq=False)
class Ready:
    """A head that was trained on every patient elsewhere, and how: ``told`` goes into the training manifest."""

    network: nn.Module
    told: Mapping[str, Any]


def pack_r2(
    bank: Bank, plan: GradingPlan, weights: str, out: Path, found: Calibration, *, seed: int, steps: int | None,
    ready: Ready | None = None,
) -> ModelFolder:  # fmt: skip
    """Train R2's head on every patient, or take one that is ready, and pack it: grades and the Grad-CAM map of each."""
    network = ready.network if ready else _trained("r2", bank.pooled(), plan, seed, steps or found.best_step, R2_RATE)
    graph = FourGradeGraph(frozen_encoder(plan.encoder, weights), cast(FourGradeNet, network))
    percent = tuple(float(value) for value in grade_percent(bank.data, _everyone(bank)))
    settings = replace(
        _settings(bank, found), outputs={"grade": "grade", "map": "cam"}, inputs={"image": None}, grade_percent=percent
    )
    example = (torch.rand(2, 1, _SIDE, _SIDE),)
    axes = {name: {0: "frames"} for name in ("image", "grade", "cam")}
    export_onnx(graph, example, out / "model.onnx", input_names=["image"], output_names=["grade", "cam"], dynamic=axes)
    return _written("r2-grading", "r2-resnet50-grading", bank, plan, settings, out, found, seed, ready)


def pack_ensemble(
    bank: Bank, plan: GradingPlan, weights: str, out: Path, found: Calibration, *, seed: int, steps: int | None,
    ready: Ready | None = None,
) -> ModelFolder:  # fmt: skip
    """Train the members with attention on every patient, or take one that is ready, and pack them as one graph."""
    members = [ready.network] if ready else [
        _trained("attention", bank, plan, seed + 100 * m, steps or found.best_step, 1e-3) for m in range(plan.members)
    ]  # fmt: skip
    graph = AttentionGraph(frozen_encoder(plan.encoder, weights), cast(list[AttentionGrader], members))
    names = ["grade", "fat", "attention"]
    settings = replace(
        _settings(bank, found), outputs={"grade": "grade", "fat": "fat", "map": "attention"}, inputs={"image": None}
    )
    axes = {name: {0: "frames"} for name in ("image", *names)}
    example = (torch.rand(2, 1, _SIDE, _SIDE),)
    export_onnx(graph, example, out / "model.onnx", input_names=["image"], output_names=names, dynamic=axes)
    return _written("r3-ensemble", "r3-multiview", bank, plan, settings, out, found, seed, ready)


def pack_fusion(
    bank: Bank, plan: GradingPlan, weights: str, out: Path, found: Calibration, *, seed: int, steps: int | None
) -> ModelFolder:
    """Train the fusion of views on every patient and pack it; any number of views may be given."""
    network = cast(MultiViewGrader, _trained("fusion", bank, plan, seed, steps or found.best_step, 1e-3))
    network.encoder = frozen_encoder(plan.encoder, weights)
    settings = replace(
        _settings(bank, found), outputs={"grade": "grade", "fat": "fat"}, inputs={"views": None}, layout="views",
        present="present", view_count=1 if bank.data.views else VIEWS,
    )  # fmt: skip
    example = (torch.rand(1, VIEWS, 1, _SIDE, _SIDE), torch.ones(1, VIEWS))
    axes = {"views": {1: "views"}, "present": {1: "views"}}
    export_onnx(
        network, example, out / "model.onnx", input_names=["views", "present"], output_names=["grade", "fat"],
        dynamic=axes,
    )  # fmt: skip
    return _written("r3-fusion", "r3-multiview", bank, plan, settings, out, found, seed)


def _everyone(bank: Bank) -> Any:
    import numpy as np

    return np.arange(len(bank.data.names), dtype=np.intp)


def _trained(kind: str, bank: Bank, plan: GradingPlan, seed: int, steps: int, peak: float) -> nn.Module:
    network = headed(kind, plan.encoder, seed, float(bank.data.fat.mean()))
    epochs = max(1, -(-steps // -(-len(bank.data) // BATCH)))
    train_grader(network, bank, _everyone(bank), None, Training(epochs, seed, peak=peak))
    return network


def _settings(bank: Bank, found: Calibration) -> GraphSettings:
    source = bank.weights["source"]
    return GraphSettings(
        inputs={}, outputs={}, preparation=bank.data.preparation, scale=bank.data.scale,
        temperature=round(found.temperature, 4), half_width=found.half_width,
        encoder=f"{bank.encoder}, weights: {source}", simulated=bank.data.simulated,
    )  # fmt: skip


def _written(
    name: str, recipe: str, bank: Bank, plan: GradingPlan, settings: GraphSettings, out: Path, found: Calibration,
    seed: int, ready: Ready | None = None,
) -> ModelFolder:  # fmt: skip
    settings.check()
    records = bank.data.source.records()
    counts = f" ({found.tested.words})" if found.tested else ""
    training = {
        "recipe": recipe, "seed": seed, "plan": asdict(plan), "data": records, "weights": dict(bank.weights),
        "metrics": told_figures(found.metrics, found.tested),
        "split": f"all patients; calibrated on patients left out in the cross-validation of the same recipe{counts}",
        "data_sha256": key_of(row["sha256"] for row in records), **(ready.told if ready else {}),
    }  # fmt: skip
    return write_model(
        out, name=name, version=VERSION, modality="us", task="grading", files={"model.onnx": out / "model.onnx"},
        settings=settings.document(), card=found.card, training=training,
    )  # fmt: skip
