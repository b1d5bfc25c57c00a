"""Checks of ``--out`` before any work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from steatoscope.core.errors import UsageError


def check_foreign(out: Path, own: Sequence[str]) -> None:
    """Raise UsageError where the folder ``out`` holds files other than those named ``own``, which are written anew."""
    if out.is_dir() and any(path.name not in own for path in out.iterdir()):
        raise UsageError(f"--out {out} holds other files: name another folder")


def check_out(out: Path, inputs: Sequence[Path] = (), *, folder: bool = True) -> None:
    """Raise UsageError where ``out`` cannot be written, is a file, or is one of the inputs themselves."""
    if folder and out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is not a folder")
    if any(path.exists() and out.exists() and path.samefile(out) for path in inputs):
        raise UsageError(f"--out {out} is the input itself: results would mix with the scans")
    nearest = next((path for path in (out, *out.absolute().parents) if path.exists()), Path("/"))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(f"--out {out} cannot be written")
