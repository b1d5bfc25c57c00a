"""Which images a model has not seen: those of its training manifest are left out of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.hashing import sha256_file


class Trained(Protocol):
    """Anything that knows the sha256 of the files that it was trained on."""

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the training files."""


def unseen(paths: Sequence[Path], model: Trained) -> tuple[list[Path], int]:
    """The files that the model was not trained on, in their order, and how many were left out.

    Raises SteatoscopeError ``E_EMPTY`` for no files and ``E_LEAK`` where none is left.
    """
    if not paths:
        raise SteatoscopeError("E_EMPTY", cause="There is no image to score in the folder.")
    known = model.training_sha256
    kept = [path for path in paths if sha256_file(path) not in known] if known else list(paths)
    if not kept:
        raise SteatoscopeError("E_LEAK", path=str(paths[0].parent))
    return kept, len(paths) - len(kept)
