"""Content hashes of input files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from steatoscope.core.image import InputFile


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_group(hashes: Iterable[str]) -> str:
    """One hash for several files: of their sorted hashes, so that names and order do not matter; of one, its own."""
    ordered = sorted(hashes)
    if len(ordered) == 1:
        return ordered[0]
    return hashlib.sha256("\n".join(ordered).encode()).hexdigest()


def input_file(files: Sequence[Path], kind: str, frames: int, view: str | None = None) -> InputFile:
    """The report's entry for a group of files: the file itself, or the folder that the files have in common."""
    parents = {file.parent for file in files}
    path = files[0] if len(files) == 1 or len(parents) > 1 else parents.pop()
    hashes = tuple(map(sha256_file, files))
    return InputFile(str(path), sha256_group(hashes), kind, frames, view, hashes)
