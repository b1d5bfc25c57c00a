"""What must hold of a training set before anything is learnt from it; each fault has a code and names its file."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError, warning
from steatoscope.imaging.io.frames import MIN_SIDE_SLICE, MIN_SIDE_US
from steatoscope.learning.training.sets import Sample, TrainingSet, other_size
from steatoscope.science.clinical.grades import LABELS, grade_for, profile_for_scale

Label = Literal["finding", "grade", "fat_percent"]
_MIN_SUBJECTS = 2
_LISTED = 8
_FAR_GRADES = 2
_TINY = 100
_RAGGED = 0.05


def audit(
    read: TrainingSet,
    *,
    label: Label | None = None,
    classes: Sequence[str] = (),
    views: Sequence[str] = (),
    masks: Sequence[str] = (),
    empty_masks: bool = True,
) -> TrainingSet:
    """The set itself, with warnings, where it can be learnt from.

    ``label`` is what every sample must carry, one of ``classes`` where these are given; ``views`` are those that every
    subject must have; ``masks`` those that every sample must have, holding something unless ``empty_masks``. Raises
    E_EMPTY, E_LABEL, E_LABELSCALE, E_SUBJECTS, E_VIEW, E_PATH, E_FORMAT, E_TRUNCATED, E_DUPLICATE, E_ANNOTATION.
    """
    if not read.samples:
        raise SteatoscopeError("E_EMPTY", path=str(read.folder), cause="The training set holds no samples.")
    if label is not None:
        check_labels(read.samples, label, classes)
    if views:
        check_views(read.samples, views)
    copies = check_images(read.samples)
    for name in masks:
        check_masks(read.samples, name, empty=empty_masks)
    return read.with_warnings([*label_doubts(read.samples), *copies])


def check_labels(samples: Sequence[Sample], label: Label, classes: Sequence[str] = ()) -> None:
    """Every sample labelled, with a known class and on one scale, and at least two groups in every class.

    Raises E_LABEL, E_LABELSCALE, E_SUBJECTS.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        value = getattr(sample.labels, label)
        if value is None:
            raise _fault("E_LABEL", sample, f"The sample has no {label}.", count=_unlabelled(samples, label))
        if classes and value not in classes:
            raise _fault("E_LABEL", sample, f"'{value}' is none of {', '.join(classes)}.")
        groups[str(value)].add(sample.group)
    if label == "fat_percent" or any(sample.labels.fat_percent is not None for sample in samples):
        check_scale(samples)
    if label == "fat_percent":
        return
    for value, members in groups.items():
        if len(members) < _MIN_SUBJECTS:
            raise SteatoscopeError(
                "E_SUBJECTS",
                path=str(samples[0].path.parent),
                cause=f"The class '{value}' has one subject, {min(members)}.",
            )


def check_scale(samples: Sequence[Sample]) -> str:
    """The one scale of all fat percentages; E_LABELSCALE where there are several or it is not named."""
    first: dict[str, Sample] = {}
    for sample in samples:
        if sample.labels.fat_percent is None:
            continue
        if sample.labels.scale is None:
            raise _fault("E_LABELSCALE", sample, "The fat percentage has no label_scale.")
        first.setdefault(sample.labels.scale, sample)
    if len(first) > 1:
        scale, sample = list(first.items())[1]
        raise _fault("E_LABELSCALE", sample, f"The sample is on '{scale}', others on '{next(iter(first))}'.")
    if not first:
        raise _fault("E_LABEL", samples[0], "No sample has a fat percentage.")
    return next(iter(first))


def check_one_label(samples: Sequence[Sample]) -> None:
    """Every subject with one grade and one fat percentage in all images; else E_LABEL."""
    first: dict[str, Sample] = {}
    for sample in samples:
        own = first.setdefault(sample.subject, sample).labels
        if (own.grade, own.fat_percent) != (sample.labels.grade, sample.labels.fat_percent):
            raise _fault("E_LABEL", sample, f"Subject {sample.subject} carries several labels; keep one examination.")


def check_modality(samples: Sequence[Sample], modality: str) -> None:
    """Every sample of ``modality`` (us, ct, mr); else E_MODALITY."""
    for sample in samples:
        if sample.modality != modality:
            raise _fault("E_MODALITY", sample, f"The table says {sample.modality}; the recipe reads {modality}.")


def check_sides(samples: Sequence[Sample]) -> None:
    """Every image with the sides that an analysis asks for, ultrasound 128 pixels, CT and MR 32; else E_SIZE."""
    for sample in samples:
        rows, columns = sample.shape
        least = MIN_SIDE_US if sample.modality == "us" else MIN_SIDE_SLICE
        if min(rows, columns) < least:
            raise _fault("E_SIZE", sample, f"It has {columns} x {rows} pixels; at least {least} a side are needed.")


def check_views(samples: Sequence[Sample], views: Sequence[str]) -> None:
    """Every sample in one of ``views`` and every subject with all of them; else E_VIEW."""
    seen: dict[str, set[str]] = defaultdict(set)
    place: dict[str, Sample] = {}
    for sample in samples:
        if sample.view is None or sample.view not in views:
            words = "no view" if sample.view is None else f"the view '{sample.view}'"
            raise _fault("E_VIEW", sample, f"The sample has {words}; needed: {', '.join(views)}.")
        seen[sample.subject].add(sample.view)
        place.setdefault(sample.subject, sample)
    for subject, own in seen.items():
        lacking = [view for view in views if view not in own]
        if lacking:
            raise _fault("E_VIEW", place[subject], f"Subject {subject} lacks the view {', '.join(lacking)}.")


def check_images(samples: Sequence[Sample]) -> list[str]:
    """Decode every image; a warning for copies inside a group, E_DUPLICATE for copies in two groups.

    Copies have equal pixels, however they are stored; images of one grey level do not count. Raises E_PATH, E_EMPTY,
    E_FORMAT, E_TRUNCATED for an image that cannot be read, E_ANNOTATION for one of another size than annotated.
    """
    first: dict[str, Sample] = {}
    copies: list[str] = []
    for sample in samples:
        pixels = sample.image()
        if sample.size is not None and pixels.shape != sample.size:
            raise other_size(sample.path, sample.size, pixels.shape)
        if pixels.min() == pixels.max():
            continue
        earlier = first.setdefault(_fingerprint(pixels), sample)
        if earlier.group != sample.group:
            raise _fault("E_DUPLICATE", sample, f"It equals {earlier.path.name} of subject {earlier.subject}.")
        if earlier is not sample:
            copies.append("/".join(sample.path.parts[-2:]))
    return [f"{len(copies)} images repeat another of the same subject: {listed(copies)}."] if copies else []


def check_masks(samples: Iterable[Sample], name: str, *, empty: bool = True) -> None:
    """Every sample with a mask of that name and its image's size, not empty unless ``empty``; else E_ANNOTATION."""
    for sample in samples:
        mask = sample.mask(name)
        if not empty and not mask.any():
            raise _fault("E_ANNOTATION", sample, f"The mask '{name}' is empty.", path=sample.masks.get(name))


def mask_doubts(samples: Iterable[Sample], name: str = "liver") -> list[str]:
    """Warnings on masks that look damaged, each with the files' names.

    A 3 x 3 opening or closing changes a drawn organ of at least 100 pixels by under 2 %: over 5 % is called ragged
    (stripes, speckle). Fewer than 100 pixels are called tiny.
    """
    ragged, tiny = [], []
    for sample in samples:
        mask = sample.mask(name).astype(np.uint8)
        area = int(mask.sum())
        if 0 < area < _TINY:
            tiny.append(sample.path.name)
        elif area and _raggedness(mask) > _RAGGED:
            ragged.append(sample.path.name)
    found = (("striped or speckled", ragged), (f"smaller than {_TINY} pixels", tiny))
    return [f"{len(names)} masks are {what}: {listed(names)}." for what, names in found if names]


def label_doubts(samples: Iterable[Sample]) -> list[str]:
    """A warning on subjects whose grade and fat percentage contradict each other, with their names; none raises.

    On the histology scale the limits are the grades' own definition, so any difference counts. Elsewhere a grade may
    come from biopsy or other limits, so only a difference of two grades or more does.
    """
    found: dict[str, str] = {}
    for sample in samples:
        fat, grade, scale = sample.labels.fat_percent, sample.labels.grade, sample.labels.scale
        if fat is None or scale is None or grade not in LABELS:
            continue
        derived, index = grade_for(fat, profile_for_scale(scale))
        least = 1 if scale == "histology" else _FAR_GRADES
        if abs(index - list(LABELS).index(grade)) >= least:
            found.setdefault(sample.subject, f"{sample.subject} ({grade}, but {fat:g} % on {scale} is {derived})")
    return [f"{warning('W_LABEL').message} {listed(list(found.values()))}."] if found else []


def listed(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _raggedness(mask: NDArray[np.uint8]) -> float:
    """The larger share of the area that a 3 x 3 opening removes or a closing adds."""
    kernel = np.ones((3, 3), np.uint8)
    opened, closed = (cv2.morphologyEx(mask, kind, kernel).sum() for kind in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE))
    area = float(mask.sum())
    return max(1 - float(opened) / area, float(closed) / area - 1)


def _fingerprint(pixels: NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{pixels.shape}{pixels.dtype}".encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def _unlabelled(samples: Sequence[Sample], label: Label) -> int:
    return sum(getattr(sample.labels, label) is None for sample in samples)


def _fault(code: str, sample: Sample, cause: str, *, count: int = 1, path: Path | None = None) -> SteatoscopeError:
    more = f" So it is with {count} samples." if count > 1 else ""
    return SteatoscopeError(code, path=str(path or sample.path), cause=cause + more)
