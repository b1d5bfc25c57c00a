"""Packs a network of recipe R4: ONNX graph, settings for the grading graph's adapter, card and training manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import torch

from steatoscope.learning.inference.us_graph_settings import GraphSettings
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.models.hmrs_cnn import SIDE
from steatoscope.learning.training.export import export_onnx
from steatoscope.learning.training.hmrs import UNIT
from steatoscope.learning.training.hmrs_card import card
from steatoscope.learning.training.hmrs_folds import Branch, Network
from steatoscope.learning.training.hmrs_study import HmrsStudy
from steatoscope.learning.training.pack import write_model

VERSION: Final = "1.0.0"
INPUTS: Final[Mapping[Branch, Mapping[str, str | None]]] = MappingProxyType(
    {"AR": {"frames": "AR"}, "HR": {"frames": "HR"}, "both": {"ar": "AR", "hr": "HR"}, "real": {"frames": None}}
)
MODELS: Final[Mapping[Branch, str]] = MappingProxyType(
    {"AR": "r4-hmrs-ar", "HR": "r4-hmrs-hr", "both": "r4-hmrs-two-branch", "real": "r4-hmrs-histology"}
)


@dataclass(frozen=True, eq=False)
class Trained:
    """A network trained on all subjects, with what cross-validation said of its like (None and empty: not done)."""

    branch: Branch
    network: Network
    seed: int
    length: str
    weights: Mapping[str, Any]
    half_width: float | None
    figures: Mapping[str, Any]
    most_frames: int


def pack_hmrs(folder: Path, trained: Trained, study: HmrsStudy) -> ModelFolder:
    """Write the model's folder; raises ExportError where the graph does not answer as the network does."""
    with TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.onnx"
        _export(trained, graph)
        return write_model(
            folder,
            name=MODELS[trained.branch],
            version=VERSION,
            modality="US",
            task="fat",
            files={"model.onnx": graph},
            settings=settings_of(trained, study).document(),
            card=card(MODELS[trained.branch], VERSION, trained, study),
            training=_training(trained, study),
        )


def settings_of(trained: Trained, study: HmrsStudy) -> GraphSettings:
    """What the adapter needs to run the graph."""
    return GraphSettings(
        inputs=dict(INPUTS[trained.branch]),
        outputs={"fat": "fat"},
        preparation="centre-360",
        scale=study.scale,
        layout="named" if trained.branch == "both" else "frames",
        fat_unit=UNIT,
        half_width=trained.half_width,
        level=0.9,
        simulated=study.simulated,
        most_frames=trained.most_frames,
    )


def _export(trained: Trained, path: Path) -> None:
    names = tuple(INPUTS[trained.branch])
    network = trained.network.cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    export_onnx(
        network,
        tuple(torch.rand(2, 1, SIDE, SIDE) for _ in names),
        path,
        input_names=names,
        output_names=("fat",),
        dynamic={name: {0: "frames"} for name in (*names, "fat")},
    )


def _training(trained: Trained, study: HmrsStudy) -> dict[str, Any]:
    figures = trained.figures
    return {
        "recipe": "r4-hmrs-regression",
        "seed": trained.seed,
        "simulated": study.simulated,
        "length": trained.length,
        "weights": dict(trained.weights),
        "split": "all subjects; figures by stratified 4-fold cross-validation by subject"
        if figures
        else "all subjects",
        "subjects": len(study.names),
        "metrics": {
            name: {"value": value, "ci95": figures[f"{name}_ci"]} if f"{name}_ci" in figures else value
            for name, value in figures.items()
            if not name.endswith("_ci")
        },
        "data": list(study.records),
    }
