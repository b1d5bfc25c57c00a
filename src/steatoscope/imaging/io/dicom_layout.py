"""The declared layout of a file's pixels, judged before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import uid

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.dicom_file import DicomFile
from steatoscope.imaging.io.dicom_tags import declared, integer, text

NATIVE = frozenset({uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian})
LOSSY = frozenset({uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000, uid.HTJ2K})
ITEM_BYTES = 8
PHOTOMETRIC = {
    1: ("MONOCHROME2", "MONOCHROME1", "PALETTE COLOR"),
    3: ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
}
FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """The image pixel module: frames, size, samples a pixel, bits and how they are to be read."""

    frames: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    floating: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes of one unpacked frame."""
        return -(-self.rows * self.columns * self.samples * self.bits_allocated // 8)

    @property
    def total_bytes(self) -> int:
        """Bytes of all frames once unpacked."""
        return self.frames * self.frame_bytes

    @property
    def stored_range(self) -> tuple[int, int]:
        """Lowest and highest value that the stored bits can hold."""
        half = 1 << (self.bits_stored - 1)
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


def layout(file: DicomFile, max_side: int, max_bytes: int) -> PixelLayout:
    """The declared layout, checked: ``E_NOPIXELS``, ``E_FORMAT`` for a missing value, ``E_BOMB`` for too much."""
    path, header = str(file.path), file.header
    if file.truncated:
        raise SteatoscopeError("E_TRUNCATED", path=path)
    if file.pixels is None:
        raise SteatoscopeError("E_NOPIXELS", path=path)
    rows, columns = (_stated(file, name, 0) for name in ("Rows", "Columns"))
    frames, samples = _stated(file, "NumberOfFrames", 1), _stated(file, "SamplesPerPixel", 1)
    floating = file.pixels in FLOAT_BITS
    bits = FLOAT_BITS.get(file.pixels) or _stated(file, "BitsAllocated", 0)
    if min(rows, columns, frames) < 1 or bits not in (1, 8, 16, 32, 64) or samples not in (1, 3):
        raise SteatoscopeError("E_FORMAT", path=path, cause="The image size or depth is missing from the header.")
    stored = bits if floating else _stated(file, "BitsStored", bits)
    high = bits - 1 if floating else _stated(file, "HighBit", stored - 1)
    sign = _stated(file, "PixelRepresentation", 0)
    if not 1 <= stored <= high + 1 <= bits or sign not in (0, 1):
        raise SteatoscopeError("E_FORMAT", path=path, cause="The stored bits contradict the allocated bits.")
    photometric = (text(header, "PhotometricInterpretation") or "").upper() or ("MONOCHROME2" if samples == 1 else "")
    if photometric not in PHOTOMETRIC[samples]:
        cause = f"The photometric interpretation {photometric or 'is missing'} is not supported."
        raise SteatoscopeError("E_FORMAT", path=path, cause=cause)
    found = PixelLayout(frames, rows, columns, samples, bits, stored, high, sign == 1, photometric, floating)
    if max(rows, columns) > max_side or found.total_bytes > max_bytes:
        raise SteatoscopeError("E_BOMB", path=path)
    _check_length(file, found)
    return found


def _check_length(file: DicomFile, shape: PixelLayout) -> None:
    """Native pixels must be there to the last byte, and every compressed frame needs an item of its own."""
    least = shape.total_bytes if file.syntax in NATIVE or shape.floating else ITEM_BYTES * shape.frames
    if shape.photometric == "YBR_FULL_422":
        least = least * 2 // 3
    if file.pixel_bytes < least:
        raise SteatoscopeError("E_TRUNCATED", path=str(file.path))


def _stated(file: DicomFile, name: str, otherwise: int) -> int:
    """A whole number of the header, ``otherwise`` where the header is silent, ``E_FORMAT`` where it is unreadable."""
    found = integer(file.header, name)
    if found is None and declared(file.header, name):
        raise SteatoscopeError("E_FORMAT", path=str(file.path), cause=f"{name} is not a whole number.")
    return otherwise if found is None else found


def is_lossy(file: DicomFile) -> bool:
    """Whether the pixels were ever compressed with loss."""
    return (text(file.header, "LossyImageCompression") or "").startswith("01") or file.syntax in LOSSY
