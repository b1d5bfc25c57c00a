"""Pairs of PNG or JPEG slices and liver masks: CT slices of the Decathlon liver set, T1 slices of CHAOS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.names import natural_key
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_audit import audit, listed, mask_doubts

_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
MSD_CITATION: Final = (
    "Antonelli M, Reinke A, Bakas S, et al. The Medical Segmentation Decathlon. Nature Communications 2022, "
    "doi:10.1038/s41467-022-30695-9 (liver task; windowed 8-bit slices)"
)
CHAOS_CITATION: Final = (
    "Kavur AE, Gezer NS, Baris M, et al. CHAOS Challenge: combined (CT-MR) healthy abdominal organ segmentation. "
    "Medical Image Analysis 2021, doi:10.1016/j.media.2020.101950 (T1 in-phase slices, augmented)"
)
LICENCE: Final = "CC BY-SA 4.0"
TURNS: Final = {"flipped": 1, "mirrored": -1}
"""Quarter turns against the clock from the stored slice to the usual display, by the name's beginning."""


def load_pairs(
    images: Path,
    masks: Path,
    subject_of: Callable[[Path], str],
    *,
    modality: Literal["us", "ct", "mr"],
    name: str = "pairs",
    licence: str = "",
    citation: str = "",
) -> TrainingSet:
    """Images and masks of the same stem, ``subject_of`` telling whose image a path is; masks are what is above 127.

    Raises E_PATH, E_EMPTY, E_ANNOTATION for an image without a mask, a mask without an image, or of another size,
    E_FORMAT and E_TRUNCATED for what cannot be read, E_DUPLICATE.
    """
    samples = read_pairs(images, masks, subject_of, modality=modality)
    read = TrainingSet(name, images.parent, tuple(samples), licence, citation)
    return audit(read, masks=("liver",))


def read_pairs(
    images: Path, masks: Path, subject_of: Callable[[Path], str], *, modality: Literal["us", "ct", "mr"]
) -> list[Sample]:
    """The samples of :func:`load_pairs` in natural order of names, before any audit."""
    drawn = {path.stem: path for path in _rasters(masks)}
    samples = []
    for path in _rasters(images):
        if path.stem not in drawn:
            raise SteatoscopeError("E_ANNOTATION", path=str(path), cause="The image has no mask of the same name.")
        subject = subject_of(path)
        samples.append(Sample(path, subject, subject, modality, masks={"liver": drawn.pop(path.stem)}))
    if drawn:
        path = next(iter(drawn.values()))
        raise SteatoscopeError("E_ANNOTATION", path=str(path), cause="The mask has no image of the same name.")
    return samples


def load_msd_liver(folder: Path) -> TrainingSet:
    """Windowed CT slices in ``images/`` with masks of the same name in ``masks/``; the volume's number is the subject.

    Names are ``flipped|mirrored_VOLUME_SLICE``. Slices that are there in both orientations and masks that look damaged
    are warnings. Raises as :func:`load_pairs`, and E_ANNOTATION for a name without a volume.
    """
    read = load_pairs(
        folder / "images",
        folder / "masks",
        volume_of,
        modality="ct",
        name="msd_liver_jpg",
        licence=LICENCE,
        citation=MSD_CITATION,
    )
    return read.with_warnings([*_both_ways(read.samples), *mask_doubts(read.samples)])


def volume_of(path: Path) -> str:
    """The volume's number in a slice's name, the last number but one, or the only one."""
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise SteatoscopeError("E_ANNOTATION", path=str(path), cause="The name holds no volume number.")
    return str(numbers[-2] if len(numbers) > 1 else numbers[0])


def turned(image: NDArray[Any], name: str) -> NDArray[Any]:
    """A slice of the set (rows, columns) in radiological orientation: its file name says how it lies.

    ``flipped_*`` have the spine at the left and the liver on top, ``mirrored_*`` the opposite; both are turned, not
    mirrored, so that right and left stay true. Other names are left as they are.
    """
    return np.ascontiguousarray(np.rot90(image, TURNS.get(name.casefold().split("_", maxsplit=1)[0], 0)))


def _both_ways(samples: Sequence[Sample]) -> list[str]:
    counts = Counter(sample.path.stem.partition("_")[2] for sample in samples)
    twice = [name for name, count in counts.items() if count > 1]
    return [f"{len(twice)} slices are there in two orientations: {listed(twice)}."] if twice else []


def _rasters(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SteatoscopeError("E_PATH", path=str(folder), cause="The folder of the training set was not found.")
    files: Sequence[Path] = [path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS]
    if not files:
        raise SteatoscopeError("E_EMPTY", path=str(folder), cause="The folder holds no PNG, JPEG or TIFF.")
    return sorted(files, key=natural_key)
