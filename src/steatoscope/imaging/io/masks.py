"""A liver mask that a reader drew, put on the grid of the scan that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask, Scan
from steatoscope.imaging.io.decoding import decoding
from steatoscope.imaging.io.names import natural_key, stem
from steatoscope.imaging.io.nifti import read_nifti
from steatoscope.imaging.io.raster import probe
from steatoscope.imaging.io.sniff import RASTERS, sniff

_MESSAGE: Final = "The liver mask does not fit the scan."
_REMEDY: Final = "Draw the mask on the same images, and give it as NIfTI in the same space or PNG of the same size."
_JPEG_THRESHOLD: Final = 127
_OFF_GRID: Final = 0.25


def read_liver_mask(path: Path, scan: Scan, *, order: Sequence[str] | None = None) -> Mask:
    """Read a mask, all non-zero voxels, of shape (slices, rows, columns); of ultrasound (frames, rows, columns).

    NIfTI must lie on the scan's own voxels, in any axis order or direction. A PNG (or another raster; JPEG above 127)
    is in stored pixel order: for a scan of one slice, for every frame of ultrasound, or for the slice whose file name
    it starts with. A folder of PNGs is one a slice in natural order of names. ``order`` gives the file name of every
    slice, in the scan's order, so that masks sorted by name meet the slices sorted by position; without it the scan's
    own order counts. Raises E_PATH, E_EMPTY, E_FORMAT, E_SIZE (differing grid), E_TRUNCATED.
    """
    if not path.exists():
        raise SteatoscopeError("E_PATH", path=str(path))
    shape, geometry = _grid(scan)
    if path.is_dir():
        return _from_folder(path, shape, order)
    kind = sniff(path)
    if kind == "empty":
        raise SteatoscopeError("E_EMPTY", path=str(path))
    if kind == "nifti":
        return _from_nifti(path, shape, geometry)
    if kind not in RASTERS:
        raise _misfit(path, "A mask is NIfTI or PNG.", "E_FORMAT")
    flat = _raster(path, shape)
    if geometry is None or shape[0] == 1:
        return np.broadcast_to(flat, shape)
    mask = np.zeros(shape, dtype=np.bool_)
    mask[_named_slice(path, shape, order)] = flat
    return mask


def _grid(scan: Scan) -> tuple[tuple[int, int, int], Geometry | None]:
    """The shape of the scan's mask; ultrasound has no geometry, and its first view counts."""
    if scan.modality == "US":
        frames, rows, columns = scan.views[0].clip.frames.shape
        return (frames, rows, columns), None
    volume = scan.volume if scan.modality == "CT" else scan.anatomy
    slices, rows, columns = volume.data.shape
    return (slices, rows, columns), volume.geometry


def _from_folder(folder: Path, shape: tuple[int, int, int], order: Sequence[str] | None) -> Mask:
    files = [file for file in folder.iterdir() if file.is_file() and sniff(file) in RASTERS]
    if not files:
        raise SteatoscopeError("E_EMPTY", path=str(folder), cause="The mask folder holds no PNG.")
    if len(files) != shape[0]:
        raise _misfit(folder, f"There are {len(files)} masks for {shape[0]} slices.")
    flats = [_raster(file, shape) for file in sorted(files, key=natural_key)]
    names = range(shape[0]) if order is None else sorted(range(shape[0]), key=lambda index: natural_key(order[index]))
    mask = np.zeros(shape, dtype=np.bool_)
    for index, flat in zip(names, flats, strict=True):
        mask[index] = flat
    return mask


def _named_slice(path: Path, shape: tuple[int, int, int], order: Sequence[str] | None) -> int:
    name = stem(path).casefold()
    fitting = [index for index, file in enumerate(order or ()) if name.startswith(stem(Path(file)).casefold())]
    if len(fitting) != 1:
        raise _misfit(path, f"One mask image does not say which of the {shape[0]} slices it belongs to.")
    return fitting[0]


def _raster(path: Path, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    page = probe(path)[0]
    if (page.height, page.width) != shape[1:]:
        raise _misfit(path, f"It has {page.width} x {page.height} pixels, the scan {shape[2]} x {shape[1]}.")
    with decoding(path, "an image"), Image.open(path) as image:
        return _non_zero(image) if not page.lossy else np.asarray(image.convert("L")) > _JPEG_THRESHOLD


def _non_zero(image: Image.Image) -> NDArray[np.bool_]:
    """Any colour but black; where alpha varies and no colour shows, whatever is not transparent."""
    if image.mode in ("P", "PA", "CMYK", "YCbCr"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    values = np.asarray(image)
    if values.ndim == 2:
        return np.asarray(values != 0)
    if image.mode not in ("RGBA", "LA"):
        return np.asarray(values.any(axis=-1))
    visible = values[..., -1] > 0
    coloured = values[..., :-1].any(axis=-1)
    return np.asarray(coloured & visible if coloured.any() else visible & ~visible.all())


def _from_nifti(path: Path, shape: tuple[int, int, int], geometry: Geometry | None) -> Mask:
    image = read_nifti(path)
    if image.data.ndim != 3:
        raise _misfit(path, "It has four axes.", "E_FORMAT")
    voxels = np.asarray(image.data != 0)
    if geometry is None or not geometry.known or not image.geometry.known:
        if voxels.shape != shape:
            raise _misfit(path, f"Its grid is {_sides(voxels.shape)}, the scan's {_sides(shape)}.")
        return voxels
    return _on_grid(voxels, image.geometry, shape, geometry, path)


def _on_grid(
    voxels: NDArray[np.bool_], own: Geometry, shape: tuple[int, int, int], target: Geometry, path: Path
) -> Mask:
    """Turn and flip a mask onto the target's axes; it must then lie voxel on voxel."""
    relation = np.linalg.inv(target.affine) @ own.affine
    steps = np.rint(relation[:3, :3])
    if not np.array_equal(np.abs(steps).sum(axis=0), np.ones(3)) or not np.array_equal(
        np.abs(steps).sum(axis=1), np.ones(3)
    ):
        raise _misfit(path, "Its voxels differ from the scan's in size or direction.")
    turned: NDArray[Any] = np.transpose(voxels, _array_axes(steps))
    flips = tuple(axis for axis in range(3) if steps[2 - axis].sum() < 0)
    turned = np.flip(turned, flips)
    if turned.shape != shape:
        raise _misfit(path, f"Its grid is {_sides(turned.shape)}, the scan's {_sides(shape)}.")
    if _largest_offset(voxels.shape, relation, steps, shape) > _OFF_GRID:
        raise _misfit(path, "It lies at another place than the scan.")
    return np.ascontiguousarray(turned)


def _array_axes(steps: NDArray[np.float64]) -> tuple[int, ...]:
    """For every target array axis (slice, row, column) the mask's array axis; indices run (column, row, slice)."""
    return tuple(2 - int(np.argmax(np.abs(steps[2 - axis]))) for axis in range(3))


def _largest_offset(
    own: tuple[int, ...], relation: NDArray[np.float64], steps: NDArray[np.float64], shape: tuple[int, int, int]
) -> float:
    """How far, in target voxels, the mask's corners lie from where the turned array puts them."""
    last = np.array(own[::-1], dtype=np.float64) - 1.0
    corners = np.array(np.meshgrid(*[(0.0, end) for end in last], indexing="ij")).reshape(3, -1)
    lies = relation[:3, :3] @ corners + relation[:3, 3:]
    ends = np.array(shape[::-1], dtype=np.float64)[:, np.newaxis] - 1.0
    put = steps @ corners + np.where(steps.sum(axis=1, keepdims=True) < 0, ends, 0.0)
    return float(np.abs(lies - put).max())


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)


def _misfit(path: Path, cause: str, code: str = "E_SIZE") -> SteatoscopeError:
    return SteatoscopeError(code, path=str(path), message=_MESSAGE, cause=cause, remedy=_REMEDY)
