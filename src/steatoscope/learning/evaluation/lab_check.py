"""Checks a folder for what a recipe needs before anything is learnt: the readers' audit, told in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_audit import Label
from steatoscope.learning.training.sets_aul import load_aul
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.sets_manifest import load_manifest

MANIFEST: Final = "manifest.csv"
_LABELS: Final[Mapping[str, Label]] = {
    "us-steatosis": "fat_percent",
    "r1-unet-rcnn": "grade",
    "r2-resnet50-grading": "grade",
    "r3-multiview": "grade",
}
_MASKED: Final = ("us-segmenter", "ct-segmenter", "mr-segmenter")
_PLACES: Final = (".", "byra2018", "us/byra2018", "aul", "us/aul")


def check_data(data: Path, recipe: str) -> dict[str, Any]:
    """Images, subjects, labels, views, sites and warnings of a folder, read and audited as ``recipe`` would.

    The folder holds ``manifest.csv``, or is laid out as ``byra2018`` or ``aul``. Raises the readers' named errors,
    E_PATH where it is neither.
    """
    return summary(_read(data, recipe))


def summary(found: TrainingSet) -> dict[str, Any]:
    """A training set in numbers, JSON-ready; labels are counted by subject."""
    first = {sample.subject: sample for sample in reversed(found.samples)}
    return {
        "set": found.name,
        "images": len(found),
        "subjects": len(first),
        "labels": {
            name: _counted(getattr(sample.labels, name) for sample in first.values())
            for name in ("grade", "finding", "scale")
        },
        "fat_percent": _span([sample.labels.fat_percent for sample in first.values()]),
        "views": _counted(sample.view for sample in found.samples),
        "sites": _counted(sample.site for sample in first.values()),
        "modalities": _counted(sample.modality for sample in found.samples),
        "masks": sum(bool(sample.masks or sample.polygons) for sample in found.samples),
        "warnings": list(found.warnings),
    }


def check_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The summary for people."""
    yield f"{found['set']}: {found['images']} images of {found['subjects']} subjects, {found['masks']} with outlines"
    for name in ("modalities", "views", "sites"):
        if found[name]:
            yield f"{name}: " + ", ".join(f"{key} {count}" for key, count in found[name].items())
    for name, counts in found["labels"].items():
        if counts:
            yield f"{name} by subject: " + ", ".join(f"{key} {count}" for key, count in counts.items())
    if found["fat_percent"]:
        yield "fat percent from {:g} to {:g}".format(*found["fat_percent"])
    yield from (f"Warning: {words}" for words in found["warnings"])
    yield "Nothing speaks against learning from this folder."


def _read(data: Path, recipe: str) -> TrainingSet:
    table = data / MANIFEST
    if table.is_file():
        return load_manifest(table, label=_LABELS.get(recipe), masks=recipe in _MASKED)
    for place in _PLACES:
        if (data / place / "labels.csv").is_file():
            return load_byra2018(data / place)
        if (data / place / "annotations.json").is_file():
            return load_aul(data / place)
    cause = "The folder holds no manifest.csv, labels.csv or annotations.json."
    raise SteatoscopeError("E_PATH", path=str(table), cause=cause)


def _counted(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(str(value) for value in values if value is not None).items()))


def _span(values: list[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return [min(known), max(known)] if known else []
