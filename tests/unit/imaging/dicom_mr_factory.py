"""Multi-echo MR, fat-fraction maps and enhanced objects for the reader's tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from dicom_factory import base, mr_slice, put, set_pixels
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

TIMES = (1.2, 3.2, 5.2)
SLICES = 5


def signal() -> np.ndarray:
    """Complex echoes (echo, slice, row, column) whose phase turns through the whole circle."""
    y, x = np.mgrid[:32, :32]
    parts = []
    for e in range(3):
        phase = 2 * np.pi * (0.07 * x + 0.11 * y + 0.3 * e)
        parts.append([(1500 - 100 * e - 10 * z) * np.exp(1j * phase) for z in range(SLICES)])
    return np.array(parts)


def part_slice(echo: int, index: int, part: str, **tags: Any) -> FileDataset:
    """One component of one echo, stored as a scanner would: phase unsigned with Siemens' rescale, parts signed."""
    value = signal()[echo, index]
    ds = mr_slice(index, EchoTime=TIMES[echo], ImageType=["ORIGINAL", "PRIMARY", part], InstanceNumber=None)
    if part == "M":
        set_pixels(ds, np.rint(np.abs(value)).astype(np.uint16), 12)
    elif part == "P":
        stored = np.floor((np.angle(value) + np.pi) / (2 * np.pi) * 4096).clip(0, 4095)
        set_pixels(ds, stored.astype(np.uint16), 12)
        ds.RescaleSlope, ds.RescaleIntercept = 2, -4096
    else:
        set_pixels(ds, np.rint(value.real if part == "R" else value.imag).astype(np.int16))
    return put(ds, tags)


def all_parts(parts: str) -> list[FileDataset]:
    """All slices of all echoes of these components (M, P, R, I)."""
    return [part_slice(e, z, part) for part in parts for e in range(3) for z in range(SLICES)]


def fat(top: float) -> np.ndarray:
    """A fat-fraction map over the whole body: lean core, fatty rim, in units where pure fat is ``top``."""
    y, x = np.mgrid[:32, :32]
    radius = np.hypot(y - 16, x - 16)
    return np.where(radius > 15, 0.0, np.where(radius > 11, 0.92, 0.06)) * top


def map_slice(index: int, stored: np.ndarray, **tags: Any) -> FileDataset:
    """One slice of a vendor's fat-fraction map with these stored values."""
    ds = mr_slice(index, ImageType=["DERIVED", "PRIMARY", "FAT_FRACTION"], SeriesDescription="PDFF")
    set_pixels(ds, np.rint(stored).astype(np.uint16), 12)
    return put(ds, tags)


def enhanced(order: list[tuple[int, int, str]]) -> FileDataset:
    """An Enhanced MR object of 12 bits with one frame for each (echo, slice, component)."""
    frames = []
    for e, z, part in order:
        frames.append(part_slice(e, z, part).pixel_array)
    ds = base("1.2.840.10008.5.1.4.1.1.4.1", "MR", np.array(frames).astype(np.uint16))
    ds.MagneticFieldStrength, ds.ImageType = 1.5, ["ORIGINAL", "PRIMARY", "VOLUME", "MIXED"]
    shared = Dataset()
    measures, plane = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.7], 4.0
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
    ds.BitsStored, ds.HighBit = 12, 11
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([frame_groups(*key) for key in order])
    return ds


def frame_groups(echo: int, index: int, part: str) -> Dataset:
    """The functional groups of one frame."""
    item, place, time, kind, scale = (Dataset() for _ in range(5))
    place.ImagePositionPatient = [-10, -20, 4.0 * index]
    time.EffectiveEchoTime = TIMES[echo]
    kind.ComplexImageComponent = {"M": "MAGNITUDE", "P": "PHASE"}[part]
    kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    scale.RescaleSlope, scale.RescaleIntercept = (2, -4096) if part == "P" else (1, 0)
    scale.RescaleType = "US"
    item.PlanePositionSequence, item.MREchoSequence = Sequence([place]), Sequence([time])
    item.MRImageFrameTypeSequence, item.PixelValueTransformationSequence = Sequence([kind]), Sequence([scale])
    return item
