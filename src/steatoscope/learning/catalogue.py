"""The catalogue of shipped models: data beside the weights, read without loading any network library.

Every folder of ``learning/weights`` holds ``entry.json`` (name, version, modality, task, licence, file, sha256, card),
the weights file and a model card.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

_PACKAGE = "steatoscope.learning.weights"


def list_models(root: Traversable | None = None) -> list[dict[str, Any]]:
    """Entries of all shipped models by name, with ``path`` (inside the weights folder) and ``size`` in bytes."""
    return [_described(folder) for folder in _folders(root)]


def show_model(name: str, root: Traversable | None = None) -> dict[str, Any]:
    """One model's entry with its card's text; raises KeyError where there is none of that name."""
    for folder in _folders(root):
        entry = _described(folder)
        if entry["name"] == name:
            return entry | {"card": (folder / str(entry["card"])).read_text(encoding="utf-8")}
    raise KeyError(name)


def verify_models(root: Traversable | None = None) -> list[dict[str, Any]]:
    """For every model whether its weights still have the recorded hash: name, ok, expected and found sha256."""
    return [_verified(folder) for folder in _folders(root)]


def _verified(folder: Traversable) -> dict[str, Any]:
    entry = _entry(folder)
    weights = folder / str(entry["file"])
    found = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else None
    return {"name": entry["name"], "ok": found == entry["sha256"], "expected": entry["sha256"], "found": found}


def _described(folder: Traversable) -> dict[str, Any]:
    entry = _entry(folder)
    weights = folder / str(entry["file"])
    size = len(weights.read_bytes()) if weights.is_file() else 0
    return entry | {"path": f"{folder.name}/{entry['file']}", "size": size}


def _entry(folder: Traversable) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
    return entry


def _folders(root: Traversable | None) -> list[Traversable]:
    base = resources.files(_PACKAGE) if root is None else root
    return sorted((item for item in base.iterdir() if (item / "entry.json").is_file()), key=lambda item: item.name)
