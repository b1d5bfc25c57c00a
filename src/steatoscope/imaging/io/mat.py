"""Multi-echo MR in MAT files: the fat-water toolbox's ``imDataParams``, and the plain layout ``data, te, Tesla``.

Layouts: ISMRM fat-water toolbox (Hu et al., Magn Reson Med 2012;68:378), images [x, y, z, coil, TE], TE in seconds,
FieldStrength in tesla. MATLAB's first axis becomes rows, the second columns, the third slices.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError, warning
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import EchoTrain, Mask, MRFacts, MRScan, Study, Volume
from steatoscope.imaging.io.bids import echo_times_in_seconds, field_in_tesla
from steatoscope.imaging.io.coils import combine_coils
from steatoscope.imaging.io.decoding import too_large
from steatoscope.imaging.io.echoes import Echo, assemble, root_mean_square
from steatoscope.imaging.io.finite import check_finite
from steatoscope.imaging.io.hashing import input_file
from steatoscope.imaging.io.matfile import Fields, number, read_mat, require
from steatoscope.imaging.io.nifti_ct import MIN_SIDE
from steatoscope.imaging.io.options import MAX_BYTES, ReadOptions

_STRUCT: Final = "imdataparams"
_NAMES: Final = (_STRUCT, "data", "images", "te", "tesla", "fieldstrength", "precessionisclockwise", "voxelsize")


def read_mat_study(path: Path, options: ReadOptions) -> Study:
    """Read a multi-echo MAT file as an MR study.

    Echo times above 0.2 are taken as ms, a field above 20 as gauss. Coils are combined. Fewer than two distinct echo
    times, or an unknown field, leave the anatomy alone, which the pipeline refuses with E_TE. Raises E_MODALITY where
    CT or ultrasound is asked for, E_FORMAT for other variables, E_SIZE, E_BOMB, E_NAN, E_TRUNCATED.
    """
    if options.modality not in (None, "MR"):
        raise SteatoscopeError("E_MODALITY", path=str(path), cause="A MAT file holds MR, not CT or ultrasound.")
    fields = _fields(path, options.max_bytes)
    times = _echo_times(fields)
    volumes = _volumes(fields, times, path)
    _check_volumes(volumes, path, options)
    geometry = _geometry(fields)
    field_t = field_in_tesla(number(fields, "fieldstrength", "tesla") or 0.0)
    facts = MRFacts(field_strength_t=field_t)
    inputs = (input_file([path], "mat", volumes.shape[1]),)
    if field_t is None or len(set(times)) < 2:
        magnitude = np.sqrt(np.mean(np.square(np.abs(volumes)), axis=0)).astype(np.float32)
        return Study(MRScan(Volume(magnitude, geometry, "au"), facts=facts), inputs, notes=(warning("W_TE"),))
    train = _train(volumes, times, field_t, geometry, fields)
    return Study(MRScan(root_mean_square(train), echoes=train, facts=facts), inputs)


def read_mat_mask(path: Path) -> Mask | None:
    """The ``mask`` of an ``imDataParams`` file as (slices, rows, columns), None where it has none."""
    found = read_mat(path, (_STRUCT,)).get(_STRUCT)
    mask = found.get("mask") if isinstance(found, dict) else None
    if not isinstance(mask, np.ndarray) or mask.ndim not in (2, 3) or mask.dtype.kind not in "biuf":
        return None
    return np.asarray(np.moveaxis(np.atleast_3d(mask), 2, 0) != 0)


def _fields(path: Path, max_bytes: int = MAX_BYTES) -> Fields:
    found = read_mat(path, _NAMES, max_bytes=max_bytes)
    inner = found.get(_STRUCT)
    fields: Fields = inner if isinstance(inner, dict) else found
    images = fields.get("images", fields.get("data"))
    known = isinstance(images, np.ndarray) and images.dtype.kind in "iufc" and images.size > 0
    require(known, path, "It holds neither imDataParams nor the variables data, te and Tesla.")
    return {**fields, "images": images}


def _echo_times(fields: Mapping[str, Any]) -> tuple[float, ...]:
    """Echo times in seconds; empty where missing."""
    times = fields.get("te")
    if not isinstance(times, np.ndarray) or times.dtype.kind not in "iuf":
        return ()
    return echo_times_in_seconds(tuple(float(time) for time in times.ravel()))


def _volumes(fields: Mapping[str, Any], times: tuple[float, ...], path: Path) -> NDArray[Any]:
    """Echoes of shape (echo, slice, row, column), complex64 or float32, coils combined."""
    images = fields["images"]
    count = max(len(times), 1)
    if count == 1 and images.ndim < 5:
        images = images.reshape(*images.shape, *([1] * (5 - images.ndim)))
    require(3 <= images.ndim <= 5, path, f"Its images have {images.ndim} axes; 3 to 5 are known.")
    cause = f"Its images end with {images.shape[-1]} echoes, but it has {len(times)} echo times."
    require(images.shape[-1] == count, path, cause)
    shape = (*images.shape[:-1], *([1] * (5 - images.ndim)), count)
    ordered = np.transpose(images.reshape(shape), (3, 4, 2, 0, 1))
    with np.errstate(all="ignore"):
        ordered = ordered.astype(np.complex64 if np.iscomplexobj(ordered) else np.float32)
    check_finite(ordered, path)
    return combine_coils(ordered)


def _check_volumes(volumes: NDArray[Any], path: Path, options: ReadOptions) -> None:
    rows, columns = volumes.shape[2:]
    if max(volumes.shape[1:]) > options.max_side:
        raise too_large(path, f"It has more than {options.max_side} voxels a side.")
    if min(rows, columns) < MIN_SIDE:
        cause = f"Its slices have {columns} x {rows} voxels; at least {MIN_SIDE} a side are needed."
        raise SteatoscopeError("E_SIZE", path=str(path), cause=cause)


def _geometry(fields: Mapping[str, Any]) -> Geometry:
    """From ``voxelSize`` in mm (first, second, third array axis), else unknown."""
    sizes = fields.get("voxelsize")
    if isinstance(sizes, np.ndarray) and sizes.size == 3 and sizes.dtype.kind in "iuf":
        row, column, slice_ = (float(size) for size in sizes.ravel())
        if all(1e-3 < size < 1e3 for size in (row, column, slice_)):
            return Geometry.from_spacing((slice_, row, column))
    return Geometry.from_spacing((1.0, 1.0, 1.0), known=False)


def _train(
    volumes: NDArray[Any],
    times: tuple[float, ...],
    field_t: float,
    geometry: Geometry,
    fields: Mapping[str, Any],
) -> EchoTrain:
    echoes = [Echo(time, volume) for time, volume in zip(times, volumes, strict=True)]
    return assemble(echoes, field_t, geometry, _precession(fields))


def _precession(fields: Mapping[str, Any]) -> Literal[-1, 1] | None:
    """Clockwise precession (1) is the convention with fat at negative frequency; checked on the ISMRM 2012 cases."""
    clockwise = number(fields, "precessionisclockwise")
    if clockwise is None:
        return None
    return 1 if clockwise > 0 else -1
