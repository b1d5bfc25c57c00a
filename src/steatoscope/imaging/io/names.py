"""What file names tell: natural order, and words that mark masks rather than images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_MASK_WORDS: Final = {
    *("mask", "masks", "roi", "rois", "seg", "segs", "segmentation", "segmentations", "label", "labels"),
    *("ground", "gt", "truth", "overlay", "annotation", "annotations"),
}
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LISTED: Final = 200


def natural_key(path: Path | str) -> tuple[tuple[int, int, str], ...]:
    """A sort key under which ``frame_2`` comes before ``frame_10``."""
    parts = re.split(r"(\d+)", str(path))
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part.casefold()) for part in parts)


def words(name: str) -> list[str]:
    """The lower-case words of a name such as ``LiverROI_2`` -> liver, roi, 2."""
    return [word.lower() for word in _WORD.findall(name)]


def names_a_mask(relative: Path | str) -> bool:
    """Whether a path, relative to what the caller gave, is named like a mask or a region of interest."""
    parts = [*Path(relative).parts[:-1], stem(Path(relative))]
    return any(word in _MASK_WORDS for part in parts for word in words(part))


def stem(path: Path) -> str:
    """The file name without its extension, ``.nii.gz`` counting as one."""
    name = path.name
    for ending in (".nii.gz", ".nii"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def summary(names: Iterable[str], images: int = 0) -> tuple[list[str], str]:
    """Names in natural order (at most 200), and a phrase that counts them: ``images`` of them are images.

    The phrase holds no names, which may tell who the patient is.
    """
    ordered = sorted(names, key=natural_key)
    counts = ((images, "not measured"), (len(ordered) - images, "no images of the study"))
    words = [f"{count} {'file' if count == 1 else 'files'}: {what}" for count, what in counts if count > 0]
    return ordered[:_LISTED], "; ".join(words) + "."
