"""A user's own pictures with liver masks, from a manifest, for the segmentation networks; split by subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Mask
from steatoscope.learning.inference.prepare import Kind
from steatoscope.learning.training.grading_data import MANIFEST
from steatoscope.learning.training.segment_batches import CanvasPicture
from steatoscope.learning.training.segment_pictures import ct_picture, mr_picture, us_outlined, us_prepared
from steatoscope.learning.training.segment_sources import lighter_where_empty
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_audit import check_modality, listed, mask_doubts
from steatoscope.learning.training.sets_manifest import load_manifest
from steatoscope.learning.training.splits import Split, check_no_leak, k_fold

OWN_CLASSES: Final = ("liver",)
OWN_LICENCE: Final = "the licence of your own images"
_FOLDS: Final = 5
_DEEPEST: Final = 255


def own_set(data: Path, kind: Kind) -> TrainingSet:
    """The pictures of ``data/manifest.csv`` with their liver masks, audited for a segmenter of one modality.

    Columns are ``path``, ``subject``, ``modality`` (us where it is empty) and ``mask_path``; a mask is all that is not
    zero (JPEG: above 127) and may be empty. CT slices are 8-bit: HU clipped to 0-255. Ultrasound frames without a scan
    sector are left out, with a warning. Raises the codes of :func:`~.sets_manifest.load_manifest`, E_MODALITY, E_SIZE,
    E_FORMAT for CT or ultrasound deeper than 8 bits, E_SUBJECTS where fewer than two subjects show a liver.
    """
    found = load_manifest(data / MANIFEST, masks=True, empty_masks=True)
    check_modality(found.samples, kind)
    if kind != "mr":
        _check_depth(found.samples)
    if kind == "us":
        found = _with_sector(found)
    own_split(found, 0)
    return replace(found, licence=OWN_LICENCE).with_warnings(mask_doubts(found.samples))


def own_split(found: TrainingSet, seed: int) -> Split:
    """One subject in five that shows a liver is held out, at least one; all others are learnt from.

    Raises E_SUBJECTS where fewer than two subjects show a liver, E_LEAK.
    """
    shown = {sample.subject for sample in found.samples if sample.mask().any()}
    rows = np.flatnonzero(np.isin(found.subjects, sorted(shown)))
    if len(shown) < 2:
        cause = f"{len(shown)} subjects have a mask that is not empty; two are needed, one of them to test on."
        raise SteatoscopeError("E_SUBJECTS", path=str(found.folder / MANIFEST), cause=cause)
    test = rows[k_fold(found.subset(rows), min(_FOLDS, len(shown)), seed=seed)[0].test]
    learn = np.setdiff1d(np.arange(len(found)), test)
    check_no_leak(found.subset(learn).samples, found.subset(test).samples)
    return Split(learn, test)


def own_picture(sample: Sample) -> CanvasPicture | None:
    """A sample with its liver mask on the canvas of its modality; None for ultrasound without a scan sector."""
    name, image, liver = str(sample.path), sample.image(), sample.mask()
    picture = _drawn(name, image, liver, sample.modality)
    return None if picture is None else lighter_where_empty(picture)


def _drawn(name: str, image: NDArray[Any], liver: Mask, kind: Kind) -> CanvasPicture | None:
    if kind == "us":
        return us_outlined(name, image, liver)
    return ct_picture(name, image, liver) if kind == "ct" else mr_picture(name, image, liver)


def _check_depth(samples: Sequence[Sample]) -> None:
    for sample in samples:
        if (image := sample.image()).dtype != np.uint8:
            cause = f"Its values reach {image.max()}; CT and ultrasound pictures have 8 bits, 0 to {_DEEPEST}."
            raise SteatoscopeError("E_FORMAT", path=str(sample.path), cause=cause)


def _with_sector(found: TrainingSet) -> TrainingSet:
    kept = [number for number, sample in enumerate(found.samples) if us_prepared(sample.image()) is not None]
    lacking = [sample.path.name for number, sample in enumerate(found.samples) if number not in set(kept)]
    if not kept:
        raise SteatoscopeError("E_EMPTY", path=str(found.folder), cause="No frame shows a scan sector.")
    if not lacking:
        return found
    return found.subset(kept).with_warnings(
        [f"{len(lacking)} frames show no scan sector and are left out: {listed(lacking)}."]
    )
