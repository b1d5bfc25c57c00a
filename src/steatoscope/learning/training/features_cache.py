"""A small disk cache for what is computed once of an image: frozen features, groups of look-alikes."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def cache_folder() -> Path:
    """Where caches lie: ``STEATOSCOPE_CACHE``, else ``steatoscope`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    own = os.environ.get("STEATOSCOPE_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steatoscope"


def key_of(parts: Iterable[str]) -> str:
    """One SHA-256 of several words in their order: hashes of inputs and of the model, name and version of a step."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class FeatureCache:
    """Arrays by input: one npz file for the SHA-256 of an input and the hash of the model that read it.

    A folder that cannot be written costs time, not the result; a damaged file is computed again.
    """

    folder: Path
    model: str

    def compute(self, inputs: Sequence[str], features_of: Callable[[list[int]], Sequence[Arrays]]) -> list[Arrays]:
        """The arrays of every input (a SHA-256 each); ``features_of`` gets the indices of those not yet known."""
        known: dict[int, Arrays] = {}
        for index, name in enumerate(inputs):
            found = self.get(name)
            if found is not None:
                known[index] = found
        missing = [index for index in range(len(inputs)) if index not in known]
        if missing:
            for index, arrays in zip(missing, features_of(missing), strict=True):
                self.put(inputs[index], arrays)
                known[index] = arrays
        return [known[index] for index in range(len(inputs))]

    def get(self, name: str) -> Arrays | None:
        """The arrays kept for an input, or None."""
        path = self._path(name)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None

    def put(self, name: str, arrays: Arrays) -> None:
        """Keep the arrays of an input; written beside and moved, so that a reader never meets half a file."""
        path = self._path(name)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as stream:
                    np.savez(stream, **arrays)  # type: ignore[arg-type]
                Path(temporary).replace(path)
            finally:
                Path(temporary).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        key = key_of((name, self.model))
        return self.folder / key[:2] / f"{key}.npz"
