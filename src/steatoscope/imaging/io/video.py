"""MP4, MOV and AVI clips through OpenCV: an even choice of frames within a memory limit."""

from __future__ import annotations

import importlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import Clip, Study, USFacts, USScan, USView
from steatoscope.imaging.io.colour import coloured_share, to_grey
from steatoscope.imaging.io.decoding import cut_short, decoding, too_large
from steatoscope.imaging.io.frames import MIN_SIDE_US
from steatoscope.imaging.io.hashing import input_file
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.sniff import sniff

MAX_FRAMES: Final = 1000
_MAX_DECODED: Final = 40_000


@dataclass
class _Thinning:
    """Keeps every ``step``-th frame offered; doubles the step, and halves what is kept, whenever the limit is hit."""

    limit: int
    step: int = 1
    seen: int = 0
    frames: list[NDArray[np.uint8]] = field(default_factory=list)
    coloured: list[float] = field(default_factory=list)

    def offer(self, rgb: NDArray[np.uint8]) -> None:
        if self.seen % self.step == 0:
            if len(self.frames) >= self.limit:
                self.frames, self.coloured = self.frames[::2], self.coloured[::2]
                self.step *= 2
            if self.seen % self.step == 0:
                self.frames.append(to_grey(rgb))
                self.coloured.append(coloured_share(rgb))
        self.seen += 1


def read_clip(path: Path, options: ReadOptions) -> Study:
    """Read a clip as one ultrasound view; at most 1,000 frames, evenly spaced over the clip, are kept.

    The container's own frame count is not trusted. Raises E_MODALITY where CT or MR is asked for, E_TRUNCATED for a
    container that ends early, E_FORMAT for one without decodable frames, E_BOMB and E_SIZE by the frame size.
    """
    if options.modality in ("CT", "MR"):
        raise SteatoscopeError("E_MODALITY", path=str(path), cause="A video clip is ultrasound, not CT or MR.")
    _check_container(path)
    with decoding(path, "a video"):
        kept, frame_ms = _decode(path, options)
    if not kept.frames:
        raise SteatoscopeError("E_FORMAT", path=str(path), cause="No frame of the clip can be decoded.")
    clip = Clip(np.stack(kept.frames), coloured=np.array(kept.coloured), frame_time_ms=frame_ms)
    view = USView(None, clip, USFacts(lossy=True))
    source = {"frames_decoded": kept.seen, "frame_step": kept.step}
    file = input_file([path], "video", len(kept.frames))
    return Study(USScan((view,)), (file,), notes=_notes(kept), source=source)


def _notes(kept: _Thinning) -> tuple[QualityCode, ...]:
    notes = [warning("W_LOSSY", "Video coding.")]
    if kept.step > 1:
        notes.append(warning("W_IGNORED", f"One frame in {kept.step} of a long clip was kept."))
    return tuple(notes)


def _decode(path: Path, options: ReadOptions) -> tuple[_Thinning, float | None]:
    cv2 = quiet_opencv()
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise SteatoscopeError("E_FORMAT", path=str(path), cause="The clip cannot be opened.")
        width, height = (int(capture.get(name)) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        _check_size(path, width, height, options)
        kept = _Thinning(limit=min(MAX_FRAMES, max(2, options.max_bytes // max(1, width * height))))
        for frame in _frames(capture, width, height):
            kept.offer(np.ascontiguousarray(frame[..., ::-1]))
        rate = float(capture.get(cv2.CAP_PROP_FPS))
    finally:
        capture.release()
    return kept, kept.step * 1000.0 / rate if 1.0 <= rate <= 1000.0 else None


def quiet_opencv() -> ModuleType:
    """OpenCV with its own and FFmpeg's messages silenced; FFmpeg reads its level once, at the first clip."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    opencv = importlib.import_module("cv2")
    opencv.utils.logging.setLogLevel(opencv.utils.logging.LOG_LEVEL_SILENT)
    return opencv


def _frames(capture: Any, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    for _ in range(_MAX_DECODED):
        good, frame = capture.read()
        if not good:
            return
        if frame.shape == (height, width, 3):
            yield frame


def _check_size(path: Path, width: int, height: int, options: ReadOptions) -> None:
    if max(width, height) > options.max_side:
        raise too_large(path, f"It has more than {options.max_side} pixels a side.")
    if min(width, height) < MIN_SIDE_US:
        cause = f"It has {width} x {height} pixels; at least {MIN_SIDE_US} a side are needed."
        raise SteatoscopeError("E_SIZE", path=str(path), cause=cause)


def _check_container(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        if sniff(path) == "avi":
            declared = struct.unpack("<I", stream.read(8)[4:8])[0]
            if declared and declared + 8 > size + 1:
                raise cut_short(path)
        elif b"moov" not in _top_atoms(stream, size, path):
            raise cut_short(path, "The clip's index (moov) is missing.")


def _top_atoms(stream: Any, size: int, path: Path) -> set[bytes]:
    """Names of the top-level boxes (ISO/IEC 14496-12); raises E_TRUNCATED where one runs past the end."""
    names: set[bytes] = set()
    place = 0
    while place + 8 <= size and len(names) < 1000:
        stream.seek(place)
        head = stream.read(16)
        length, name = struct.unpack(">I4s", head[:8])
        names.add(name)
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length == 0:
            break
        if length < 8 or place + length > size:
            raise cut_short(path)
        place += length
    return names
