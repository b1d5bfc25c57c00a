"""Views of ultrasound files: what a sender writes, tied to the files of the study."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from steatoscope.imaging.io.safe_names import safe_name, unique_names
from steatoscope.pipeline.submit import Staged, Submission

_VIEW: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,15}$")


def with_view_folders(wanted: Mapping[str, str], made: Submission) -> tuple[dict[str, str], Submission]:
    """Views by the safe name of a file or folder; several files of one view are put into a folder of their own.

    ``{"a.png": "AR"}`` and ``{"AR": "a.png"}`` mean the same. Raises ValueError for a name that is not among the
    files, and for a view that is no short word.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for left, right in wanted.items():
        place, view = _tied(left, right, made)
        places[view].append(place)
    views: dict[str, str] = {}
    moved: dict[str, str] = {}
    for view, names in places.items():
        if len(names) == 1:
            views[names[0]] = view
            continue
        views[f"view-{view}"] = view
        moved.update({name: f"view-{view}/{name.replace('/', '-')}" for name in names})
    return views, _moved(made, moved)


def _tied(left: str, right: str, made: Submission) -> tuple[str, str]:
    for name, view in ((left, right), (right, left)):
        place = _place(name, made)
        if place is not None and _VIEW.match(view):
            return place, view
    if not _VIEW.match(right) and _place(left, made) is not None:
        raise ValueError(f"view {right[:40]!r}: use a short word such as AR or HR")
    raise ValueError(f"view {right[:40]!r}: {left[:80]!r} is not among the files")


def _place(name: str, made: Submission) -> str | None:
    """The safe name of a file or folder that a sender means by a name."""
    if name in made.given:
        return made.given[name]
    wanted = safe_name(name)
    for file in made.files:
        if file.name == wanted or file.name.startswith(f"{wanted}/"):
            return wanted
    return None


def _moved(made: Submission, moved: Mapping[str, str]) -> Submission:
    if not moved:
        return made
    names = unique_names(moved.get(file.name, file.name) for file in made.files)
    files = tuple(Staged(name, file.path) for name, file in zip(names, made.files, strict=True))
    return replace(made, files=files)
