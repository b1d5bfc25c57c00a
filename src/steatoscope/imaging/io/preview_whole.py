"""Previews of small files that are here whole: judged as they will be when they are sent."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Modality
from steatoscope.imaging.io.archive import unpacked
from steatoscope.imaging.io.judge import is_sidecar, judge_file, too_small
from steatoscope.imaging.io.preview import MOST_BYTES, Preview, Remark, preview_bytes
from steatoscope.imaging.io.safe_names import is_hidden

_MOST_UNPACKED: Final = 64 * 1024**2


def preview_part(path: Path, *, size: int | None, modality: Modality | None, within: Path) -> Preview:
    """Preview a file of ``size`` bytes of which ``path`` holds the start; judged where it holds all of it.

    Zips are unpacked in ``within`` for the time of the call.
    """
    with path.open("rb") as stream:
        found = preview_bytes(stream.read(MOST_BYTES), size=size, modality=modality)
    whole = size == path.stat().st_size and size is not None and size <= MOST_BYTES
    if not whole or found.refused or found.kind == "unknown":
        return found
    try:
        _judge(path, found, modality, within)
    except SteatoscopeError as fault:
        remark = Remark(fault.code, f"{fault.message} {fault.cause}", refused=True)
        return replace(found, remarks=(*found.remarks, remark))
    return found


def _judge(path: Path, found: Preview, modality: Modality | None, within: Path) -> None:
    if found.kind == "zip":
        _judge_zip(path, modality, within)
    elif too_small(judge_file(path, modality), modality):
        raise SteatoscopeError("E_SIZE")


def _judge_zip(path: Path, modality: Modality | None, within: Path) -> None:
    """Raise what an upload of the zip would: a damaged archive, a cut image, or no image in it at all."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(unpacked(path, max_bytes=_MOST_UNPACKED, within=within))
        except SteatoscopeError as fault:
            if fault.code == "E_BOMB":
                return
            raise
        files = [one for one in sorted(folder.rglob("*")) if one.is_file()]
        shown = [one for one in files if not is_hidden(one.relative_to(folder).as_posix()) and not is_sidecar(one)]
        images = [one for one in shown if _is_image(one, modality)]
        if not images:
            raise SteatoscopeError("E_FORMAT", cause="There is no image in the archive.")


def _is_image(path: Path, modality: Modality | None) -> bool:
    try:
        return judge_file(path, modality).kind != "zip"
    except SteatoscopeError as fault:
        if fault.code not in {"E_EMPTY", "E_FORMAT", "E_NOPIXELS"}:
            raise
        return False
