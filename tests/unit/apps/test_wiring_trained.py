"""W_TRAINED: a study with a file from a model's training manifest says so, by file, folder, zip and named model."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from steatoscope.apps.wiring.models import ChosenModel
from steatoscope.apps.wiring.ports import default_ports, with_model
from steatoscope.apps.wiring.trained import TrainingRecords
from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.report import ModelPart
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.pack import write_model
from steatoscope.pipeline.analyse import _trained_gate
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.options import AnalyseOptions


def _frame(path: Path, seed: int) -> Path:
    grey = np.random.default_rng(seed).integers(1, 255, (200, 240)).astype(np.uint8)
    cv2.imwrite(str(path), grey)
    return path


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "patient"
    folder.mkdir()
    return [_frame(folder / f"frame_{number}.png", number) for number in range(3)]


def _model(folder: Path, *trained: Path) -> ModelFolder:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"graph")
    rows = [{"path": one.name, "sha256": hashlib.sha256(one.read_bytes()).hexdigest()} for one in trained]
    return write_model(
        folder,
        name=folder.name,
        version="0.1.0",
        modality="US",
        task="liver",
        files={"model.onnx": folder / "model.onnx"},
        settings={"classes": ["liver"], "kind": "us"},
        card="# made-up\n",
        training={"recipe": "none", "seed": 0, "data": rows},
    )


def _codes(path: Path, model: ModelFolder, *, part: ModelPart | None = None, **changes: Any) -> list[str]:
    study = load_study([path], ReadOptions(modality="US"))
    ports = with_model(default_ports(AnalyseOptions()), ChosenModel(model, "segmenter", "US"))
    findings = Findings(fat=None, models=(part or model.part(),), **changes)
    return [note.message for note in _trained_gate(findings, study, ports).notes if note.code == "W_TRAINED"]


def test_a_training_picture_is_known_alone_in_its_folder_and_in_a_zip(frames: list[Path], tmp_path: Path) -> None:
    model = _model(tmp_path / "net", frames[1])
    packed = tmp_path / "patient.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for one in frames:
            archive.write(one, one.name)
    for path in (frames[1], frames[1].parent, packed):
        (told,) = _codes(path, model)
        assert told.endswith("no test of it. Models: net.")
    assert _codes(frames[0], model) == []


def test_other_models_and_refusals_say_nothing(frames: list[Path], tmp_path: Path) -> None:
    model = _model(tmp_path / "net", *frames)
    other = model.part().model_copy(update={"sha256": "0" * 64})
    assert _codes(frames[0], model, part=other) == []
    assert _codes(frames[0], model, refusal=SteatoscopeError("E_OOD")) == []
    assert not TrainingRecords()(model.part(), {"0" * 64})


def test_a_shipped_model_knows_its_own_pictures() -> None:
    from steatoscope.apps.wiring.models import shipped

    model = shipped("us-steatosis")
    assert model is not None
    known = next(iter(model.training_sha256))
    assert TrainingRecords()(model.part(), {known, "0" * 64})
    assert not TrainingRecords()(model.part(), {"0" * 64})
