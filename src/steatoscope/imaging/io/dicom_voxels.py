"""Decoded voxels of a stack of planes, as float32, and the hash of the files they come from."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Floats
from steatoscope.imaging.io.dicom_file import DicomFile, read_bytes
from steatoscope.imaging.io.dicom_pixels import Array, frames
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.options import ReadOptions

Convert = Callable[[Array, Plane], Array]
MIN_SIDE = 32
MIN_BITS = 12


def check_planes(planes: Sequence[Plane], options: ReadOptions) -> None:
    """Refuse what cannot be measured before it is decoded.

    Raises ``E_SIZE`` below 32 pixels a side, ``E_DEPTH`` for colour or fewer than 12 stored bits, ``E_BOMB``.
    """
    lead = planes[0]
    path, shape = str(lead.file.path), lead.layout
    if any(p.file.truncated and p.file.pixels is None for p in planes):
        raise SteatoscopeError("E_TRUNCATED", path=path)
    if min(shape.rows, shape.columns) < MIN_SIDE:
        raise SteatoscopeError("E_SIZE", path=path)
    shallow = any(p.layout.bits_stored < MIN_BITS or p.layout.samples > 1 for p in planes)
    if shallow and not options.allow_eight_bit:
        raise SteatoscopeError("E_DEPTH", path=path)
    if sum(p.layout.frame_bytes for p in planes) > options.max_bytes:
        raise SteatoscopeError("E_BOMB", path=path)


def voxels(planes: Sequence[Plane], convert: Convert, options: ReadOptions) -> Floats:
    """Planes converted to physical values, shape (planes, rows, columns).

    Raises ``E_NAN`` where a value is not finite, and the codes of decoding.
    """
    check_planes(planes, options)
    shape = planes[0].layout
    result = np.empty((len(planes), shape.rows, shape.columns), dtype=np.float32)
    for file, wanted in _by_file(planes).items():
        for index, frame in enumerate(frames(file, planes[wanted[0][1]].layout, options.max_bytes)):
            for frame_number, slot in wanted:
                if frame_number == index:
                    result[slot] = _finite(_grey(frame), planes[slot], convert)
    return result


def _by_file(planes: Sequence[Plane]) -> dict[DicomFile, list[tuple[int, int]]]:
    wanted: dict[DicomFile, list[tuple[int, int]]] = defaultdict(list)
    for slot, plane in enumerate(planes):
        wanted[plane.file].append((plane.frame, slot))
    return wanted


def _grey(frame: Array) -> Array:
    return frame if frame.ndim == 2 else frame[..., :3].mean(axis=-1)


def _finite(frame: Array, plane: Plane, convert: Convert) -> Array:
    if frame.dtype.kind == "f" and not np.isfinite(frame).all():
        raise SteatoscopeError("E_NAN", path=str(plane.file.path))
    with np.errstate(all="ignore"):
        values = np.asarray(convert(frame, plane), dtype=np.float32)
    if not np.isfinite(values).all():
        raise SteatoscopeError("E_NAN", path=str(plane.file.path))
    return values


def rescaled(frame: Array, plane: Plane) -> Array:
    """Physical values by the plane's own slope and intercept, in float64."""
    return np.asarray(frame.astype(np.float64) * plane.rescale.slope + plane.rescale.intercept)


def digest(planes: Sequence[Plane], max_bytes: int) -> str:
    """SHA-256 over the contents of the files, each once, in the order of the planes."""
    return files_digest(list(dict.fromkeys(plane.file for plane in planes)), max_bytes)


def files_digest(files: Sequence[DicomFile], max_bytes: int) -> str:
    """SHA-256 over the contents of files in the given order."""
    total = hashlib.sha256()
    for file in files:
        total.update(read_bytes(file.path, max_bytes))
    return total.hexdigest()
