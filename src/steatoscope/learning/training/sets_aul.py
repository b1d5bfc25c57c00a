"""Annotated Ultrasound Liver images (Xu et al. 2023): outlines of sector, liver and mass; normal, benign, malignant."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Mask
from steatoscope.imaging.io.hashing import sha256_file
from steatoscope.learning.training.sets import Labels, Sample, TrainingSet, filled
from steatoscope.learning.training.sets_audit import audit
from steatoscope.learning.training.twins import FRAME_THRESHOLD, frame_similarity, groups_of, remembered

CLASSES: Final = ("normal", "benign", "malignant")
LICENCE: Final = "CC BY 4.0"
CITATION: Final = (
    "Xu Y, Zheng B, Liu X, et al. Improving artificial intelligence pipeline for liver malignancy diagnosis using "
    "ultrasound images and video frames. Briefings in Bioinformatics 2023, doi:10.1093/bib/bbac569; data: Zenodo "
    "7272660, doi:10.5281/zenodo.7272660"
)
_OUTLINES: Final = ("outline", "liver", "mass")
_CORNERS: Final = 3


def load_aul(folder: Path, *, twins: bool = True, learn: bool = True) -> TrainingSet:
    """Read ``annotations.json`` and ``images/``; polygons are named ``outline`` (scan sector), ``liver`` and ``mass``.

    There are no subject ids: every image is its own subject, and images that look alike are one group (``twins``
    false leaves every image a group of its own). A set that is only scored (``learn`` false) may have classes with one
    group or none. Raises E_ANNOTATION for a missing or unfit annotation, E_LABEL for
    an unknown class, E_PATH, E_FORMAT, E_TRUNCATED for images, E_DUPLICATE, E_SUBJECTS.
    """
    entries = _annotations(folder / "annotations.json")
    samples = [_sample(folder, name, entry) for name, entry in sorted(entries.items())]
    if twins:
        groups = remembered(_hashes(folder, samples), "frames", lambda: _groups(samples))
        samples = [_grouped(sample, group) for sample, group in zip(samples, groups, strict=True)]
    read = TrainingSet("aul", folder, tuple(samples), LICENCE, CITATION, tuple(_warnings(samples)))
    return audit(read, label="finding" if learn else None, classes=CLASSES)


def _annotations(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        raise SteatoscopeError("E_ANNOTATION", path=str(file), cause="annotations.json was not found.")
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise SteatoscopeError("E_ANNOTATION", path=str(file), cause="annotations.json is not JSON.") from fault
    if not isinstance(entries, dict) or not entries:
        raise SteatoscopeError("E_ANNOTATION", path=str(file), cause="annotations.json holds no images.")
    return entries


def _sample(folder: Path, name: str, entry: Any) -> Sample:
    path = folder / "images" / f"{name}.jpg"
    try:
        size = int(entry["height"]), int(entry["width"])
        outlines = {part: _polygon(entry[part]) for part in _OUTLINES if entry.get(part)}
        finding = entry.get("class")
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        cause = f"The entry of '{name}' lacks width, height or a polygon of x, y points."
        raise SteatoscopeError("E_ANNOTATION", path=str(path), cause=cause) from fault
    labels = Labels(finding=str(finding) if finding else None)
    _check_mass(path, labels, outlines, size)
    return Sample(path, name, name, "us", labels, size=size, polygons=outlines)


def _polygon(points: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    polygon = np.asarray(points, dtype=np.float32)
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < _CORNERS or not np.isfinite(polygon).all():
        raise ValueError("not a polygon")
    return polygon


def _check_mass(path: Path, labels: Labels, outlines: Mapping[str, NDArray[np.float32]], size: tuple[int, int]) -> None:
    """A benign or malignant image must show its mass, a normal one none."""
    if labels.finding not in CLASSES:
        return
    if (labels.finding != "normal") != ("mass" in outlines):
        words = "no mass is outlined" if labels.finding != "normal" else "a mass is outlined"
        raise SteatoscopeError("E_ANNOTATION", path=str(path), cause=f"The class is {labels.finding}, but {words}.")
    for name, polygon in outlines.items():
        if not filled(polygon, size).any():
            raise SteatoscopeError("E_ANNOTATION", path=str(path), cause=f"The outline '{name}' lies off the image.")


def _hashes(folder: Path, samples: Sequence[Sample]) -> list[str]:
    """What the groups depend on: the images, and the annotations with the sectors."""
    return [sha256_file(folder / "annotations.json"), *(sample.sha256 for sample in samples)]


def _groups(samples: Sequence[Sample]) -> list[int]:
    images = [sample.image() for sample in samples]
    sectors = [_sector(sample) for sample in samples]
    return groups_of(frame_similarity(images, sectors), FRAME_THRESHOLD)


def _sector(sample: Sample) -> Mask:
    return sample.mask("outline") if "outline" in sample.polygons else np.ones(sample.shape, dtype=np.bool_)


def _grouped(sample: Sample, group: int) -> Sample:
    return replace(sample, group=f"look-alike-{group:03d}")


def _warnings(samples: Sequence[Sample]) -> list[str]:
    names = [sample.subject for sample in samples if "liver" not in sample.polygons]
    return [f"No liver outline: {', '.join(names)}."] if names else []
