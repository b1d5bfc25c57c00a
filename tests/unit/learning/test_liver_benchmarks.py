"""Liver benchmarks on tiny folders: layouts, orientation, slice order, what is left out, and scores known before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.image import Volume
from steatoscope.imaging.io.hashing import sha256_file
from steatoscope.imaging.phantoms.ct import simulate_ct
from steatoscope.imaging.phantoms.write_dicom import write_ct_series
from steatoscope.learning.evaluation import segmentation_scores_cv
from steatoscope.learning.evaluation.ct_liver import BASELINE, run_ct_liver, score_ct_liver
from steatoscope.learning.evaluation.ct_liver_data import (
    find_slices,
    find_volumes,
    lies_elsewhere,
    read_slice,
    read_volume,
)
from steatoscope.learning.evaluation.mr_liver import run_mr_liver, score_mr_liver
from steatoscope.learning.evaluation.report import take_evidence
from steatoscope.learning.evaluation.segmentation_scores_run import Tally, score_slices
from steatoscope.learning.training import sets_chaos_t1
from steatoscope.learning.training.sets import Sample


@dataclass
class FakeModel:
    """Has the parts of a model folder that scoring asks for."""

    name: str = "ct-segmenter"
    training_sha256: frozenset[str] = frozenset()
    settings: dict[str, object] = field(default_factory=lambda: {"classes": ["spleen"]})


def _upright(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A slice as usually displayed: liver (grey 120) upper left, spine (250) at the bottom."""
    rng = np.random.default_rng(seed)
    image = rng.integers(20, 40, size=(64, 48)).astype(np.uint8)
    mask = np.zeros(image.shape, dtype=np.bool_)
    mask[10 : 30 + seed % 5, 5:25] = True
    image[mask] = 120
    image[55:62, 20:28] = 250
    return image, mask


def _write(folder: Path, name: str, image: np.ndarray, mask: np.ndarray, masks: str, images: str) -> Path:
    for part, pixels in ((images, image), (masks, mask.astype(np.uint8) * 255)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / part / name), pixels)
    return folder / images / name


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    for seed, name in enumerate(["flipped_101_7.png", "mirrored_101_8.png", "flipped_102_3.png", "plain_103_10.png"]):
        image, mask = _upright(seed)
        turns = -1 if name.startswith("flipped") else 1 if name.startswith("mirrored") else 0
        _write(tmp_path, name, np.rot90(image, turns), np.rot90(mask, turns), "masks", "images")
    return tmp_path


def _above(level: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda images: (images > level) & (images < 200)


def test_slices_are_turned_upright_and_belong_to_their_volume(slices: Path) -> None:
    found = find_slices(slices)
    assert {sample.path.name: sample.group for sample in found} == {
        "flipped_101_7.png": "101",
        "mirrored_101_8.png": "101",
        "flipped_102_3.png": "102",
        "plain_103_10.png": "103",
    }
    for sample in found:
        image, mask = read_slice(sample)
        assert image.shape == (64, 48)
        assert image[58, 24] == 250
        assert mask[15, 10]


def test_a_perfect_and_a_half_finder_score_as_they_must(slices: Path, tmp_path: Path) -> None:
    perfect = score_ct_liver(slices, FakeModel(), out=tmp_path, find_slices_liver=_above(100))  # type: ignore[arg-type]
    figures = perfect["results"]["ct-segmenter"]
    assert figures["dice"] == figures["dice_pooled"] == 1.0
    assert figures["assd"] == 0.0
    assert figures["assd_unit"] == "pixel"
    assert "hu_bias" not in figures
    assert BASELINE not in perfect["results"]
    assert (perfect["n_subjects"], perfect["n_images"], perfect["left_out"]) == (3, 4, 0)

    def half(images: np.ndarray) -> np.ndarray:
        found = _above(100)(images)
        found[:, :, 15:] = False
        return found

    figures = score_ct_liver(slices, FakeModel(), out=tmp_path, find_slices_liver=half)["results"]["ct-segmenter"]  # type: ignore[arg-type]
    assert figures["dice"] == pytest.approx(2 / 3)


def test_training_images_are_left_out_and_a_whole_leak_is_refused(slices: Path, tmp_path: Path) -> None:
    names = sorted((slices / "images").iterdir())
    seen = frozenset(sha256_file(path) for path in names[:3])
    document = score_ct_liver(slices, FakeModel(training_sha256=seen), out=tmp_path, find_slices_liver=_above(100))  # type: ignore[arg-type]
    assert (document["n_subjects"], document["n_images"], document["left_out"]) == (1, 1, 3)
    assert "dice_ci" not in document["results"]["ct-segmenter"]
    every = frozenset(sha256_file(path) for path in names)
    with pytest.raises(SteatoscopeError) as fault:
        score_ct_liver(slices, FakeModel(training_sha256=every), out=tmp_path)  # type: ignore[arg-type]
    assert (fault.value.code, fault.value.exit_code) == ("E_LEAK", 4)


def test_the_worst_pictures_come_first(slices: Path, tmp_path: Path) -> None:
    def worst_is_103(images: np.ndarray) -> np.ndarray:
        found = _above(100)(images)
        found[-1] = False
        return found

    _, evidence = take_evidence(
        score_ct_liver(slices, FakeModel(), out=tmp_path, find_slices_liver=worst_is_103)  # type: ignore[arg-type]
    )
    assert evidence.worst[0].caption.startswith("plain_103_10 of 103: Dice 0.000")
    assert len(evidence.worst) == 4


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A simulated CT as CHAOS stores it: the first file is the highest slice, so readers turn the order round."""
    folder = tmp_path_factory.mktemp("chaos") / "set" / "5"
    phantom = simulate_ct(5.0, 1)
    write_ct_series(phantom, folder / "DICOM_anon")
    return folder, phantom.masks["liver"]


def _numbered(folder: Path, liver: np.ndarray, *, reverse: bool) -> None:
    files = sorted((folder / "DICOM_anon").iterdir())
    order = list(range(len(files)))
    if reverse:
        for path in files:
            path.rename(path.with_name(f"x{path.name}"))
        for k, path in enumerate(sorted((folder / "DICOM_anon").iterdir(), reverse=True)):
            path.rename(path.with_name(f"i{k:04d}.dcm"))
        order.reverse()
    (folder / "Ground").mkdir()
    for number, k in enumerate(order):
        cv2.imwrite(str(folder / "Ground" / f"liver_GT_{number:03d}.png"), liver[k].astype(np.uint8) * 255)


def test_volume_masks_follow_their_slices_and_both_rows_are_scored(
    chaos: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    folder, liver = chaos
    _numbered(folder, liver, reverse=True)
    (files,) = find_volumes(folder.parent.parent)
    volume, truth = read_volume(files)
    assert files.subject == "set/5"
    np.testing.assert_array_equal(truth, liver)

    def find(given: Volume) -> np.ndarray:
        return liver

    def shifted(given: Volume) -> np.ndarray:
        return np.roll(liver, 3, axis=2)

    document = score_ct_liver(
        folder.parent.parent,
        FakeModel(),  # type: ignore[arg-type]
        out=tmp_path,
        find_volume_liver=find,
        classical=shifted,
    )
    figures = document["results"]["ct-segmenter"]
    assert (figures["dice"], figures["assd"], figures["hu_bias"], figures["assd_unit"]) == (1.0, 0.0, 0.0, "mm")
    assert document["results"][BASELINE]["dice"] < 0.99
    assert not lies_elsewhere(volume, truth)
    assert lies_elsewhere(volume, truth[:, ::-1, ::-1])
    assert document["n_images"] == len(volume.data)
    with pytest.raises(UsageError, match="cross-validation"):
        run_ct_liver(folder.parent.parent, seed=0, out=tmp_path)
    seen = frozenset({sha256_file(files.slices[0])})
    with pytest.raises(SteatoscopeError, match="E_LEAK"):
        score_ct_liver(folder, FakeModel(training_sha256=seen), out=tmp_path)  # type: ignore[arg-type]
    files.masks[0].unlink()
    with pytest.raises(SteatoscopeError, match="E_ANNOTATION"):
        find_volumes(folder)


def test_wrong_folders_are_named(slices: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SteatoscopeError, match="E_EMPTY"):
        score_ct_liver(tmp_path / "nothing", FakeModel(), out=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        score_mr_liver(tmp_path, FakeModel(), out=tmp_path)  # type: ignore[arg-type]
    (slices / "masks" / "plain_103_10.png").unlink()
    with pytest.raises(SteatoscopeError, match="E_ANNOTATION"):
        score_ct_liver(slices, FakeModel(), out=tmp_path)  # type: ignore[arg-type]


def test_a_model_without_a_liver_class_is_wrong_usage(slices: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no segmenter of the liver"):
        score_ct_liver(slices, FakeModel(), out=tmp_path)  # type: ignore[arg-type]


@pytest.fixture
def mr_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for seed in range(4):
        _write(tmp_path, f"Aug_No_{seed}.png", *_upright(seed), "Ground", "Data")
    monkeypatch.setattr(sets_chaos_t1, "remembered", lambda hashes, step, compute: [0, 0, 1, 1])
    return tmp_path


def test_mr_copies_are_one_subject(mr_folder: Path, tmp_path: Path) -> None:
    document = score_mr_liver(mr_folder, FakeModel("mr-segmenter"), out=tmp_path, find=_above(100))  # type: ignore[arg-type]
    assert (document["n_subjects"], document["n_images"]) == (2, 4)
    assert document["results"]["mr-segmenter"]["dice"] == 1.0
    assert {case["subject"] for case in document["cases"]} == {"look-alike-000", "look-alike-001"}


@pytest.mark.slow
def test_the_quick_cross_validation_runs_end_to_end(
    mr_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch").set_num_threads(1)
    monkeypatch.setattr(segmentation_scores_cv, "QUICK_STEPS", 1)
    document, _ = take_evidence(run_mr_liver(mr_folder, seed=0, out=tmp_path / "run", quick=True))
    assert document["configuration"]["folds"] == 2
    assert "quick" in document["configuration"]
    assert document["configuration"]["steps"] == 1
    assert len(document["cases"]) == 4
    assert 0.0 <= document["results"]["mr-segmenter"]["dice"] <= 1.0


def test_no_fold_trains_on_a_group_that_it_scores(
    slices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    seen: list[set[str]] = []

    def trained(samples: Sequence[Sample], *_: object) -> Callable[[np.ndarray], np.ndarray]:
        seen.append({sample.group for sample in samples})
        return _above(100)

    scored: list[set[str]] = []

    def score(tally: Tally, row: str, samples: Sequence[Sample], *rest: Any) -> None:
        scored.append({sample.group for sample in samples})
        score_slices(tally, row, samples, *rest)

    monkeypatch.setattr(segmentation_scores_cv, "_trained", trained)
    monkeypatch.setattr(segmentation_scores_cv, "score_slices", score)
    document = run_ct_liver(slices, seed=0, out=tmp_path / "run", quick=True)
    assert document["results"]["ct-segmenter"]["dice"] == 1.0
    assert all(not (train & test) for train, test in zip(seen, scored, strict=True))
    assert set.union(*scored) == {"101", "102", "103"}


def test_too_few_groups_for_the_folds_are_refused(mr_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(SteatoscopeError, match="E_SUBJECTS"):
        run_mr_liver(mr_folder, seed=0, out=tmp_path)


@pytest.mark.realdata
def test_real_masks_lie_on_the_liver(data_dir: Path) -> None:
    (files,) = find_volumes(data_dir / "ct" / "chaos_ct")
    volume, truth = read_volume(files)
    assert not lies_elsewhere(volume, truth)
    assert np.median(volume.data[truth]) == pytest.approx(143, abs=1)
    assert all(lies_elsewhere(volume, turned) for turned in (truth[::-1], truth[:, ::-1], truth[:, :, ::-1]))


@pytest.mark.realdata
def test_real_slices_lie_upright(data_dir: Path) -> None:
    """The patient's right is on the left of the usual display, and so is most of the liver."""
    places = []
    for sample in find_slices(data_dir / "ct" / "msd_liver_jpg")[::25]:
        image, mask = read_slice(sample)
        if mask.sum() > 500:
            body = np.flatnonzero((image > 20).any(axis=0))
            places.append((np.nonzero(mask)[1].mean() - body[0]) / (body[-1] - body[0]))
    assert len(places) > 10
    assert np.mean(np.array(places) < 0.5) > 0.9
