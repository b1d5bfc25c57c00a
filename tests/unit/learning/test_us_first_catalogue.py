"""The catalogue lists, shows and verifies models as data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from steatoscope.learning.catalogue import list_models, show_model, verify_models

KEYS = {"name", "version", "sha256", "modality", "task", "licence", "path", "size"}


def test_entries_are_complete_and_verified():
    entries = list_models()
    assert "us-first" in [entry["name"] for entry in entries]
    assert all(set(entry) >= KEYS and entry["size"] > 0 for entry in entries)
    assert all(result["ok"] for result in verify_models())
    assert show_model("us-first")["card"].startswith("# us-first")
    with pytest.raises(KeyError):
        show_model("no-such-model")


def test_changed_and_missing_weights_are_found(tmp_path: Path):
    shutil.copytree(str(resources.files("steatoscope.learning.weights") / "us-first"), tmp_path / "us-first")
    assert verify_models(tmp_path)[0]["ok"]
    weights = tmp_path / "us-first" / "model.json"
    weights.write_bytes(weights.read_bytes().replace(b"1.1.0", b"1.1.1", 1))
    assert not verify_models(tmp_path)[0]["ok"]
    weights.unlink()
    assert verify_models(tmp_path)[0] == {
        "name": "us-first",
        "ok": False,
        "expected": json.loads((tmp_path / "us-first" / "entry.json").read_text())["sha256"],
        "found": None,
    }


def test_listing_loads_nothing_heavy():
    code = (
        "import sys, steatoscope.learning.catalogue as c; c.list_models();"
        "print([m for m in ('numpy', 'cv2', 'scipy', 'sklearn', 'torch', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
