"""Damaged headers and bytes: a study with finite pixels or a coded error, never anything else, never silent zeros."""

from __future__ import annotations

import tempfile
import warnings
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_factory import ct_slice, disk, encode, mr_slice, recode, us_image
from dicom_mr_factory import SLICES, all_parts, enhanced, fat, map_slice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from steatoscope.core.errors import CATALOGUE, SteatoscopeError
from steatoscope.core.image import CTScan, MRScan, Study, USScan
from steatoscope.imaging.io.dicom_study import read_dicom_study
from steatoscope.imaging.io.options import ReadOptions

GREY = disk(128, 1, 220).astype(np.uint8)
COLOUR = np.stack([GREY, GREY // 2 + 1, GREY // 3 + 1], axis=-1)
SEEDS = (
    "ct explicit",
    "ct implicit",
    "ct rle",
    "ct jpeg-ls",
    "ct jpeg-2000",
    "ct deflated",
    "mr explicit",
    "mr implicit",
    "mr jpeg-ls",
    "us explicit",
    "us implicit",
    "us rle",
    "us colour rle",
)
SYNTAX = {
    "implicit": uid.ImplicitVRLittleEndian,
    "rle": uid.RLELossless,
    "jpeg-ls": uid.JPEGLSLossless,
    "jpeg-2000": uid.JPEG2000Lossless,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
}
FAST = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@cache
def seed(name: str) -> bytes:
    """The bytes of one good file."""
    kind, _, syntax = name.partition(" ")
    if syntax.startswith("colour"):
        ds, syntax = us_image(COLOUR), syntax.split()[-1]
    elif kind == "us":
        ds = us_image(np.stack([GREY, GREY // 2 + 1]) if syntax == "rle" else GREY)
    else:
        ds = {"ct": ct_slice, "mr": mr_slice}[kind]()
    return encode(recode(ds, SYNTAX[syntax]) if syntax in SYNTAX else ds)


@cache
def series(name: str) -> tuple[bytes, ...]:
    """The files of one good series."""
    order = [(echo, index, part) for index in range(SLICES) for part in "PM" for echo in range(3)]
    made = {
        "ct": lambda: [ct_slice(i, AcquisitionNumber=1, SliceLocation=3 * i) for i in range(6)],
        "magnitude phase": lambda: all_parts("MP"),
        "real imaginary": lambda: all_parts("RI"),
        "fat fraction": lambda: [map_slice(z, fat(1000)) for z in range(SLICES)],
        "enhanced": lambda: [enhanced(order)],
        "ultrasound": lambda: [us_image(GREY // (n + 1) + 1, InstanceNumber=n) for n in range(3)],
    }
    return tuple(encode(ds) for ds in made[name]())


def read(*contents: bytes) -> Study | SteatoscopeError:
    """Read files of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"file{number:03d}.dcm" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        try:
            return read_dicom_study(paths, ReadOptions(max_bytes=2**26))
        except SteatoscopeError as fault:
            return fault


def arrays(study: Study) -> list[np.ndarray]:
    scan = study.scan
    if isinstance(scan, CTScan):
        return [scan.volume.data]
    if isinstance(scan, MRScan):
        volumes = [scan.anatomy, scan.pdff, scan.r2star]
        return [v.data for v in volumes if v is not None] + ([] if scan.echoes is None else [scan.echoes.data])
    assert isinstance(scan, USScan)
    return [view.clip.frames for view in scan.views]


def check(result: Study | SteatoscopeError) -> None:
    """A coded error, or finite pixels of which no row-run of zeros stands in for missing data."""
    if isinstance(result, SteatoscopeError):
        assert result.code in CATALOGUE
        assert result.exit_code == 3 or result.code == "E_TE"
        return
    for data in arrays(result):
        assert np.isfinite(data).all()
        assert data.size > 0
        assert float(np.abs(data).max()) > 0.0
        assert float(np.ptp(np.abs(data))) > 0.0
    assert all(len(item.sha256) == 64 and item.frames > 0 for item in result.inputs)


def rewrite(content: bytes, changes: list[tuple[int, bytes | None]]) -> bytes:
    """A file with the raw values of some elements replaced, or the elements deleted (None)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(BytesIO(content))
        known = tuple(ds.keys())
        for number, raw in changes:
            tag = known[number % len(known)]
            if tag not in ds:
                continue
            if raw is None:
                del ds[tag]
                continue
            old = ds.get_item(tag)
            vr = getattr(old, "VR", None)
            if tag == Tag("PixelData") or vr == "SQ":
                continue
            raw += b" " * (len(raw) % 2)
            ds[tag] = RawDataElement(tag, vr, len(raw), raw, 0, ds.original_encoding[0], True)
        return encode(ds)


TEXTS = st.sampled_from(
    [
        b"",
        b"0",
        b"-1",
        b"1",
        b"2",
        b"8",
        b"12",
        b"nan",
        b"inf",
        b"-inf",
        b"1e308",
        b"1e-300",
        b"99999999999",
        b"abc",
        b"1\\2",
        b"1\\0\\0\\0\\1\\0",
        b"0\\0\\0\\0\\0\\0",
        b"nan\\nan\\nan",
        b"1e300\\0\\0",
        b"CT",
        b"MR",
        b"US",
        b"OT",
        b"MONOCHROME1",
        b"PALETTE COLOR",
        b"YBR_FULL_422",
        b"RGB",
        b"\xff\xfe\x00",
        b"ISO 2022 IR 149",
        b"0.1\\0.1",
        b"1.2.840.10008.5.1.4.1.1.7",
        b"1.2.840.10008.5.1.4.1.1.88.33",
    ]
)
WORDS = st.integers(0, 65535).map(lambda n: n.to_bytes(2, "little")) | st.sampled_from(
    [n.to_bytes(2, "little") for n in (0, 1, 2, 3, 7, 8, 11, 12, 15, 16, 24, 31, 32, 33, 64, 127, 128, 256, 65535)]
)
RAWS = TEXTS | WORDS | st.binary(max_size=12)


@pytest.mark.slow
@settings(FAST, max_examples=900)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 60), st.none() | RAWS), min_size=1, max_size=3))
def test_changed_headers(name: str, changes: list[tuple[int, bytes | None]]) -> None:
    check(read(rewrite(seed(name), changes)))


SERIES = ("ct", "magnitude phase", "real imaginary", "fat fraction", "enhanced", "ultrasound")
CHANGE = st.tuples(st.integers(0, 60), st.none() | RAWS)


@pytest.mark.slow
@settings(FAST, max_examples=150)
@given(st.sampled_from(SERIES), st.lists(st.tuples(st.integers(0, 40), CHANGE), min_size=1, max_size=3))
def test_changed_slices_of_a_series(name: str, changes: list[tuple[int, tuple[int, bytes | None]]]) -> None:
    files = list(series(name))
    for number, change in changes:
        files[number % len(files)] = rewrite(files[number % len(files)], [change])
    check(read(*files))


Edit = tuple[str, float, Any]
POINT = st.floats(0.0, 1.0, exclude_max=True)
EDITS = st.one_of(
    st.tuples(st.just("flip"), POINT, st.integers(0, 7)),
    st.tuples(st.just("set"), POINT, st.integers(0, 255)),
    st.tuples(st.just("insert"), POINT, st.binary(min_size=1, max_size=16)),
    st.tuples(st.just("delete"), POINT, st.integers(1, 64)),
    st.tuples(st.just("cut"), POINT, st.just(0)),
)


def apply_edit(content: bytearray, edit: Edit) -> None:
    kind, share, value = edit
    at = int(share * len(content))
    if kind == "flip" and content:
        content[at] ^= 1 << value
    elif kind == "set" and content:
        content[at] = value
    elif kind == "insert":
        content[at:at] = value
    elif kind == "delete":
        del content[at : at + value]
    elif kind == "cut":
        del content[at:]


@pytest.mark.slow
@settings(FAST, max_examples=1100)
@given(st.sampled_from(SEEDS), st.booleans(), st.lists(EDITS, min_size=1, max_size=4))
def test_changed_bytes(name: str, in_header: bool, edits: list[Edit]) -> None:
    content = bytearray(seed(name))
    for edit in edits:
        share = edit[1] * min(1.0, 1800 / max(len(content), 1)) if in_header else edit[1]
        apply_edit(content, (edit[0], share, edit[2]))
    check(read(bytes(content)))


@pytest.mark.slow
@settings(FAST, max_examples=300)
@given(st.sampled_from(SEEDS), st.integers(1, 20000))
def test_a_cut_file_is_never_read(name: str, missing: int) -> None:
    content = seed(name)
    padding = int(name.endswith("deflated"))  # a deflated stream may end with one byte that holds nothing
    result = read(content[: max(len(content) - missing - padding, 0)])
    assert isinstance(result, SteatoscopeError)
    assert result.code in ("E_TRUNCATED", "E_EMPTY", "E_NOPIXELS", "E_FORMAT")


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_is_readable(name: str) -> None:
    result = read(seed(name))
    assert isinstance(result, Study)
    check(result)


@pytest.mark.parametrize("name", SERIES)
def test_every_series_is_readable(name: str) -> None:
    result = read(*series(name))
    assert isinstance(result, Study)
    check(result)
