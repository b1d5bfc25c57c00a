"""Checks a folder for what a recipe needs before anything is learnt: the readers' audit, told in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.inference.prepare import Kind
from steatoscope.learning.training.grading_data import MANIFEST, GradingSet, read_grading
from steatoscope.learning.training.grading_folds import R2_FOLDS, R3_FOLDS, Fold, GradingPlan, r2_folds, r3_folds
from steatoscope.learning.training.hmrs_study import real_folder, real_study
from steatoscope.learning.training.r5_sources import check_folder
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_aul import load_aul
from steatoscope.learning.training.sets_byra2018 import load_byra2018

Reader = Callable[[Path, str], TrainingSet]
_SEGMENTERS: Final[Mapping[str, Kind]] = {"us-segmenter": "us", "ct-segmenter": "ct", "mr-segmenter": "mr"}
_PLACES: Final = (".", "byra2018", "us/byra2018", "aul", "us/aul")
_ALL_FRAMES: Final = 10_000


def check_data(data: Path, recipe: str, plan: str = "full") -> dict[str, Any]:
    """Images, subjects, labels, views, sites and warnings of a folder, read, audited and split as ``recipe`` would.

    The recipe's own reader judges: sets of R1 to R4 are ``manifest.csv`` or laid out as ``byra2018``, those of
    the segmenters ``manifest.csv`` with masks or the project's layouts, the others' have these layouts. Raises the
    readers' named errors, E_SUBJECTS where the folds of ``plan`` need more, E_PATH where the folder holds no such set,
    UsageError for a manifest that the recipe cannot read.
    """
    return summary(_read(data, recipe, plan))


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


def _read(data: Path, recipe: str, plan: str) -> TrainingSet:
    if recipe in _READERS:
        return _READERS[recipe](data, plan)
    if recipe == "r5-ct-anomaly":
        check_folder(data)
    elif recipe not in _SEGMENTERS and (data / MANIFEST).is_file():
        raise UsageError(f"{recipe} reads folders in the layouts of the project's data, no {MANIFEST}")
    if recipe in _SEGMENTERS:
        return _segmented(data, recipe)
    return _known_layout(data)


def _graded(folds: Callable[[GradingSet, GradingPlan, int], list[Fold]], count: int) -> Reader:
    def read(data: Path, plan: str) -> TrainingSet:
        found = read_grading(data)
        folds(found, GradingPlan(plan, epochs=1, variants=1, folds=count, run_folds=count), 0)
        return found.source

    return read


def _r1(data: Path, plan: str) -> TrainingSet:
    from steatoscope.learning.evaluation.r1_data import PLANS, read_study

    return read_study(data, PLANS[plan], 0).source


def _r4(data: Path, _plan: str) -> TrainingSet:
    """The plans on real patients read the folder, whatever plan is named: the others simulate."""
    return cast("TrainingSet", real_study(real_folder(data), _ALL_FRAMES).source)


def _segmented(data: Path, recipe: str) -> TrainingSet:
    from steatoscope.learning.training.segment_own import own_set
    from steatoscope.learning.training.segment_sources import segmentation_set

    kind = _SEGMENTERS[recipe]
    return own_set(data, kind) if (data / MANIFEST).is_file() else segmentation_set(data, kind)


def _known_layout(data: Path) -> TrainingSet:
    for place in _PLACES:
        if (data / place / "labels.csv").is_file():
            return load_byra2018(data / place)
        if (data / place / "annotations.json").is_file():
            return load_aul(data / place)
    cause = "The folder holds no labels.csv or annotations.json."
    raise SteatoscopeError("E_PATH", path=str(data), cause=cause)


_READERS: Final[Mapping[str, Reader]] = {
    "r1-unet-rcnn": _r1,
    "r2-resnet50-grading": _graded(r2_folds, R2_FOLDS),
    "r3-multiview": _graded(r3_folds, R3_FOLDS),
    "r4-hmrs-regression": _r4,
}


def _counted(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(str(value) for value in values if value is not None).items()))


def _span(values: list[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return [min(known), max(known)] if known else []
