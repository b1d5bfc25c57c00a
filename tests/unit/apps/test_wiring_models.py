"""Which model stands behind which port, and which is wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest
from wiring_models import model_folder

from steatoscope.apps.wiring.models import chosen_model, shipped
from steatoscope.apps.wiring.ports import default_ports
from steatoscope.apps.wiring.ultrasound import FirstModelGrader
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, Study, Volume
from steatoscope.pipeline.analyse import analyse_study
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.progress import Tracker

SEGMENTER = {"classes": ["liver"]}


@pytest.mark.parametrize(
    ("modality", "settings", "files", "role"),
    [
        ("CT", {**SEGMENTER, "kind": "ct"}, {"model_onnx": b"x"}, "segmenter"),
        ("MR", {**SEGMENTER, "kind": "mr"}, {"model_onnx": b"x"}, "segmenter"),
        ("US", {**SEGMENTER, "kind": "us"}, {"model_onnx": b"x"}, "segmenter"),
        ("US", {"detector": {}}, {"dense_onnx": b"x"}, "detector"),
        ("CT", {"detector": {}}, {"dense_onnx": b"x"}, "detector"),
        ("US", {}, {"heads_json": b"{}"}, "grader"),
        ("US", {}, {"model_json": b"{}"}, "first"),
    ],
)
def test_a_folder_of_every_kind_finds_its_port(
    tmp_path: Path, modality: str, settings: dict, files: dict, role: str
) -> None:
    model_folder(tmp_path / "own", modality=modality, settings=settings, **files)
    chosen = chosen_model(str(tmp_path / "own"))
    assert (chosen.role, chosen.modality) == (role, modality)
    plain, ports = default_ports(AnalyseOptions()), default_ports(AnalyseOptions(model=str(tmp_path / "own")))
    assert ports.modality == modality
    assert plain.modality is None
    names = [name for name in plain.__dataclass_fields__ if getattr(plain, name) is not getattr(ports, name)]
    part = {"detector": "focal", "first": "grader"}.get(role, role)
    port = f"{modality.lower()}_{part}"
    assert sorted(names) == sorted([port, "modality", "trained_on"])


@pytest.mark.parametrize(
    ("modality", "settings", "files"),
    [
        ("CT", {}, {"heads_json": b"{}"}),
        ("CT", {}, {"tissue_json": b"{}"}),
        ("XA", {**SEGMENTER, "kind": "ct"}, {"model_onnx": b"x"}),
        ("MR", {"detector": {}}, {"dense_onnx": b"x"}),
    ],
)
def test_a_model_without_a_place_is_wrong_usage(tmp_path: Path, modality: str, settings: dict, files: dict) -> None:
    model_folder(tmp_path / "own", modality=modality, settings=settings, **files)
    with pytest.raises(UsageError):
        default_ports(AnalyseOptions(model=str(tmp_path / "own")))


def test_no_such_model_is_wrong_usage_and_a_changed_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        default_ports(AnalyseOptions(model="no-such-model"))
    folder = model_folder(tmp_path / "own", settings={**SEGMENTER, "kind": "ct"}).folder
    entry = folder / "entry.json"
    entry.write_text(entry.read_text().replace("0.1.0", "0.1.1"))
    with pytest.raises(SteatoscopeError, match="E_WEIGHTS"):
        default_ports(AnalyseOptions(model=str(folder)))


def test_the_first_model_stays_selectable() -> None:
    ports = default_ports(AnalyseOptions(model="us-first"))
    assert isinstance(ports.us_grader, FirstModelGrader)
    assert shipped("no-such-model") is None


def test_a_model_for_another_modality_is_wrong_usage() -> None:
    import numpy as np

    volume = Volume(np.zeros((2, 40, 40), np.float32), Geometry.from_spacing((5.0, 1.0, 1.0)), "HU")
    options = AnalyseOptions(model="us-first")
    with pytest.raises(UsageError, match="is for US, the study is CT"):
        analyse_study(Study(CTScan(volume), ()), options, default_ports(options), Tracker())
