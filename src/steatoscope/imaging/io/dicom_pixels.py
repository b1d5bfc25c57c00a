"""Pixels of a DICOM file, decoded frame by frame once their layout has been judged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.dicom_codestream import FrameSize, check_frame
from steatoscope.imaging.io.dicom_file import DicomFile, parse, pixel_bytes
from steatoscope.imaging.io.dicom_layout import NATIVE, PixelLayout
from steatoscope.imaging.io.dicom_tags import integer

Array = NDArray[Any]

PLUGINS = {
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
}
LOSSLESS_JPEG = frozenset({uid.JPEGLossless, uid.JPEGLosslessSV1})
OWN = LOSSLESS_JPEG | {uid.RLELossless}

# A decoder's traceback for a damaged frame says nothing that the coded error does not.
logging.getLogger("pydicom.pixels.decoders.base").addFilter(lambda record: record.exc_info is None)


def frames(file: DicomFile, shape: PixelLayout, max_bytes: int) -> Iterator[Array]:
    """Stored frames in order: (rows, columns) integers or floats, or (rows, columns, 3) in RGB.

    Raises ``E_TRUNCATED`` where pixels are missing and ``E_FORMAT`` where they cannot be decoded.
    """
    path = str(file.path)
    found, _ = parse(file.path, max_bytes)
    raw = pixel_bytes(found, file.pixels or "PixelData", path)
    if shape.floating:
        yield from _float_frames(raw, file, shape)
        return
    if file.syntax in NATIVE:
        _check_native(raw, shape, path)
    elif file.syntax in PLUGINS or file.syntax in OWN:
        _check_encapsulated(raw, file.syntax, shape, path)
    else:
        raise SteatoscopeError("E_FORMAT", path=path, cause=f"The transfer syntax {file.syntax} is not supported.")
    ready = _prepared(found, raw, file, shape)
    blank = file.syntax not in NATIVE
    for frame in _own(raw, file, shape) if file.syntax in OWN else _decoded(ready, file, shape):
        if frame.shape[:2] != (shape.rows, shape.columns):
            raise SteatoscopeError("E_FORMAT", path=path, cause="The decoded image has another size than declared.")
        blank = blank and bool((frame == frame.flat[0]).all())
        yield frame
    if blank:
        # JPEG 2000 decoders hand out an even plane for a tile that they cannot read.
        raise SteatoscopeError("E_FORMAT", path=path, cause="The compressed image decodes to one even value.")


def _prepared(found: FileDataset, raw: bytes, file: DicomFile, shape: PixelLayout) -> Dataset:
    """A small data set that states the checked layout, so that the decoder reads the same values and no others."""
    result = Dataset()
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = uid.UID(file.syntax)
    result.Rows, result.Columns, result.NumberOfFrames = shape.rows, shape.columns, shape.frames
    result.SamplesPerPixel, result.PhotometricInterpretation = shape.samples, shape.photometric
    result.BitsAllocated, result.BitsStored, result.HighBit = shape.bits_allocated, shape.bits_stored, shape.high_bit
    result.PixelRepresentation = int(shape.signed)
    if shape.samples > 1:
        result.PlanarConfiguration = integer(file.header, "PlanarConfiguration") or 0
    result.PixelData = raw
    result["PixelData"].VR = found["PixelData"].VR
    return result


def _own(raw: bytes, file: DicomFile, shape: PixelLayout) -> Iterator[Array]:
    """Frames of the two codecs decoded here: the libraries for them end or break the process on damaged data."""
    from steatoscope.imaging.io.dicom_lossless_jpeg import decode_lossless_jpeg
    from steatoscope.imaging.io.dicom_rle import CodecError, decode_rle

    size = (shape.rows, shape.columns, shape.samples)
    try:
        for frame in islice(generate_frames(raw, number_of_frames=shape.frames), shape.frames):
            if file.syntax in LOSSLESS_JPEG:
                values: Array = decode_lossless_jpeg(frame, *size).astype(f"u{shape.bits_allocated // 8}")
            else:
                values = decode_rle(frame, *size, shape.bits_allocated // 8)
            yield _finished(values, shape)
    except CodecError as fault:
        cause = f"The compressed image is damaged: {fault}."
        raise SteatoscopeError("E_FORMAT", path=str(file.path), cause=cause) from fault


def _finished(values: Array, shape: PixelLayout) -> Array:
    """Decoded unsigned samples as stored values, or as RGB."""
    if shape.samples > 1:
        ybr = shape.photometric.startswith("YBR_FULL")
        return np.asarray(convert_color_space(values, "YBR_FULL", "RGB")) if ybr else values
    grey = values[..., 0]
    return align_bits(grey.view(f"i{grey.dtype.itemsize}") if shape.signed else grey, shape)


def _decoded(found: Dataset, file: DicomFile, shape: PixelLayout) -> Iterator[Array]:
    plugin = "" if file.syntax in NATIVE else PLUGINS[uid.UID(file.syntax)]
    count = 0
    try:
        decoder = get_decoder(uid.UID(file.syntax))
        stream = decoder.iter_array(
            found, raw=False, decoding_plugin=plugin, correct_unused_bits=False, allow_excess_frames=False
        )
        for array, _ in stream:
            yield align_bits(array, shape) if shape.samples == 1 else array
            count += 1
            if count == shape.frames:
                return
    except SteatoscopeError:
        raise
    except Exception as fault:
        cause = "The pixel data cannot be decoded: it is damaged, or contradicts the header."
        raise SteatoscopeError("E_FORMAT", path=str(file.path), cause=cause) from fault
    raise SteatoscopeError("E_TRUNCATED", path=str(file.path), cause="Frames are missing.")


def align_bits(array: Array, shape: PixelLayout) -> Array:
    """Stored values of an integer frame: bits outside HighBit and BitsStored removed, the sign extended."""
    size = array.dtype.itemsize * 8
    if array.dtype.kind not in "iu" or shape.bits_stored >= size:
        return array
    shift = shape.high_bit + 1 - shape.bits_stored
    unsigned = array.view(np.dtype(f"u{array.dtype.itemsize}"))
    moved = unsigned << np.array(size - shape.bits_stored - shift, unsigned.dtype)
    target = moved.view(np.dtype(f"i{array.dtype.itemsize}")) if shape.signed else moved
    return np.asarray(target >> np.array(size - shape.bits_stored, target.dtype))


def _check_native(raw: bytes, shape: PixelLayout, path: str) -> None:
    expected = shape.total_bytes * 2 // 3 if shape.photometric == "YBR_FULL_422" else shape.total_bytes
    if len(raw) - expected > max(128, expected // 100):
        raise SteatoscopeError("E_FORMAT", path=path, cause="There is more pixel data than the header declares.")


def _check_encapsulated(raw: bytes, syntax: str, shape: PixelLayout, path: str) -> None:
    expected = FrameSize(shape.rows, shape.columns, shape.samples)
    count = 0
    try:
        for frame in generate_frames(raw, number_of_frames=shape.frames):
            if syntax != uid.RLELossless:
                check_frame(frame, expected, path)
            count += 1
    except SteatoscopeError:
        raise
    except Exception as fault:
        cause = "The compressed frames are damaged or missing."
        raise SteatoscopeError("E_TRUNCATED", path=path, cause=cause) from fault
    if count < shape.frames:
        raise SteatoscopeError("E_TRUNCATED", path=path, cause="Frames are missing.")


def _float_frames(raw: bytes, file: DicomFile, shape: PixelLayout) -> Iterator[Array]:
    if len(raw) < shape.total_bytes or shape.samples != 1:
        raise SteatoscopeError("E_TRUNCATED", path=str(file.path))
    order = ">" if file.syntax == uid.ExplicitVRBigEndian else "<"
    flat = np.frombuffer(raw, f"{order}f{shape.bits_allocated // 8}", count=shape.frames * shape.rows * shape.columns)
    yield from flat.reshape(shape.frames, shape.rows, shape.columns)
