"""Clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io import video
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions


def clip(path: Path, count: int = 12, side: tuple[int, int] = (160, 144), codec: str = "MJPG") -> Path:
    cv2 = video.quiet_opencv()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 20.0, side)
    assert writer.isOpened()
    for number in range(count):
        writer.write(np.full((side[1], side[0], 3), 10 + number * 200 // count, np.uint8))
    writer.release()
    return path


def code_of(path: Path, **options: object) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        load_study([path], ReadOptions(**options))
    return caught.value.code


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v")])
def test_frames_are_read_in_order(tmp_path: Path, name: str, codec: str) -> None:
    study = load_study([clip(tmp_path / name, codec=codec)], ReadOptions())
    one = study.scan.views[0].clip
    assert one.frames.shape == (12, 144, 160)
    assert np.all(np.diff(one.frames.mean(axis=(1, 2))) > 5)
    assert one.coloured.max() == 0.0
    assert one.frame_time_ms == pytest.approx(50.0)
    assert study.inputs[0].kind == "video"
    assert [note.code for note in study.notes] == ["W_LOSSY"]


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v")])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_clips_are_truncated(
    tmp_path: Path, name: str, codec: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = clip(tmp_path / name, codec=codec).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    assert code_of(tmp_path / name) == "E_TRUNCATED"
    assert capfd.readouterr() == ("", "")


def test_garbage_in_a_container_is_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = bytearray(clip(tmp_path / "a.avi").read_bytes())
    whole[12:-8] = np.random.default_rng(0).bytes(len(whole) - 20)
    (tmp_path / "a.avi").write_bytes(whole)
    assert code_of(tmp_path / "a.avi") in ("E_FORMAT", "E_TRUNCATED", "E_SIZE", "E_BOMB")
    assert capfd.readouterr() == ("", "")


def test_long_clips_are_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_FRAMES", 10)
    study = load_study([clip(tmp_path / "a.avi", count=50)], ReadOptions())
    one = study.scan.views[0].clip
    steps = np.diff(one.frames.mean(axis=(1, 2)))
    assert 6 <= one.frames.shape[0] <= 10
    assert np.ptp(steps) <= 3.0
    assert one.frame_time_ms == pytest.approx(400.0)
    assert [note.code for note in study.notes] == ["W_LOSSY", "W_IGNORED"]


def test_wrong_clips_have_codes(tmp_path: Path) -> None:
    file = clip(tmp_path / "a.avi")
    assert code_of(file, modality="CT") == "E_MODALITY"
    assert code_of(file, max_side=150) == "E_BOMB"
    assert code_of(clip(tmp_path / "b.avi", side=(100, 100))) == "E_SIZE"
