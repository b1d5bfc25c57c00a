"""A simulated cohort in the style of the H-MRS study (Colantonio et al.): clips of two views, fat from 0.27 to 51 %.

Everything made here is simulated. 74 % of the subjects are S0 as published; the shares of S1 to S3 are not, and are
chosen (13, 5 and 8 %). Clips have 1 to 224 frames at 30 frames a second, of which at most 20 are drawn evenly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.phantoms.us_acoustics import USSettings
from steatoscope.learning.inference.us_graph_view import centred

View = Literal["AR", "HR"]
VIEWS: Final[tuple[View, View]] = ("AR", "HR")
LIMITS: Final = (3.12, 8.77, 13.69)
SHARES: Final = (0.74, 0.13, 0.05, 0.08)
LOWEST, HIGHEST = 0.27, 50.97
LONGEST: Final = 224


@dataclass(frozen=True, slots=True)
class Subject:
    """One simulated person: MRS fat fraction in percent, frames in the clip of each view, seed of the anatomy."""

    name: str
    fat_percent: float
    clip_frames: tuple[int, int]
    seed: int


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames (n, 360, 360) uint8 of one view with their subject's number (n,)."""

    pixels: NDArray[np.uint8]
    subject: NDArray[np.intp]


def draw_subjects(count: int = 150, seed: int = 0) -> tuple[Subject, ...]:
    """Subjects with the published spread of fat; the same seed gives the same subjects.

    Raises ValueError for fewer than 28 (nested folds need each class).
    """
    if count < 28:
        raise ValueError("the cohort needs at least 28 subjects, seven of each class, for nested folds")
    rng = np.random.default_rng(seed)
    counts = np.maximum(np.floor(np.asarray(SHARES) * count), 7).astype(int)
    counts[0] = count - counts[1:].sum()
    fats = [_fat(grade, rng) for grade, number in enumerate(counts) for _ in range(number)]
    return tuple(
        Subject(f"sim-{i:03d}", fat, (_length(rng), _length(rng)), int(rng.integers(2**31)))
        for i, fat in enumerate(fats)
    )


def _fat(grade: int, rng: Generator) -> float:
    edges = (LOWEST, *LIMITS, HIGHEST)
    low, high = edges[grade], edges[grade + 1]
    # Log-uniform within a class: low values are the common ones in each.
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _length(rng: Generator) -> int:
    return int(rng.integers(1, LONGEST + 1))


def render(
    subjects: tuple[Subject, ...],
    view: View,
    *,
    most_frames: int,
    cache: Path | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Frames:
    """Frames of one view of every subject, cut to their centre; kept in ``cache`` (an .npz) where one is given."""
    if cache is not None and cache.is_file():
        with np.load(cache) as stored:
            return Frames(stored["pixels"], stored["subject"])
    parts, owners = [], []
    for number, subject in enumerate(subjects):
        clip = _clip(subject, view, most_frames)
        parts.append(clip)
        owners.append(np.full(len(clip), number, dtype=np.intp))
        if report is not None:
            report(number + 1, len(subjects))
    frames = Frames(np.concatenate(parts), np.concatenate(owners))
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        part = cache.with_suffix(".part.npz")
        np.savez(part, pixels=frames.pixels, subject=frames.subject)
        part.replace(cache)
    return frames


def _clip(subject: Subject, view: View, most_frames: int) -> NDArray[np.uint8]:
    """At most ``most_frames`` frames drawn evenly over the clip's length."""
    length = subject.clip_frames[VIEWS.index(view)]
    drawn = min(length, most_frames)
    rng = np.random.default_rng([subject.seed, 7])
    base = USSettings()
    settings = replace(
        base,
        gain_db=base.gain_db + float(rng.normal(0.0, 1.5)),
        tgc_db_cm_mhz=base.tgc_db_cm_mhz + float(rng.normal(0.0, 0.02)),
        depth_cm=float(rng.uniform(15.0, 17.0)),
        frame_time_ms=base.frame_time_ms * max(length / drawn, 1.0),
    )
    phantom = simulate_us(subject.fat_percent, subject.seed, view=view, frames=drawn, settings=settings)
    return centred(phantom.clip.frames)
