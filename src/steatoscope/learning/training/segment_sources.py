"""Where segmentation networks get their pictures: known data folders (own manifests: :mod:`.segment_own`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.inference.prepare import Kind
from steatoscope.learning.training.segment_batches import CanvasPicture
from steatoscope.learning.training.segment_pictures import ct_picture, mr_picture, us_boxes, us_polygons
from steatoscope.learning.training.sets import Box, Sample, TrainingSet
from steatoscope.learning.training.sets_aul import load_aul
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.sets_chaos_t1 import load_chaos_t1
from steatoscope.learning.training.sets_liver_png import load_msd_liver, turned

BOX_FRAMES = (1, 5, 9)
BOX_SAMPLING = 0.6
EMPTY_SAMPLING, EMPTY_PIXELS = 0.4, 100


def segmentation_set(data: Path, kind: Kind) -> TrainingSet:
    """The training set of a folder for one modality.

    ``data`` is the set's own folder (``annotations.json`` with ``images/``; ``images/`` with ``masks/``; ``Data/``
    with ``Ground/``), or one that holds it as the project's data folder does. Raises the named errors of the readers,
    E_PATH where the folder holds no such set.
    """
    if kind == "us":
        return load_aul(_first(data, (".", "aul", "us/aul"), "annotations.json"))
    if kind == "ct":
        return load_msd_liver(_first(data, (".", "msd_liver_jpg", "ct/msd_liver_jpg"), "images"))
    return load_chaos_t1(_first(data, (".", "train", "chaos_t1_png/train", "mr/chaos_t1_png/train"), "Data"))


def canvas_picture(sample: Sample) -> CanvasPicture | None:
    """A sample on the canvas of its modality; None for ultrasound without a scan sector."""
    name = str(sample.path)
    grey = np.asarray(sample.image(), dtype=np.uint8)
    if sample.modality == "us":
        return us_polygons(name, grey, {key: points.tolist() for key, points in sample.polygons.items()})
    mask = sample.mask("liver")
    if sample.modality == "mr":
        return lighter_where_empty(mr_picture(name, grey, mask))
    stem = sample.path.name
    picture = ct_picture(name, turned(grey, stem), turned(mask, stem))
    return lighter_where_empty(picture)


def box_pictures(data: Path) -> list[CanvasPicture]:
    """Frames 1, 5 and 9 of every ``byra2018`` patient with hand-placed liver and cortex boxes; none without the set."""
    found = []
    for sample in _box_samples(data):
        liver, kidney = (_corner(sample.boxes[organ]) for organ in ("liver", "kidney"))
        picture = us_boxes(str(sample.path), np.asarray(sample.image(), np.uint8), liver, kidney, sampling=BOX_SAMPLING)
        if picture is not None:
            found.append(picture)
    return found


def box_records(data: Path) -> list[dict[str, str]]:
    """Path, sha256 and subject of the frames behind :func:`box_pictures`."""
    return [
        {"path": str(sample.path.relative_to(data)), "sha256": sample.sha256, "subject": f"byra2018 {sample.subject}"}
        for sample in _box_samples(data)
    ]


def _box_samples(data: Path) -> list[Sample]:
    for part in (".", "byra2018", "us/byra2018"):
        if (data / part / "hepatorenal_rois.csv").is_file():
            samples = load_byra2018(data / part).samples
            return [s for s in samples if s.boxes and int(s.path.stem.split("_")[-1]) in BOX_FRAMES]
    return []


def _corner(box: Box) -> tuple[int, int]:
    return int(box[0]), int(box[1])


def _first(data: Path, parts: Sequence[str], mark: str) -> Path:
    if not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    for part in parts:
        if (data / part / mark).exists():
            return data / part
    raise SteatoscopeError("E_PATH", path=str(data / mark), cause=f"The folder holds no {mark}.")


def lighter_where_empty(picture: CanvasPicture) -> CanvasPicture:
    """Slices without liver are drawn less often: they teach little after the first."""
    full = int((picture.masks[0] > 127).sum()) > EMPTY_PIXELS
    return picture if full else replace(picture, sampling=EMPTY_SAMPLING)
