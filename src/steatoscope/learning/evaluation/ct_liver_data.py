"""CT with liver masks as folders: 8-bit slices beside masks, or CHAOS volumes (DICOM beside one PNG a slice).

The slices of ``images/`` carry the number of their volume in their name. Those whose name begins with ``flipped`` or
``mirrored`` are stored on their side (spine to the left or right) and are turned to the usual display: front up, the
patient's right on the left. Their grey is taken as HU clipped to 0-255 (inferred: fat is 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan, Mask, Volume
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.names import natural_key
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.learning.inference.prepare import hu_of_clipped
from steatoscope.learning.training.sets import MASK_THRESHOLD, Sample, other_size, read_grey
from steatoscope.learning.training.sets_liver_png import read_pairs, turned, volume_of

_LIVER_HU: Final = (-100.0, 300.0)
_FEW: Final = 0.05


@dataclass(frozen=True, slots=True)
class VolumeFiles:
    """One CHAOS volume: its DICOM files and its mask files, both in natural order of their names."""

    subject: str
    slices: tuple[Path, ...]
    masks: tuple[Path, ...]


def find_slices(data: Path) -> list[Sample]:
    """Pairs of ``images/`` and ``masks/``; empty where there is no ``images/``."""
    if not (data / "images").is_dir():
        return []
    return read_pairs(data / "images", data / "masks", volume_of, modality="ct")


def find_volumes(data: Path) -> list[VolumeFiles]:
    """All folders in or below ``data`` that hold ``DICOM_anon/`` and ``Ground/``, in natural order."""
    found = sorted(data.rglob("DICOM_anon"), key=natural_key)
    return [_volume_files(data, path.parent) for path in found if path.is_dir() and (path.parent / "Ground").is_dir()]


def read_slice(sample: Sample) -> tuple[NDArray[np.float32], Mask]:
    """A slice and its mask (rows, columns) in the usual display; fat and air put back where grey was clipped."""
    name = sample.path.name
    return hu_of_clipped(turned(sample.image(), name)), turned(sample.mask(), name)


def lies_elsewhere(volume: Volume, mask: Mask) -> bool:
    """Whether more than a twentieth of a reference mask holds HU that no liver has: below -100 or above 300.

    Seen where masks are in another orientation or slice order than the images.
    """
    hu = volume.data[mask]
    low, high = _LIVER_HU
    return bool(hu.size and np.mean((hu < low) | (hu > high)) > _FEW)


def read_volume(files: VolumeFiles) -> tuple[Volume, Mask]:
    """A volume in HU and its mask in the same grid, whatever the order in which the reader sorts slices.

    The n-th mask belongs to the n-th DICOM file by name. Raises E_ANNOTATION where a mask does not fit.
    """
    study = load_study([files.slices[0].parent], ReadOptions(modality="CT"))
    assert isinstance(study.scan, CTScan)
    volume = study.scan.volume
    by_name = {path.name: mask for path, mask in zip(files.slices, files.masks, strict=True)}
    return volume, np.stack([_mask(by_name[name], volume.data.shape[1:]) for name in study.source["slice_files"]])


def _mask(path: Path, shape: tuple[int, ...]) -> Mask:
    grey = read_grey(path)
    if grey.shape != shape:
        raise other_size(path, grey.shape, (shape[0], shape[1]))
    return np.asarray(grey > MASK_THRESHOLD)


def _volume_files(data: Path, folder: Path) -> VolumeFiles:
    slices, masks = _files(folder / "DICOM_anon"), _files(folder / "Ground")
    if not slices or len(slices) != len(masks):
        cause = f"There are {len(slices)} DICOM files and {len(masks)} masks."
        raise SteatoscopeError("E_ANNOTATION", path=str(folder), cause=cause)
    name = folder.relative_to(data).as_posix() if folder != data else folder.name
    return VolumeFiles(name, tuple(slices), tuple(masks))


def _files(folder: Path) -> list[Path]:
    inside = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(inside, key=lambda path: natural_key(path.name))
