"""The catalogue of models: shipped ones and a user's own, read without loading any network library.

Shipped models lie in ``learning/weights``; a user's own in the folder named by ``STEATOSCOPE_MODELS``, else in
``steatoscope/models`` of the user's data folder. A shipped name cannot be taken by a user's model.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steatoscope.core.errors import UsageError
from steatoscope.learning.model_folder import (
    ENTRY,
    ModelFolder,
    WeightsError,
    read_entry,
    read_folder,
    write_entry,
)

SHIPPED = Path(__file__).parent / "weights"
MOST_SHIPPED_BYTES = 60_000_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def user_models() -> Path:
    """The folder of a user's own models; it need not exist."""
    named = os.environ.get("STEATOSCOPE_MODELS")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "steatoscope" / "models"


def open_model(name_or_folder: str | Path) -> ModelFolder:
    """A shipped model, a user's own, or a folder (or training run) that holds ``entry.json``.

    Raises UsageError where there is no such model, :class:`WeightsError` where its entry was changed.
    """
    if isinstance(name_or_folder, str) and (found := _named(name_or_folder)) is not None:
        return read_folder(found)
    return read_folder(_packed(Path(name_or_folder)))


def list_models(roots: Sequence[Path] | None = None) -> list[dict[str, Any]]:
    """Entries of all models by name, with ``path`` of the folder, ``size`` in bytes and ``shipped``."""
    return [_described(folder) for folder in _folders(roots)]


def show_model(name: str, roots: Sequence[Path] | None = None) -> dict[str, Any]:
    """One model's entry with its card's text and ``training`` in short; raises KeyError where there is none."""
    for folder in _folders(roots):
        if folder.name == name:
            model = read_folder(folder)
            card = model.file(str(model.entry["card"])).decode("utf-8")
            return _described(folder) | {"card": card, "training": _training(model)}
    raise KeyError(name)


def verify_models(roots: Sequence[Path] | None = None) -> list[dict[str, Any]]:
    """For every model: name, ``ok``, ``faults`` (cause by file name), ``size`` in bytes and the model's ``sha256``."""
    return [_verified(folder) for folder in _folders(roots)]


def shipped_size() -> int:
    """Bytes of all shipped models together."""
    return sum(_size(folder) for folder in _folders([SHIPPED]))


def add_model(run: Path, name: str) -> ModelFolder:
    """Copy a packed model under a new name into the user's folder, every file verified.

    Raises UsageError for a name that is taken or malformed and for a folder that holds no packed model.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a model's name has small letters, digits, '.', '_' and '-' only, not {name!r}")
    if _named(name) is not None:
        raise UsageError(f"there is a model {name!r} already")
    model = read_folder(_packed(run))
    contents = {file: model.file(file) for file in model.files}
    return _write(user_models() / name, {**model.entry, "name": name}, contents)


def _write(target: Path, entry: Mapping[str, Any], contents: Mapping[str, bytes]) -> ModelFolder:
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for file, content in contents.items():
        (part / file).write_bytes(content)
    write_entry(part, entry)
    part.rename(target)
    return read_folder(target)


def _named(name: str) -> Path | None:
    return next((folder for folder in _folders(None) if folder.name == name), None)


def _packed(path: Path) -> Path:
    for folder in (path, path / "model"):
        if (folder / ENTRY).is_file():
            return folder
    words = "holds no packed model (entry.json)" if path.exists() else "is no model and no folder"
    raise UsageError(f"{str(path)!r} {words}; see 'steatoscope models list'")


def _training(model: ModelFolder) -> dict[str, Any]:
    """The training manifest without its rows: how many different files and subjects, split and figures."""
    manifest = model.training
    subjects = {row["subject"] for row in manifest.get("data", ()) if row.get("subject")}
    parts = {key: manifest.get(key) for key in ("recipe", "seed", "split", "metrics")}
    return parts | {
        "files": len(model.training_sha256),
        "subjects": len(subjects) or manifest.get("subjects"),
    }


def _described(folder: Path) -> dict[str, Any]:
    place = {"path": str(folder), "size": _size(folder), "shipped": folder.parent == SHIPPED}
    try:
        return read_entry(folder) | place
    except WeightsError as fault:
        return {"name": folder.name, "version": "?", "modality": "?", "task": fault.cause, "sha256": None} | place


def _verified(folder: Path) -> dict[str, Any]:
    result = {"name": folder.name, "size": _size(folder), "sha256": None}
    try:
        model = read_folder(folder)
    except WeightsError as fault:
        return result | {"ok": False, "faults": {ENTRY: fault.cause}}
    faults = {name: cause for name in model.files if (cause := _fault(model, name)) is not None}
    return result | {"ok": not faults, "faults": faults, "sha256": model.sha256}


def _fault(model: ModelFolder, name: str) -> str | None:
    try:
        model.file(name)
    except WeightsError as fault:
        return fault.cause
    return None


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _folders(roots: Sequence[Path] | None) -> list[Path]:
    places = [SHIPPED, user_models()] if roots is None else roots
    found = (item for place in places if place.is_dir() for item in place.iterdir() if (item / ENTRY).is_file())
    return sorted((item for item in found if not item.name.startswith(".")), key=lambda item: item.name)
