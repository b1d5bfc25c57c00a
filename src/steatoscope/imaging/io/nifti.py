"""One NIfTI-1 or NIfTI-2 file: scaled voxels on the file's own grid, with their place in the patient."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.imaging.io.decoding import cut_short, decoding, too_large
from steatoscope.imaging.io.finite import check_finite
from steatoscope.imaging.io.options import MAX_BYTES, MAX_SIDE

Stream: TypeAlias = IO[bytes] | gzip.GzipFile

_HEADER_1: Final = 348
_HEADER_2: Final = 540
_MAX_OFFSET: Final = 1 << 24
_UNIT_MM: Final = {1: 1000.0, 3: 0.001}


@dataclass(frozen=True, eq=False)
class NiftiImage:
    """Voxels of shape (slices, rows, columns), or (volumes, slices, rows, columns) where the file has four axes.

    The file's axes i, j, k are columns, rows, slices: nothing is turned or resampled. ``data`` is float32 or complex64
    after the header's slope and intercept; ``stored`` is the type in the file, ``scaled`` whether a slope or intercept
    was applied.
    """

    path: Path
    data: NDArray[Any]
    geometry: Geometry
    stored: np.dtype[Any]
    scaled: bool


@dataclass(frozen=True, slots=True)
class _Layout:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    geometry: Geometry


def read_nifti(path: Path, *, max_side: int = MAX_SIDE, max_bytes: int = MAX_BYTES) -> NiftiImage:
    """Read a single-file NIfTI (also gzip-packed), judging its size from the header before any voxel is unpacked.

    Raises E_FORMAT for damaged headers, colour voxels, header-image pairs and more than four axes, E_BOMB beyond the
    limits, E_TRUNCATED for missing voxels, E_NAN for values that are not finite.
    """
    with _opened(path) as stream:
        layout = _layout(stream.read(_HEADER_2), path)
        _check_limits(layout, path, max_side, max_bytes)
        raw = _payload(stream, layout, path)
    return _scaled(raw, layout, path)


def judge_nifti(path: Path, *, max_side: int = MAX_SIDE, max_bytes: int = MAX_BYTES) -> int:
    """The smaller side of the slices in voxels, from the header alone.

    Raises E_FORMAT, E_BOMB, and E_TRUNCATED where a file that is not packed is shorter than its voxels.
    """
    with _opened(path) as stream:
        layout = _layout(stream.read(_HEADER_2), path)
        packed = isinstance(stream, gzip.GzipFile)
    _check_limits(layout, path, max_side, max_bytes)
    if not packed and path.stat().st_size < layout.offset + math.prod(layout.shape) * layout.dtype.itemsize:
        raise cut_short(path)
    return min(layout.shape[:2])


def preview_nifti(head: bytes, path: Path) -> tuple[tuple[int, ...], Geometry]:
    """Axes (columns, rows, slices[, volumes]) and geometry from unpacked first bytes; E_FORMAT, E_BOMB, E_TRUNCATED."""
    with decoding(path, "NIfTI"):
        layout = _layout(head[:_HEADER_2], path)
        _check_limits(layout, path, MAX_SIDE, MAX_BYTES)
    return layout.shape, layout.geometry


@contextmanager
def _opened(path: Path) -> Iterator[Stream]:
    """The file's bytes, unpacked where they are gzip; damage to the packing becomes a coded error."""
    with decoding(path, "NIfTI"), path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        try:
            if packed:
                with gzip.GzipFile(fileobj=plain) as stream:
                    yield stream
            else:
                yield plain
        except (zlib.error, gzip.BadGzipFile) as fault:
            raise SteatoscopeError("E_FORMAT", path=str(path), cause="Its gzip packing is damaged.") from fault


def _layout(head: bytes, path: Path) -> _Layout:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    second = head[4:6] == b"n+" or head[4:6] == b"ni"
    length = _HEADER_2 if second else _HEADER_1
    if len(head) < length:
        raise cut_short(path)
    header = (Nifti2Header if second else Nifti1Header)(head[:length], check=False)
    if bytes(header["magic"].tobytes())[:2] == b"ni":
        raise _unsupported(path, "It is the header of a header-image pair (.hdr, .img).")
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    applied = math.isfinite(slope) and slope != 0.0
    return _Layout(
        shape=_shape(header, path),
        dtype=header.get_data_dtype(),
        offset=_offset(float(header["vox_offset"]), length + 4, path),
        slope=slope if applied else 1.0,
        intercept=intercept if applied and math.isfinite(intercept) else 0.0,
        geometry=_geometry(header),
    )


def _shape(header: Any, path: Path) -> tuple[int, ...]:
    count = int(header["dim"][0])
    shape = [int(n) for n in header["dim"][1 : count + 1]] if 1 <= count <= 7 else []
    if len(shape) < 2 or min(shape) < 1:
        raise _unsupported(path, "Its header gives no image size.")
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) == 5 and shape[3] == 1:
        del shape[3]
    if len(shape) > 4:
        raise _unsupported(path, "It has more than four axes.")
    return tuple(shape) if len(shape) > 2 else (*shape, 1)


def _offset(value: float, least: int, path: Path) -> int:
    if not math.isfinite(value) or value > _MAX_OFFSET:
        raise _unsupported(path, "Its header places the voxels outside the file.")
    return max(int(value), least)


def _geometry(header: Any) -> Geometry:
    """The sform, else the qform, else the voxel sizes; ``known`` is False where none of them is usable."""
    unit = _UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    for code, matrix in (("sform_code", header.get_sform), ("qform_code", header.get_qform)):
        if int(header[code]) > 0:
            affine = _usable(matrix)
            if affine is not None:
                return Geometry.from_ras(np.diag([unit, unit, unit, 1.0]) @ affine)
    sizes = [float(size) for size in header["pixdim"][1:4]]
    if all(math.isfinite(size) and 1e-3 < size < 1e3 for size in sizes):
        dx, dy, dz = (size * unit for size in sizes)
        return Geometry.from_spacing((dz, dy, dx), known=len(set(sizes)) > 1 or sizes[0] != 1.0)
    return Geometry.from_spacing((1.0, 1.0, 1.0), known=False)


def _usable(matrix: Any) -> NDArray[np.float64] | None:
    try:
        affine = np.asarray(matrix(), dtype=np.float64)
    except Exception:  # nibabel raises several kinds for a damaged quaternion
        return None
    if not np.isfinite(affine).all() or np.abs(affine).max() > 1e6:
        return None
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if lengths.min() < 1e-3 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        return None
    return affine


def _check_limits(layout: _Layout, path: Path, max_side: int, max_bytes: int) -> None:
    if max(layout.shape) > max_side:
        raise too_large(path, f"It has more than {max_side} voxels a side.")
    if layout.dtype.names or layout.dtype.kind not in "iufc":
        raise _unsupported(path, "It holds colours, not one value a voxel.")
    if math.prod(layout.shape) * max(layout.dtype.itemsize, 4) > max_bytes:
        raise too_large(path, "Its voxels exceed the memory limit.")


def _payload(stream: Stream, layout: _Layout, path: Path) -> NDArray[Any]:
    stream.seek(layout.offset)
    count = math.prod(layout.shape) * layout.dtype.itemsize
    raw = stream.read(count)
    if len(raw) < count:
        raise cut_short(path)
    stream.read(1)
    return np.frombuffer(raw, dtype=layout.dtype).reshape(layout.shape[::-1])


def _scaled(raw: NDArray[Any], layout: _Layout, path: Path) -> NiftiImage:
    """``raw`` already has the reversed axes (k, j, i), as NIfTI stores i fastest."""
    scaled = (layout.slope, layout.intercept) != (1.0, 0.0)
    with np.errstate(all="ignore"):
        data = raw.astype(np.complex64 if raw.dtype.kind == "c" else np.float32)
        if scaled:
            data = data * np.float32(layout.slope) + np.float32(layout.intercept)
    check_finite(data, path)
    return NiftiImage(path, data, layout.geometry, layout.dtype, scaled)


def _unsupported(path: Path, cause: str) -> SteatoscopeError:
    return SteatoscopeError("E_FORMAT", path=str(path), message="The NIfTI file cannot be used.", cause=cause)
