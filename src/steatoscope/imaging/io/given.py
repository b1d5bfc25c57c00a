"""Whether what the caller gave is one study: no given path is dropped, no tree of subjects is read as one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Study
from steatoscope.imaging.io.gather import Found
from steatoscope.imaging.io.names import names_a_mask
from steatoscope.imaging.io.options import ReadOptions

_APART: Final = "The given paths are not one study."
_REMEDY: Final = "Give the paths of one study only, or a folder that holds it."


def check_given(paths: Sequence[Path], images: Sequence[Found], chosen: Sequence[Found]) -> None:
    """Raise E_MIXED where no file of a given path is of the kind that will be read."""
    used = {one.given for one in chosen}
    dropped = next((one for one in images if one.given not in used), None)
    if dropped is not None:
        cause = f"A path of kind {dropped.kind.upper()} cannot be read together with {chosen[0].kind.upper()}."
        raise _apart("E_MIXED", str(paths[dropped.given]), cause)


def check_one_subject(chosen: Sequence[Found]) -> None:
    """Raise E_MIXED where frames lie in several sub-folders but none in the folder that holds them all."""
    inside = [one for one in chosen if not one.named]
    images = [one for one in inside if not names_a_mask(one.relative)] or inside
    folders = {str(one.path.parent) for one in images}
    if len(folders) < 2 or (top := os.path.commonpath(folders)) in folders:
        return
    raise SteatoscopeError(
        "E_MIXED",
        path=top,
        message="The path holds several studies.",
        cause=f"It has {len(folders)} sub-folders with images and no image of its own.",
        remedy="Give one patient's folder, name views with --view, or measure many patients with the command batch.",
    )


def check_used(study: Study, chosen: Sequence[Found], options: ReadOptions) -> None:
    """Raise where the reader left out all files of a given path: E_MODALITY for DICOM, else E_MIXED.

    A DICOM file of another series stays a note, as the choice among series is reported, and so does all that
    ``options`` selects.
    """
    reasons = _reasons(study)
    used = {one.given for one in chosen if str(one.path) not in reasons}
    for one in chosen:
        if one.given in used:
            continue
        path, reason = str(one.path), reasons[str(one.path)]
        if reason is None:
            raise _apart("E_MIXED", path, "It does not fit the other given paths, or is not of their acquisition.")
        if reason.startswith("modality") and options.modality is None and options.series is None:
            raise _apart("E_MODALITY", path, f"It has {reason}, the other given paths another one.")


def _reasons(study: Study) -> dict[str, str | None]:
    """Paths that the reader left out, with DICOM's reason."""
    pairs = (
        (entry["path"], entry.get("reason", "")) if isinstance(entry, Mapping) else (entry, None)
        for entry in study.source.get("ignored", ())
    )
    return {str(path): reason for path, reason in pairs}


def _apart(code: str, path: str, cause: str) -> SteatoscopeError:
    return SteatoscopeError(code, path=path, message=_APART, cause=cause, remedy=_REMEDY)
