"""A model as a folder of files: ``entry.json`` records the sha256 of every other file, and none is used unverified.

``entry.json`` holds ``name``, ``version``, ``modality``, ``task``, ``licence``, ``card``, ``settings``, ``files``
({name: sha256}) and ``sha256``, the hash of all of that: it names the model in reports. Nothing heavy is imported here,
so that the catalogue answers at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steatoscope.core.errors import SteatoscopeError

if TYPE_CHECKING:
    from steatoscope.core.report import ModelPart

ENTRY, CARD, TRAINING = "entry.json", "card.md", "training.json"
_REQUIRED = ("name", "version", "modality", "task", "card", "files", "sha256")


class WeightsError(SteatoscopeError):
    """A file of a model is missing or not the one that was recorded (``E_WEIGHTS``)."""

    def __init__(self, cause: str, path: Path) -> None:
        super().__init__("E_WEIGHTS", cause=cause, path=str(path))


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """A model whose entry was read and verified; its other files are verified whenever they are read."""

    folder: Path
    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.entry["name"])

    @property
    def version(self) -> str:
        """Version of the weights."""
        return str(self.entry["version"])

    @property
    def sha256(self) -> str:
        """Hash of the entry, and through it of every file and setting."""
        return str(self.entry["sha256"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the weights need to be used: input size, normalisation, thresholds."""
        settings: Mapping[str, Any] = self.entry.get("settings", {})
        return settings

    @property
    def files(self) -> Mapping[str, str]:
        """Recorded sha256 by file name."""
        files: Mapping[str, str] = self.entry["files"]
        return files

    @property
    def training(self) -> dict[str, Any]:
        """The training manifest (recipe, seed, data); empty where the model has none."""
        if TRAINING not in self.files:
            return {}
        document: dict[str, Any] = json.loads(self.file(TRAINING))
        return document

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the files that the model was trained on."""
        return frozenset(row["sha256"] for row in self.training.get("data", ()))

    def file(self, name: str) -> bytes:
        """Content of a recorded file; raises :class:`WeightsError` where it is missing or differs by a byte."""
        path = self.folder / name
        if name not in self.files:
            raise WeightsError(f"{name} is not among the recorded files of {self.name}.", path)
        if not path.is_file():
            raise WeightsError(f"{name} of {self.name} is missing.", path)
        content = path.read_bytes()
        found = sha256_of(content)
        if found != self.files[name]:
            raise WeightsError(f"{name} has sha256 {found}, but {self.files[name]} is recorded.", path)
        return content

    def part(self) -> ModelPart:
        """The model as a report names it."""
        from steatoscope.core.report import ModelPart

        return ModelPart(
            name=self.name, version=self.version, sha256=self.sha256, card=f"{self.name}/{self.entry['card']}"
        )


def read_folder(folder: Path) -> ModelFolder:
    """The model in a folder that holds ``entry.json``; raises :class:`WeightsError` where the entry was changed."""
    path = folder / ENTRY
    entry = read_entry(folder)
    missing = [key for key in _REQUIRED if key not in entry]
    if missing:
        raise WeightsError(f"{ENTRY} lacks {', '.join(missing)}.", path)
    unsafe = [name for name in entry["files"] if Path(name).name != name]
    if unsafe:
        raise WeightsError(f"{ENTRY} names files outside its folder: {', '.join(unsafe)}.", path)
    found = entry_sha256(entry)
    if found != entry["sha256"]:
        raise WeightsError(f"{ENTRY} has the hash {found}, but {entry['sha256']} is recorded.", path)
    return ModelFolder(folder, entry)


def read_entry(folder: Path) -> dict[str, Any]:
    """``entry.json`` of a folder, unverified; raises :class:`WeightsError` where it is not a JSON object."""
    path = folder / ENTRY
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise WeightsError(f"{ENTRY} cannot be read: {fault}.", path) from fault
    if not isinstance(entry, dict):
        raise WeightsError(f"{ENTRY} is not a JSON object.", path)
    return entry


def write_entry(folder: Path, entry: Mapping[str, Any]) -> str:
    """Write ``entry.json`` with its own hash in it; returns that hash."""
    sha256 = entry_sha256(entry)
    text = json.dumps({**entry, "sha256": sha256}, indent=1, ensure_ascii=False)
    (folder / ENTRY).write_text(text + "\n", encoding="utf-8")
    return sha256


def entry_sha256(entry: Mapping[str, Any]) -> str:
    """Hash of an entry as sorted JSON without its own ``sha256``."""
    rest = {key: value for key, value in entry.items() if key != "sha256"}
    return sha256_of(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())


def sha256_of(content: bytes) -> str:
    """SHA-256 as hexadecimal text."""
    return hashlib.sha256(content).hexdigest()
