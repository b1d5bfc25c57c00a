"""Training sets as typed values: samples with their subject, look-alike group, labels, outlines and masks.

No torch here: evaluation reads the same sets with the base install.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Mask
from steatoscope.imaging.io.decoding import decoding
from steatoscope.imaging.io.hashing import sha256_file
from steatoscope.imaging.io.raster import decode, probe
from steatoscope.imaging.io.sniff import RASTERS, sniff

MASK_THRESHOLD: Final = 127
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of a sample: fat percent with its scale, grade, and finding (normal, benign, malignant)."""

    fat_percent: float | None = None
    scale: str | None = None
    grade: str | None = None
    finding: str | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """One image of a training set.

    ``group`` is what must stay on one side of a split: the subject, or the group of look-alikes where subjects are
    unknown. Polygons are (points, 2) of x, y in pixels; boxes are x0, y0, x1, y1 in pixels, ends exclusive.
    """

    path: Path
    subject: str
    group: str
    modality: Literal["us", "ct", "mr"]
    labels: Labels = field(default_factory=Labels)
    view: str | None = None
    site: str | None = None
    age: float | None = None
    sex: str | None = None
    size: tuple[int, int] | None = None
    polygons: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    boxes: Mapping[str, Box] = field(default_factory=dict)
    masks: Mapping[str, Path] = field(default_factory=dict)
    mask_threshold: int = MASK_THRESHOLD

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the image file, computed once. Raises E_PATH, E_EMPTY."""
        return sha256_file(_existing(self.path))

    def image(self) -> NDArray[Any]:
        """Grey values, (rows, columns): uint8, or uint16 or float32 where the file is deeper.

        Raises E_PATH, E_EMPTY, E_FORMAT, E_TRUNCATED with the file's path.
        """
        return read_grey(self.path)

    def mask(self, name: str = "liver") -> Mask:
        """The named mask, bool (rows, columns), from its polygon or its file.

        Raises E_ANNOTATION where the sample has none of that name, or it differs in size from the image.
        """
        if name in self.polygons:
            return filled(self.polygons[name], self.shape)
        if name not in self.masks:
            raise SteatoscopeError("E_ANNOTATION", path=str(self.path), cause=f"The image has no mask '{name}'.")
        mask = np.asarray(read_grey(self.masks[name]) > self.mask_threshold)
        if mask.shape != self.shape:
            raise other_size(self.masks[name], mask.shape, self.shape)
        return mask

    @cached_property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the image, from the annotation or the file's header."""
        if self.size is not None:
            return self.size
        page = probe(_existing(self.path))[0]
        return page.height, page.width


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Samples read from one folder, with where they come from and what the audit found but could live with."""

    name: str
    folder: Path
    samples: tuple[Sample, ...]
    licence: str
    citation: str
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def subjects(self) -> NDArray[np.str_]:
        """The subject of every sample."""
        return np.array([sample.subject for sample in self.samples], dtype=np.str_)

    @property
    def groups(self) -> NDArray[np.str_]:
        """The group of every sample: what a split must keep together."""
        return np.array([sample.group for sample in self.samples], dtype=np.str_)

    def subset(self, indices: Iterable[int]) -> TrainingSet:
        """The set with the samples of ``indices`` only, in that order."""
        return replace(self, samples=tuple(self.samples[int(index)] for index in indices))

    def with_warnings(self, warnings: Iterable[str]) -> TrainingSet:
        """The set with more warnings after its own."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def without(self, hashes: frozenset[str]) -> TrainingSet:
        """The samples whose files are not among ``hashes``: those that a model has not been trained on."""
        return self.subset(index for index, sample in enumerate(self.samples) if sample.sha256 not in hashes)

    def records(self) -> list[dict[str, str]]:
        """Path within the folder, SHA-256 and subject of every sample, for the manifest of a training run."""
        return [
            {"path": _within(sample.path, self.folder), "sha256": sample.sha256, "subject": sample.subject}
            for sample in self.samples
        ]


def read_grey(path: Path) -> NDArray[Any]:
    """Grey values of a PNG, JPEG or TIFF file, (rows, columns); colour becomes grey.

    Raises E_PATH, E_EMPTY, E_FORMAT or E_TRUNCATED with the path.
    """
    with decoding(path, "an image"):
        if sniff(_existing(path)) not in RASTERS:
            raise SteatoscopeError("E_FORMAT", path=str(path), cause="A training image must be PNG, JPEG or TIFF.")
        return decode(probe(path)[:1])[0].grey


def filled(polygon: NDArray[np.float32], shape: tuple[int, int]) -> Mask:
    """The inside of a polygon (points, 2) of x, y in pixels, bool of ``shape`` (rows, columns)."""
    canvas = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(canvas, [np.rint(polygon).astype(np.int32)], 1)
    return canvas.astype(np.bool_)


def other_size(path: Path, mask: tuple[int, ...], image: tuple[int, ...]) -> SteatoscopeError:
    """The error for a mask of another size than its image; shapes are (rows, columns)."""
    cause = f"The mask has {mask[1]} x {mask[0]} pixels, its image {image[1]} x {image[0]}."
    return SteatoscopeError("E_ANNOTATION", path=str(path), cause=cause)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    if path.stat().st_size == 0:
        raise SteatoscopeError("E_EMPTY", path=str(path))
    return path


def _within(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
