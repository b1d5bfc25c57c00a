"""The catalogue lists, shows, verifies and adds models as data, without loading anything heavy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from steatoscope.core.errors import UsageError
from steatoscope.learning.catalogue import (
    MOST_SHIPPED_BYTES,
    SHIPPED,
    add_model,
    list_models,
    open_model,
    shipped_size,
    show_model,
    verify_models,
)
from steatoscope.learning.model_folder import WeightsError, read_folder, write_entry
from steatoscope.learning.training.pack import write_model

KEYS = {"name", "version", "sha256", "modality", "task", "licence", "path", "size", "files", "shipped"}
TRAINING = {"recipe": "made-up", "seed": 1, "data": [{"path": "a.png", "sha256": "ab" * 32, "subject": "one"}]}


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    monkeypatch.setenv("STEATOSCOPE_MODELS", str(folder))
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A training run whose packed model lies in ``model``."""
    weights = tmp_path / "weights.bin"
    weights.write_bytes(bytes(range(256)))
    write_model(
        tmp_path / "run" / "model",
        name="made-up",
        version="0.1.0",
        modality="US",
        task="fat",
        files={"model.onnx": weights},
        settings={"size": [224, 224]},
        card="# made-up\n",
        training=TRAINING,
    )
    return tmp_path / "run"


def test_shipped_entries_are_complete_verified_and_small():
    entries = list_models()
    assert "us-first" in [entry["name"] for entry in entries]
    assert all(set(entry) >= KEYS and entry["size"] > 0 and entry["shipped"] for entry in entries)
    assert all(Path(entry["path"]).name == entry["name"] for entry in entries)
    assert all(result["ok"] for result in verify_models())
    assert shipped_size() == sum(entry["size"] for entry in entries) < MOST_SHIPPED_BYTES
    shown = show_model("us-first")
    assert shown["card"].startswith("# us-first")
    training = shown["training"]
    assert training["files"] == len(open_model("us-first").training["data"]) > 300
    assert (training["subjects"], training["split"]) == (40, "nested leave-one-patient-out")
    assert training["metrics"]["auc"]["value"] > 0.5
    with pytest.raises(KeyError):
        show_model("no-such-model")


def test_changed_missing_and_unreadable_files_are_found(tmp_path: Path):
    folder = shutil.copytree(SHIPPED / "us-first", tmp_path / "models" / "us-first")
    roots = [tmp_path / "models"]
    assert verify_models(roots)[0]["ok"]
    weights = folder / "model.json"
    weights.write_bytes(weights.read_bytes().replace(b"1.1.0", b"1.1.1", 1))
    assert "model.json has sha256" in verify_models(roots)[0]["faults"]["model.json"]
    weights.unlink()
    result = verify_models(roots)[0]
    assert not result["ok"]
    assert list(result["faults"]) == ["model.json"]
    assert "missing" in result["faults"]["model.json"]
    (folder / "entry.json").write_text("{", encoding="utf-8")
    assert list(verify_models(roots)[0]["faults"]) == ["entry.json"]
    assert list_models(roots)[0]["name"] == "us-first"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": {"scale": "pdff"}}, "has the hash"),
        ({"files": {"../model.json": "00"}}, "outside its folder"),
        ({"name": "another"}, "has the hash"),
    ],
)
def test_a_changed_entry_is_refused(tmp_path: Path, change, words):
    folder = shutil.copytree(SHIPPED / "us-first", tmp_path / "us-first")
    entry = json.loads((folder / "entry.json").read_text(encoding="utf-8")) | change
    (folder / "entry.json").write_text(json.dumps(entry), encoding="utf-8")
    with pytest.raises(WeightsError, match=words) as caught:
        open_model(folder)
    assert caught.value.code == "E_WEIGHTS"
    assert caught.value.path == str(folder / "entry.json")


def test_an_entry_without_its_parts_is_refused(tmp_path: Path):
    write_entry(tmp_path, {"name": "x", "files": {}})
    with pytest.raises(WeightsError, match="lacks version, modality, task, card"):
        read_folder(tmp_path)


def test_models_are_found_by_name_by_folder_and_by_run(run: Path):
    by_folder, by_run = open_model(run / "model"), open_model(str(run))
    assert by_folder.sha256 == by_run.sha256
    assert by_run.training_sha256 == frozenset({"ab" * 32})
    assert by_run.settings == {"size": [224, 224]}
    assert open_model("us-first").part().model_dump() == {
        "name": "us-first",
        "version": "1.1.0",
        "sha256": next(entry["sha256"] for entry in list_models() if entry["name"] == "us-first"),
        "card": "us-first/card.md",
    }
    with pytest.raises(UsageError, match="no model and no folder"):
        open_model("no-such-model")
    with pytest.raises(UsageError, match="holds no packed model"):
        open_model(run.parent)


def test_an_added_model_is_listed_under_its_new_name(run: Path, own_models: Path):
    added = add_model(run, "mine")
    assert (added.name, added.folder) == ("mine", own_models / "mine")
    assert added.file("model.onnx") == bytes(range(256))
    assert open_model("mine").sha256 == added.sha256
    assert [entry["shipped"] for entry in list_models() if entry["name"] == "mine"] == [False]
    assert all(result["ok"] for result in verify_models())
    assert shipped_size() == sum(entry["size"] for entry in list_models() if entry["shipped"])


@pytest.mark.parametrize("name", ["us-first", "../evil", "Upper", "", "a/b"])
def test_taken_and_malformed_names_are_refused(run: Path, own_models: Path, name):
    with pytest.raises(UsageError):
        add_model(run, name)
    assert not own_models.exists()


def test_a_damaged_run_is_not_added(run: Path, own_models: Path):
    (run / "model" / "model.onnx").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"model\.onnx"):
        add_model(run, "mine")
    assert not own_models.exists()


def test_listing_loads_nothing_heavy():
    code = (
        "import sys, steatoscope.learning.catalogue as c; c.list_models(); c.open_model('us-first');"
        "print([m for m in ('numpy', 'cv2', 'scipy', 'sklearn', 'torch', 'onnxruntime', 'requests') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
