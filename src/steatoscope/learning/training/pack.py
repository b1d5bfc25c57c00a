"""Packs a trained model: its files, ``card.md``, ``training.json`` and the ``entry.json`` that seals them.

``training.json`` says what the model has seen: ``recipe``, ``seed`` and ``data``, one row of ``path``, ``sha256`` and
``subject`` per file, and where they are known ``split`` (a sentence) and ``metrics`` ({name: value or {value, ci95}}).
Its hashes keep a model from being scored on its own training images.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steatoscope.learning.model_folder import CARD, ENTRY, TRAINING, ModelFolder, read_folder, sha256_of, write_entry

LICENCE = "Apache-2.0"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RESERVED = {ENTRY, CARD, TRAINING}


def write_model(
    folder: Path,
    *,
    name: str,
    version: str,
    modality: str,
    task: str,
    files: Mapping[str, Path],
    settings: Mapping[str, Any],
    card: str,
    training: Mapping[str, Any],
    licence: str = LICENCE,
) -> ModelFolder:
    """Write a model's folder and read it back verified.

    ``files`` names each file in the folder and where its content lies now (which may be in the folder already);
    ``settings`` is what inference needs. Raises ValueError for reserved or nested file names and for a training
    manifest that could not show a leak.
    """
    _check_files(files)
    _check_training(training)
    folder.mkdir(parents=True, exist_ok=True)
    for target, source in files.items():
        if source.resolve() != (folder / target).resolve():
            shutil.copyfile(source, folder / target)
    (folder / CARD).write_text(card, encoding="utf-8")
    (folder / TRAINING).write_text(json.dumps(training, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    recorded = {target: sha256_of((folder / target).read_bytes()) for target in sorted([*files, CARD, TRAINING])}
    entry = {
        "name": name,
        "version": version,
        "modality": modality,
        "task": task,
        "licence": licence,
        "card": CARD,
        "settings": dict(settings),
        "files": recorded,
    }
    write_entry(folder, entry)
    return read_folder(folder)


def _check_files(files: Mapping[str, Path]) -> None:
    bad = [name for name in files if Path(name).name != name or name in _RESERVED]
    if bad or not files:
        raise ValueError(f"a model's files are plain names beside {', '.join(sorted(_RESERVED))}, not {bad}")


def _check_training(training: Mapping[str, Any]) -> None:
    missing = [key for key in ("recipe", "seed", "data") if key not in training]
    if missing:
        raise ValueError(f"the training manifest lacks {', '.join(missing)}")
    bad = [row for row in training["data"] if not _SHA256.fullmatch(str(row.get("sha256", "")))]
    if bad:
        raise ValueError(f"{len(bad)} rows of the training manifest have no sha256, the first is {bad[0]}")
