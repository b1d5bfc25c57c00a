"""Time of ``analyze`` on ultrasound in one warm process: a frame, and a clip of 100 frames.

Run with ``python benchmarks/us_latency.py FRAME.png [RUNS]`` on an idle machine with two cores. The first run loads
libraries and models and is given apart; then the median and the longest of the warm runs, the whole from the path to
the written folder and its parts. The clip holds 100 shifted copies of the frame with noise, so that none is a frozen
copy. ``cpu`` is process time: on a busy machine read that.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from steatoscope.apps.wiring.artifacts import write_outcome
from steatoscope.apps.wiring.ports import default_ports
from steatoscope.pipeline.analyse import analyse
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.progress import Tracker

CLIP_FRAMES = 100
FRAMES_A_SECOND = 20.0


def clip_of(frame: Path, folder: Path) -> Path:
    """A clip of 100 frames (AVI) that drifts by a pixel a frame, with noise of two grey levels."""
    grey = cv2.imread(str(frame), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise SystemExit(f"{frame} is no picture")
    path, rng = folder / "clip.avi", np.random.default_rng(0)
    size = (grey.shape[1] // 2 * 2, grey.shape[0] // 2 * 2)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FRAMES_A_SECOND, size)
    for index in range(CLIP_FRAMES):
        moved = np.roll(grey, round(3 * np.sin(index / 8.0)), axis=0)[: size[1], : size[0]].astype(np.float64)
        noisy = np.where(moved > 4, moved + rng.normal(0.0, 2.0, moved.shape), moved)
        writer.write(cv2.cvtColor(np.clip(noisy, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def once(path: Path, out: Path) -> dict[str, float]:
    """Milliseconds of one analysis: every stage, ``analyse`` and ``write`` as wholes, ``total`` and ``cpu``."""
    tracker, options = Tracker(), AnalyseOptions(modality="US")
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = analyse([path], options, default_ports(options), tracker)
    middle = time.perf_counter()
    write_outcome(outcome, out)
    end = time.perf_counter()
    parts = {"analyse": middle - wall, "write": end - middle, "total": end - wall, "cpu": time.process_time() - cpu}
    return {**tracker.timings_ms, **{name: 1000.0 * value for name, value in parts.items()}}


def measured(run: Callable[[], dict[str, float]], runs: int) -> dict[str, dict[str, float]]:
    """First run, median and longest of the following ones, in milliseconds."""
    first, rows = run(), [run() for _ in range(runs)]
    names = rows[0]
    return {
        "first": {name: round(first[name]) for name in ("total", "cpu")},
        "median": {name: round(float(np.median([row[name] for row in rows]))) for name in names},
        "longest": {name: round(max(row[name] for row in rows)) for name in ("total", "cpu")},
    }


def main() -> None:
    """Print the figures as JSON."""
    frame, runs = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = clip_of(frame, folder)
        figures = {
            "frame": measured(lambda: once(frame, folder / "frame"), runs),
            "clip of 100 frames": measured(lambda: once(clip, folder / "clip"), max(1, runs // 3)),
        }
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
