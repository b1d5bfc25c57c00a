"""Damaged bytes of every format: a study or a coded error, never another exception."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, MRScan, Study, USScan
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.video import quiet_opencv
from steatoscope.imaging.io.write import nifti_bytes

RNG = np.random.default_rng(0)
FRAME = RNG.integers(0, 256, (130, 134), dtype=np.uint8)


def picture(kind: str, **parameters: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.stack([FRAME] * 3, axis=-1) if kind == "JPEG" else FRAME).save(buffer, kind, **parameters)
    return buffer.getvalue()


def mat() -> bytes:
    signal = (RNG.normal(size=(32, 33, 1, 1, 3)) + 1j * RNG.normal(size=(32, 33, 1, 1, 3))).astype(np.complex64)
    buffer = io.BytesIO()
    fields = {"images": signal, "TE": np.array([1e-3, 2e-3, 3e-3]), "FieldStrength": 1.5}
    scipy.io.savemat(buffer, {"imDataParams": fields})
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a/1.png", picture("PNG"))
        target.writestr("a/notes.txt", b"words")
    return buffer.getvalue()


def clip() -> bytes:
    cv2 = quiet_opencv()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.avi")
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (144, 136))
        for shade in (50, 100, 150):
            writer.write(np.full((136, 144, 3), shade, np.uint8))
        writer.release()
        return path.read_bytes()


def nifti() -> bytes:
    return nifti_bytes(RNG.integers(-1000, 1000, (3, 33, 34)).astype(np.int16), Geometry.from_spacing((3.0, 1.0, 1.0)))


SAMPLES: dict[str, tuple[bytes, str | None]] = {
    "png": (picture("PNG"), None),
    "jpeg": (picture("JPEG"), None),
    "tiff": (picture("TIFF"), None),
    "tiff-lzw": (picture("TIFF", compression="tiff_lzw"), None),
    "nifti-ct": (nifti(), "CT"),
    "nifti-mr": (nifti(), "MR"),
    "mat": (mat(), None),
    "zip": (archive(), None),
    "avi": (clip(), None),
}
DAMAGES = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.sampled_from((0.0, 0.02, 1.0)), st.integers(0, 255)), min_size=1, max_size=6
)


def damaged(content: bytes, changes: list[tuple[float, float, int]], end: float) -> bytes:
    """Bytes set at places spread over the whole file or, often, over its header; then cut at a share of its length."""
    changed = bytearray(content)
    for place, spread, value in changes:
        changed[min(int(place * max(spread * len(changed), 400.0)), len(changed) - 1)] = value
    return bytes(changed[: max(1, int(end * len(changed)))])


def outcome(path: Path, modality: str | None) -> str:
    """The error's code, or "ok" after checking what was read."""
    try:
        study = load_study([path], ReadOptions(modality=modality, max_bytes=64 * 1024**2))
    except UsageError:
        return "usage"
    except SteatoscopeError as fault:
        return fault.code if fault.cause and fault.remedy and fault.path else "incomplete"
    check(study)
    return "ok"


def check(study: Study) -> None:
    assert study.inputs
    assert len(study.inputs[0].sha256) == 64
    scan = study.scan
    if isinstance(scan, USScan):
        assert all(min(view.clip.frames.shape[1:]) >= 128 for view in scan.views)
    elif isinstance(scan, CTScan):
        assert np.isfinite(scan.volume.data).all()
    else:
        assert isinstance(scan, MRScan)
        assert np.isfinite(scan.anatomy.data).all()


@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_are_sound(tmp_path: Path, kind: str) -> None:
    content, modality = SAMPLES[kind]
    (tmp_path / "sample").write_bytes(content)
    assert outcome(tmp_path / "sample", modality) == "ok"


@pytest.mark.parametrize("kind", SAMPLES)
@settings(
    max_examples=120, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=DAMAGES, end=st.one_of(st.just(1.0), st.floats(0.0, 1.0)))
def test_damage_gives_a_study_or_a_code(
    tmp_path: Path, kind: str, changes: list[tuple[float, float, int]], end: float
) -> None:
    content, modality = SAMPLES[kind]
    (tmp_path / "sample").write_bytes(damaged(content, changes, end))
    assert outcome(tmp_path / "sample", modality) != "incomplete"


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_cut_is_an_error(tmp_path: Path, kind: str) -> None:
    content, modality = SAMPLES[kind]
    outcomes = set()
    for end in np.linspace(0.02, 0.98, 25):
        (tmp_path / "sample").write_bytes(content[: int(end * len(content))])
        outcomes.add(outcome(tmp_path / "sample", modality))
    assert outcomes <= {"E_TRUNCATED", "E_FORMAT"}
    assert "E_TRUNCATED" in outcomes


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(max_size=2000))
def test_noise_is_never_read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "noise.png")
        path.write_bytes(content)
        assert outcome(path, None).startswith("E_")


WRONG: dict[str, tuple[Callable[[Path], object], str | None, str]] = {
    "empty": (lambda path: path.write_bytes(b""), None, "E_EMPTY"),
    "text": (lambda path: path.write_bytes(b"words " * 1000), None, "E_FORMAT"),
    "eight-bit CT": (lambda path: path.write_bytes(picture("PNG")), "CT", "E_DEPTH"),
    "cut png": (lambda path: path.write_bytes(picture("PNG")[:3000]), None, "E_TRUNCATED"),
    "mat as CT": (lambda path: path.write_bytes(mat()), "CT", "E_MODALITY"),
    "nifti as US": (lambda path: path.write_bytes(nifti()), "US", "E_MODALITY"),
    "gif": (lambda path: path.write_bytes(picture("GIF")), None, "E_FORMAT"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_quickly(tmp_path: Path, case: str) -> None:
    prepare, modality, code = WRONG[case]
    prepare(tmp_path / "scan.dcm")
    start = time.perf_counter()
    assert outcome(tmp_path / "scan.dcm", modality) == code
    assert time.perf_counter() - start < 5.0
