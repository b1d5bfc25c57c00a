"""Views of ultrasound files: what a sender writes, tied to the files of the study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from steatoscope.imaging.io.safe_names import safe_name
from steatoscope.pipeline.submit import Submission

_VIEW: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,15}$")


def views_of_files(wanted: Mapping[str, str], made: Submission) -> dict[str, str]:
    """The view of each file by its safe name, from views of files or folders.

    ``{"a.png": "AR"}`` and ``{"AR": "a.png"}`` mean the same. Raises ValueError for a name that is not among the
    files, for a view that is no short word, and for a file with two views.
    """
    views: dict[str, str] = {}
    for left, right in wanted.items():
        files, view = _tied(left, right, made)
        for name in files:
            if views.setdefault(name, view) != view:
                raise ValueError(f"view {view!r}: {name[:80]!r} has another view already")
    return views


def _tied(left: str, right: str, made: Submission) -> tuple[list[str], str]:
    for name, view in ((left, right), (right, left)):
        files = _files(name, made)
        if files and _VIEW.match(view):
            return files, view
    if _files(left, made):
        raise ValueError(f"view {right[:40]!r}: use a short word such as AR or HR")
    raise ValueError(f"view {right[:40]!r}: {left[:80]!r} is not among the files")


def _files(name: str, made: Submission) -> list[str]:
    """The safe names of the file, or of the files of the folder, that a sender means by a name."""
    if name in made.given:
        return [made.given[name]]
    wanted = safe_name(name)
    inside = {safe for given, safe in made.given.items() if safe_name(given).startswith(f"{wanted}/")}
    return [file.name for file in made.files if file.name in inside or file.name == wanted]
