"""Packed folders hold what was given, sealed, and refuse what could hide a leak."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from steatoscope.learning.model_folder import read_folder
from steatoscope.learning.training.pack import write_model

ROW = {"path": "a.png", "sha256": "0f" * 32, "subject": "one"}


def pack(folder: Path, **changes: Any):
    (folder / "source.bin").write_bytes(b"\x00\x01\x02")
    parts: dict[str, Any] = {
        "name": "made-up",
        "version": "1.0.0",
        "modality": "MR",
        "task": "segment",
        "files": {"model.onnx": folder / "source.bin"},
        "settings": {"threshold": 0.5},
        "card": "# made-up\n",
        "training": {"recipe": "r", "seed": 3, "data": [ROW]},
    }
    return write_model(folder / "packed", **parts | changes)


def test_every_file_is_recorded_with_its_hash(tmp_path: Path):
    model = pack(tmp_path)
    folder = tmp_path / "packed"
    written = {file.name for file in folder.iterdir()} - {"entry.json"}
    assert set(model.files) == written == {"model.onnx", "card.md", "training.json"}
    for name, recorded in model.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == recorded
    assert model.file("model.onnx") == b"\x00\x01\x02"
    assert (model.name, model.version, model.settings) == ("made-up", "1.0.0", {"threshold": 0.5})
    assert model.training_sha256 == {"0f" * 32}


def test_the_same_model_has_the_same_hash_and_any_change_another(tmp_path: Path):
    hashes = [pack(tmp_path).sha256, pack(tmp_path).sha256, pack(tmp_path, settings={"threshold": 0.6}).sha256]
    hashes.append(pack(tmp_path, training={"recipe": "r", "seed": 3, "data": []}).sha256)
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_packing_in_place_keeps_the_file(tmp_path: Path):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "model.onnx").write_bytes(b"here")
    assert pack(tmp_path, files={"model.onnx": tmp_path / "packed" / "model.onnx"}).file("model.onnx") == b"here"


def test_the_entry_s_own_hash_is_that_of_its_sorted_json(tmp_path: Path):
    pack(tmp_path)
    entry = json.loads((tmp_path / "packed" / "entry.json").read_text(encoding="utf-8"))
    recorded = entry.pop("sha256")
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == recorded == read_folder(tmp_path / "packed").sha256


@pytest.mark.parametrize("name", ["entry.json", "card.md", "training.json", "sub/model.onnx", "../model.onnx"])
def test_reserved_and_nested_names_are_refused(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="plain names"):
        pack(tmp_path, files={name: tmp_path / "source.bin"})


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"recipe": "r", "data": []}, "lacks seed"),
        ({"recipe": "r", "seed": 0, "data": [ROW, {"path": "b.png", "subject": "two"}]}, "1 rows"),
        ({"recipe": "r", "seed": 0, "data": [{**ROW, "sha256": "short"}]}, "no sha256"),
    ],
)
def test_a_manifest_that_could_not_show_a_leak_is_refused(tmp_path: Path, training: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words):
        pack(tmp_path, training=training)
