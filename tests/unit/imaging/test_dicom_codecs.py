"""RLE and lossless JPEG decoding against encoders of their own and of GDCM."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import gdcm
import numpy as np
import pytest
from dicom_factory import ct_slice, encode, set_pixels, write
from numpy.typing import NDArray
from pydicom.pixels.encoders import RLELosslessEncoder

from steatoscope.core.image import CTScan
from steatoscope.imaging.io.dicom_lossless_jpeg import decode_lossless_jpeg
from steatoscope.imaging.io.dicom_rle import CodecError, decode_rle
from steatoscope.imaging.io.dicom_study import read_dicom_study
from steatoscope.imaging.io.options import ReadOptions

Image = NDArray[np.uint16]
RANDOM = np.random.default_rng(5)
NOISE = RANDOM.integers(0, 4096, (24, 17)).astype(np.uint16)
RAMP = (np.add.outer(np.arange(24) * 90, np.arange(17) * 31) + NOISE // 64).astype(np.uint16)


def bits_of(differences: list[int]) -> str:
    """T.81 lossless coding with a flat table: five bits for the size, then the difference."""
    out = []
    for difference in differences:
        size = 16 if difference == 32768 else abs(difference).bit_length()
        code = f"{size:05b}"
        low = difference if difference > 0 else difference + (1 << size) - 1
        out.append(code + (f"{low:0{size}b}" if 0 < size < 16 else ""))
    return "".join(out)


def entropy(text: str) -> bytes:
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00") if text else b""


PREDICT: dict[int, Callable[[int, int, int], int]] = {
    1: lambda a, b, c: a,
    2: lambda a, b, c: b,
    3: lambda a, b, c: c,
    4: lambda a, b, c: a + b - c,
    5: lambda a, b, c: a + ((b - c) >> 1),
    6: lambda a, b, c: b + ((a - c) >> 1),
    7: lambda a, b, c: (a + b) >> 1,
}


def lossless(image: Image, kind: int, precision: int = 12, restart_rows: int = 0) -> bytes:
    """A lossless JPEG of shape (rows, columns, samples) with interleaved samples."""
    rows, columns, samples = image.shape
    values = image.astype(int)
    step = restart_rows or rows
    parts = []
    for start in range(0, rows, step):
        differences = []
        for row in range(start, min(start + step, rows)):
            for column in range(columns):
                differences += [
                    difference(values[..., part], row, column, start, kind, precision) for part in range(samples)
                ]
        parts.append(entropy(bits_of(differences)))
    marks = [bytes([0xFF, 0xD0 + i % 8]) for i in range(len(parts))]
    data = b"".join(part + mark for part, mark in zip(parts, marks, strict=True))[:-2]
    frame = struct.pack(">BHHB", precision, rows, columns, samples)
    frame += b"".join(bytes([i + 1, 0x11, 0]) for i in range(samples))
    counts = bytes([0] * 4 + [17] + [0] * 11)
    scan = bytes([samples]) + b"".join(bytes([i + 1, 0]) for i in range(samples)) + bytes([kind, 0, 0])
    pieces = [(0xC3, frame), (0xC4, b"\0" + counts + bytes(range(17))), (0xDA, scan)]
    if restart_rows:
        pieces.insert(0, (0xDD, struct.pack(">H", restart_rows * columns)))
    head = b"".join(bytes([0xFF, m]) + struct.pack(">H", len(body) + 2) + body for m, body in pieces)
    return b"\xff\xd8" + head + data + b"\xff\xd9"


def difference(values: NDArray[np.int_], row: int, column: int, start: int, kind: int, precision: int) -> int:
    if row == start:
        before = 1 << (precision - 1) if column == 0 else int(values[row, column - 1])
    elif column == 0:
        before = int(values[row - 1, 0])
    else:
        left, above = int(values[row, column - 1]), int(values[row - 1, column])
        before = PREDICT[kind](left, above, int(values[row - 1, column - 1]))
    found = (int(values[row, column]) - before) & 0xFFFF
    return found - 65536 if found > 32768 else found


@pytest.mark.parametrize("kind", range(1, 8))
@pytest.mark.parametrize("restart_rows", [0, 5])
def test_all_predictors(kind: int, restart_rows: int) -> None:
    for image in (NOISE, RAMP):
        coded = lossless(image[..., None], kind, restart_rows=restart_rows)
        np.testing.assert_array_equal(decode_lossless_jpeg(coded, 24, 17, 1)[..., 0], image)


def test_colour_and_sixteen_bits() -> None:
    colour = RANDOM.integers(0, 256, (9, 8, 3)).astype(np.uint16)
    np.testing.assert_array_equal(decode_lossless_jpeg(lossless(colour, 1, 8), 9, 8, 3), colour)
    deep = RANDOM.integers(0, 65536, (9, 8, 1)).astype(np.uint16)
    deep[0, :3, 0] = [0, 32768, 0]
    np.testing.assert_array_equal(decode_lossless_jpeg(lossless(deep, 1, 16), 9, 8, 1), deep)


def test_missing_bits_are_never_filled_with_zeros() -> None:
    coded = lossless(RAMP[..., None], 1)
    for cut in (3, 5, 50, 200):
        with pytest.raises(CodecError):
            decode_lossless_jpeg(coded[: -2 - cut] + b"\xff\xd9", 24, 17, 1)
    with pytest.raises(CodecError):
        decode_lossless_jpeg(coded, 25, 17, 1)


@pytest.mark.parametrize("signed", [False, True])
def test_files_that_gdcm_compressed(tmp_path: Path, signed: bool) -> None:
    stored = RANDOM.integers(-1000, 2000, (40, 48)).astype(np.int16) if signed else None
    pixels = RANDOM.integers(0, 4096, (40, 48)).astype(np.uint16) if stored is None else stored
    ds = ct_slice(RescaleIntercept=0)
    set_pixels(ds, pixels, None if signed else 12)
    source, target = tmp_path / "plain.dcm", tmp_path / "coded.dcm"
    source.write_bytes(encode(ds))
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(source))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    scan = read_dicom_study([target], ReadOptions()).scan
    assert isinstance(scan, CTScan)
    np.testing.assert_array_equal(scan.volume.data[0], np.maximum(pixels.astype(int), -1024))


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("depth", [1, 2])
def test_rle_against_another_encoder(samples: int, depth: int) -> None:
    image = RANDOM.integers(0, 3, (13, 11, samples)).astype(f"<u{depth}") * (256 ** (depth - 1))
    coded = RLELosslessEncoder.encode(
        image.tobytes(),
        rows=13,
        columns=11,
        samples_per_pixel=samples,
        number_of_frames=1,
        bits_allocated=8 * depth,
        bits_stored=8 * depth,
        pixel_representation=0,
        photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
        planar_configuration=0,
        encoding_plugin="pydicom",
    )
    np.testing.assert_array_equal(decode_rle(coded, 13, 11, samples, depth), image)
    for bad in (coded[:40], coded[:-4], b"\0" * 4 + coded[4:]):
        with pytest.raises(CodecError):
            decode_rle(bad, 13, 11, samples, depth)


def test_read_through_the_file(tmp_path: Path) -> None:
    plain = ct_slice()
    coded = ct_slice()
    coded.compress("1.2.840.10008.1.2.5")
    found = [read_dicom_study(write(tmp_path / n, d), ReadOptions()).scan for n, d in (("a", plain), ("b", coded))]
    assert isinstance(found[0], CTScan)
    assert isinstance(found[1], CTScan)
    np.testing.assert_array_equal(found[0].volume.data, found[1].volume.data)
