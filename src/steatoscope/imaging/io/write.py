"""Volumes, masks, pictures and echo trains written as NIfTI, PNG and MAT: whole or not at all, and reproducibly."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import EchoTrain, Mask, Volume

_MAT_TEXT: Final = b"MATLAB 5.0 MAT-file, written by Steatoscope"
_MAT_TEXT_BYTES: Final = 116


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it: readers see the old content, or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_nifti(
    path: Path, image: Volume | Mask | NDArray[Any], geometry: Geometry | None = None, remark: str = ""
) -> None:
    """Write voxels (slices, rows, columns), or (volumes, slices, rows, columns), as NIfTI-1; gzip where named ``.gz``.

    Booleans become uint8 0 and 1, other types stay. A :class:`Volume` brings its own geometry. The same voxels give
    the same bytes. ``remark`` (ASCII, at most 79 letters) becomes the description in the header.
    """
    voxels: NDArray[Any] = image.data if isinstance(image, Volume) else image
    geometry = image.geometry if isinstance(image, Volume) and geometry is None else geometry
    if geometry is None:
        raise ValueError("an array needs a geometry")
    content = nifti_bytes(voxels, geometry, remark)
    atomic_write(path, gzip.compress(content, compresslevel=6, mtime=0) if path.suffix == ".gz" else content)


def nifti_bytes(voxels: NDArray[Any], geometry: Geometry, remark: str = "") -> bytes:
    """An uncompressed NIfTI-1 file of (slices, rows, columns) or (volumes, slices, rows, columns) voxels."""
    import nibabel

    data = voxels.astype(np.uint8) if voxels.dtype == np.bool_ else voxels
    turned = np.transpose(data, (3, 2, 1, 0) if data.ndim == 4 else (2, 1, 0))
    image = nibabel.Nifti1Image(turned, geometry.to_ras(), dtype=data.dtype)
    code = 1 if geometry.known else 0
    image.set_sform(geometry.to_ras(), code=code)
    image.set_qform(geometry.to_ras(), code=code, strip_shears=True)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = remark.encode("ascii")
    return bytes(image.to_bytes())


def write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16] | Mask, remark: str = "") -> None:
    """Write (rows, columns) grey of 8 or 16 bits, (rows, columns, 3 or 4) colour, or a mask as 0 and 255.

    ``remark`` becomes a text chunk named Description ahead of the pixels.
    """
    array = pixels.astype(np.uint8) * 255 if pixels.dtype == np.bool_ else pixels
    buffer = io.BytesIO()
    texts = PngInfo()
    if remark:
        texts.add_text("Description", remark)
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG", pnginfo=texts)
    atomic_write(path, buffer.getvalue())


def write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Write a JSON object, indented, keys in the given order. Raises ValueError for numbers that are not finite."""
    text = json.dumps(fields, indent=2, allow_nan=False, ensure_ascii=False)
    atomic_write(path, f"{text}\n".encode())


def write_nifti_echoes(
    folder: Path, name: str, train: EchoTrain, extra: Mapping[str, Any] | None = None, remark: str = ""
) -> list[Path]:
    """Write an echo train as BIDS files ``NAME_echo-N_part-mag_MEGRE.nii.gz`` (and part-phase), each with a sidecar.

    Phase is in radians. ``extra`` adds sidecar fields such as FlipAngle or RepetitionTime (s); ``remark`` becomes the
    description in every header. Returns the images.
    """
    written: list[Path] = []
    for index, time in enumerate(train.echo_times_s):
        for part, data, units in _parts(train, index):
            path = folder / f"{name}_echo-{index + 1}_part-{part}_MEGRE.nii.gz"
            write_nifti(path, data, train.geometry, remark)
            fields = {"EchoTime": float(time), "MagneticFieldStrength": train.field_strength_t, "Units": units}
            write_json(path.with_name(path.name.replace(".nii.gz", ".json")), {**fields, **(extra or {})})
            written.append(path)
    return written


def _parts(train: EchoTrain, index: int) -> Sequence[tuple[Literal["mag", "phase"], NDArray[np.float32], str]]:
    echo = train.data[index]
    magnitude = np.abs(echo).astype(np.float32)
    if train.kind == "magnitude":
        return (("mag", magnitude, "arbitrary"),)
    phase = np.clip(np.angle(echo), -math.pi, math.pi).astype(np.float32)
    return ("mag", magnitude, "arbitrary"), ("phase", phase, "rad")


def write_mat_imdataparams(path: Path, train: EchoTrain, mask: Mask | None = None, remark: str = "") -> None:
    """Write an echo train as the fat-water toolbox's ``imDataParams`` (MAT v5, compressed): images [x, y, z, coil, TE].

    Rows become the first axis, columns the second, slices the third. ``PrecessionIsClockwise`` is left out where the
    train does not know it, ``voxelSize`` (mm) where the geometry does not. The same train gives the same bytes.
    ``remark`` (ASCII) joins the text at the start of the file.
    """
    import scipy.io

    fields: dict[str, Any] = {
        "images": np.transpose(train.data, (2, 3, 1, 0))[:, :, :, np.newaxis, :],
        "TE": train.echo_times_s.reshape(1, -1),
        "FieldStrength": train.field_strength_t,
    }
    if train.precession is not None:
        fields["PrecessionIsClockwise"] = float(train.precession)
    if train.geometry.known:
        slice_, row, column = train.geometry.spacing
        fields["voxelSize"] = np.array([[row, column, slice_]])
    if mask is not None:
        fields["mask"] = np.moveaxis(mask, 0, 2).astype(np.uint8)
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"imDataParams": fields}, do_compression=True)
    words = b". ".join(part for part in (_MAT_TEXT, remark.encode("ascii")) if part)[:_MAT_TEXT_BYTES]
    content = words.ljust(_MAT_TEXT_BYTES) + buffer.getvalue()[_MAT_TEXT_BYTES:]
    atomic_write(path, content)
