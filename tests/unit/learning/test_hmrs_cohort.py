"""The simulated cohort of recipe R4, its frames, and how frames of two views are put together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steatoscope.learning.inference.us_graph_view import centred
from steatoscope.learning.training import hmrs_cohort
from steatoscope.learning.training.hmrs_cohort import (
    HIGHEST,
    LIMITS,
    LONGEST,
    LOWEST,
    VIEWS,
    Frames,
    draw_subjects,
    render,
)


def test_shares_and_range_are_the_published_ones() -> None:
    subjects = draw_subjects(150, seed=0)
    fat = np.array([subject.fat_percent for subject in subjects])
    shares = np.bincount(np.digitize(fat, LIMITS, right=True), minlength=4) / len(fat)
    assert shares[0] == pytest.approx(0.74, abs=0.02)
    assert shares[1] == pytest.approx(0.13, abs=0.02)
    assert (shares[2:] >= 7 / 150).all()
    assert fat.min() >= LOWEST
    assert fat.max() <= HIGHEST
    lengths = np.array([subject.clip_frames for subject in subjects])
    assert lengths.min() >= 1
    assert lengths.max() <= LONGEST
    assert len({subject.name for subject in subjects}) == 150


def test_a_seed_draws_the_same_subjects_and_another_others() -> None:
    assert draw_subjects(40, seed=3) == draw_subjects(40, seed=3)
    assert draw_subjects(40, seed=3) != draw_subjects(40, seed=4)


def test_too_few_subjects_for_nested_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 28"):
        draw_subjects(27)


def test_frames_are_drawn_kept_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = draw_subjects(28, seed=1)[:2]
    first = render(subjects, "HR", most_frames=2, cache=tmp_path / "frames.npz")
    assert first.pixels.shape[1:] == (360, 360)
    assert first.pixels.dtype == np.uint8
    counts = [min(subject.clip_frames[VIEWS.index("HR")], 2) for subject in subjects]
    np.testing.assert_array_equal(np.bincount(first.subject), counts)
    again = render(subjects, "HR", most_frames=2)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    monkeypatch.setattr(hmrs_cohort, "simulate_us", None)
    kept = render(subjects, "HR", most_frames=2, cache=tmp_path / "frames.npz")
    np.testing.assert_array_equal(kept.pixels, first.pixels)


def test_the_centre_is_cut_and_what_is_missing_is_black() -> None:
    frames = np.arange(2 * 400 * 300, dtype=np.uint32).reshape(2, 400, 300).astype(np.uint8)
    cut = centred(frames)
    np.testing.assert_array_equal(cut[:, :, 30:330], frames[:, 20:380])
    assert not cut[:, :, :30].any()
    assert not cut[:, :, 330:].any()


def _frames(counts: list[int]) -> Frames:
    owners = np.repeat(np.arange(len(counts)), counts)
    return Frames(np.zeros((len(owners), 1, 1), dtype=np.uint8), owners)


def test_pairs_are_of_one_subject_and_spread_over_both_clips() -> None:
    pytest.importorskip("torch", reason="needs the train extra (make train)")
    from steatoscope.learning.training.hmrs import pair, subject_means

    ar, hr = _frames([4, 1]), _frames([2, 3])
    pairs = pair([ar, hr], np.array([1.5, 20.0]))
    np.testing.assert_array_equal(pairs.subject, [0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(ar.subject[pairs.rows[:, 0]], pairs.subject)
    np.testing.assert_array_equal(hr.subject[pairs.rows[:, 1]], pairs.subject)
    np.testing.assert_array_equal(pairs.rows, [[0, 0], [1, 0], [2, 1], [3, 1], [4, 2], [4, 3], [4, 4]])
    np.testing.assert_array_equal(pairs.fat, [1.5] * 4 + [20.0] * 3)
    second = pairs.of([1])
    np.testing.assert_array_equal(second.rows[:, 1], [2, 3, 4])
    means, numbers = subject_means(np.array([1.0, 2.0, 3.0, 6.0, 9.0, 9.0, 12.0]), pairs.subject)
    np.testing.assert_allclose(means, [3.0, 10.0])
    np.testing.assert_array_equal(numbers, [0, 1])


def test_one_view_takes_every_frame_once() -> None:
    pytest.importorskip("torch", reason="needs the train extra (make train)")
    from steatoscope.learning.training.hmrs import pair

    pairs = pair([_frames([3, 2])], np.array([1.0, 2.0]))
    np.testing.assert_array_equal(pairs.rows[:, 0], np.arange(5))
