"""Look-alike groups on made copies and on the real sets; the cache that remembers them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import training_folders as made
from numpy.typing import NDArray

from steatoscope.learning.training.features_cache import FeatureCache, cache_folder
from steatoscope.learning.training.sets_liver_png import read_pairs
from steatoscope.learning.training.twins import (
    FRAME_THRESHOLD,
    SLICE_THRESHOLD,
    frame_similarity,
    groups_of,
    remembered,
    slice_similarity,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))


def _slice(seed: int) -> NDArray[np.uint8]:
    """An off-centre ellipse of its own texture, as a body on black."""
    body = np.zeros((256, 256), np.uint8)
    cv2.ellipse(body, (128, 120), (80, 50), 0, 0, 360, 1, -1)
    cv2.circle(body, (80, 120), 12, 0, -1)
    return np.asarray(cv2.GaussianBlur(made.picture(seed, (256, 256)) * body, (0, 0), 3), dtype=np.uint8)


def _augmented(image: NDArray[np.uint8], angle: float, scale: float, mirrored: bool) -> NDArray[np.uint8]:
    move = cv2.getRotationMatrix2D((128, 128), angle, scale)
    move[:, 2] += (9, -6)
    turned = np.asarray(cv2.warpAffine(image, move, (256, 256)), dtype=np.uint8)
    return np.ascontiguousarray(turned[:, ::-1]) if mirrored else turned


def test_augmented_slices_find_their_original_and_others_stay_apart() -> None:
    originals = [_slice(seed) for seed in range(6)]
    copies = [_augmented(originals[0], 15, 1.2, True), _augmented(originals[3], -10, 0.85, False)]
    groups = groups_of(slice_similarity([*originals, *copies]), SLICE_THRESHOLD)
    assert groups == [0, 1, 2, 3, 4, 5, 0, 3]


def test_frames_differ_where_only_the_sector_is_common() -> None:
    sector = made.disc(radius=45) > 0
    frames = [made.picture(seed) * sector for seed in range(5)]
    similarity = frame_similarity(frames, [sector] * 5)
    assert np.allclose(np.diag(similarity), 1, atol=1e-5)
    assert similarity[~np.eye(5, dtype=bool)].max() < FRAME_THRESHOLD


def test_brightness_and_contrast_do_not_hide_a_twin() -> None:
    sector = made.disc(radius=45) > 0
    frame = made.picture(3)
    changed = np.clip(0.6 * frame + 25, 0, 255).astype(np.uint8)
    assert frame_similarity([frame, changed], [sector, sector])[0, 1] > 0.9


def test_groups_are_chains_of_pairs() -> None:
    similarity = np.eye(5, dtype=np.float32)
    for a, b in ((1, 4), (4, 3)):
        similarity[a, b] = similarity[b, a] = 0.9
    assert groups_of(similarity, 0.5) == [0, 1, 2, 1, 1]


def test_groups_are_remembered_and_computed_again_for_other_images() -> None:
    calls: list[int] = []

    def compute() -> list[int]:
        calls.append(1)
        return [0, 0, 1]

    assert remembered(["a", "b", "c"], "step", compute) == [0, 0, 1]
    assert remembered(["a", "b", "c"], "step", compute) == [0, 0, 1]
    assert len(calls) == 1
    remembered(["a", "b", "d"], "step", compute)
    assert len(calls) == 2


def test_features_are_computed_once_by_input_and_model() -> None:
    asked: list[list[int]] = []

    def features_of(missing: list[int]) -> list[dict[str, NDArray[np.float64]]]:
        asked.append(missing)
        return [{"x": np.full(3, float(index))} for index in missing]

    cache = FeatureCache(cache_folder(), "model-a")
    cache.compute(["one", "two"], features_of)
    found = cache.compute(["two", "three", "one"], features_of)
    assert asked == [[0, 1], [1]]
    assert [float(arrays["x"][0]) for arrays in found] == [1.0, 1.0, 0.0]
    assert FeatureCache(cache_folder(), "model-b").get("one") is None


def test_a_damaged_or_unwritable_cache_costs_time_only(tmp_path: Path) -> None:
    cache = FeatureCache(cache_folder(), "model")
    cache.put("one", {"x": np.arange(3)})
    (file,) = cache_folder().rglob("*.npz")
    file.write_bytes(file.read_bytes()[:40])
    assert cache.get("one") is None
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    FeatureCache(blocked, "model").put("one", {"x": np.arange(3)})
    assert FeatureCache(blocked, "model").get("one") is None


@pytest.mark.realdata
def test_real_copies_of_one_slice_are_found(data_dir: Path) -> None:
    folder = data_dir / "mr" / "chaos_t1_png" / "train"
    samples = read_pairs(folder / "Data", folder / "Ground", lambda path: path.stem, modality="mr")
    chosen = [samples[number] for number in (36, 37, 38, 236, 237, 62, 63, 100)]
    counts = Counter(groups_of(slice_similarity([sample.image() for sample in chosen]), SLICE_THRESHOLD))
    assert sorted(counts.values()) == [1, 2, 2, 3]
