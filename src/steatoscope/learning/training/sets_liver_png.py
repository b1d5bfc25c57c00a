"""Pairs of PNG or JPEG slices and liver masks: CT slices of the Decathlon liver set, T1 slices of CHAOS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.names import natural_key
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_audit import audit

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
    read = TrainingSet(name, images.parent, tuple(samples), licence, citation)
    return audit(read, masks=("liver",))


def _rasters(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise SteatoscopeError("E_PATH", path=str(folder), cause="The folder of the training set was not found.")
    files: Sequence[Path] = [path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS]
    if not files:
        raise SteatoscopeError("E_EMPTY", path=str(folder), cause="The folder holds no PNG, JPEG or TIFF.")
    return sorted(files, key=natural_key)
