"""How the benchmarks of a page are called: each has a heading and an anchor of its own, however often a recipe ran."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from steatoscope.learning.evaluation.lab_run import BENCHMARK


def told_apart(found: Sequence[tuple[str, Path]]) -> list[tuple[str, str]]:
    """Label and anchor of each name and file, in order; a name that several files have is told apart by its folder.

    Anchors are those that GitHub gives to the labels as headings, so that links hold in HTML and Markdown alike.
    """
    labels, anchors = [], []
    for name, path in found:
        alike = [_place(other) for same, other in found if same == name]
        labels.append(name if len(alike) == 1 else f"{name} ({_within(_place(path), alike)})")
    for label in labels:
        slug = re.sub(r"[^\w\- ]", "", label.casefold()).replace(" ", "-") or "benchmark"
        taken = [slug, *(f"{slug}-{number}" for number in range(1, len(labels)))]
        anchors.append(next(one for one in taken if one not in anchors))
    return list(zip(labels, anchors, strict=True))


def _place(path: Path) -> Path:
    whole = path.resolve()
    return whole.parent if whole.name == BENCHMARK else whole


def _within(place: Path, alike: Sequence[Path]) -> str:
    """A place as seen from the folder that holds all of them."""
    top = Path(os.path.commonpath(alike))
    return place.relative_to(top.parent if top in alike else top).as_posix()
