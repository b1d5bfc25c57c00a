"""Recipe R5: what its pictures are, that its heads fit the architecture, that it runs, resumes and packs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError, UsageError

pytest.importorskip("torch", reason="needs the train extra (make train)")

from r5_kit import ENCODERS, PLANS
from training_folders import annotate, aul_folder, disc, picture, write

from steatoscope.learning.evaluation.r5 import ARCHITECTURES, R5Plan, encoders_of, run_r5, train_r5
from steatoscope.learning.evaluation.r5_scores import CONTROL, FindingReading, mask_counts, row_of
from steatoscope.learning.inference.ct_localiser_window import CANVAS
from steatoscope.learning.inference.slice_anomaly import KEY, SliceAnomaly
from steatoscope.learning.model_folder import read_folder
from steatoscope.learning.training.ct_focal_phantoms import phantom_slices
from steatoscope.learning.training.ct_focal_slices import LiverSlice
from steatoscope.learning.training.r5_ct import class_of, drawn, painted
from steatoscope.learning.training.r5_pictures import CLASSES, Drawn, FindingSet, encoder_input, squared
from steatoscope.learning.training.r5_sources import found_sets

TINY = R5Plan("tiny", 64, 2, 2, 0, 2, 1, 2, real_ct=False)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for one another on a busy machine cost more than they bring."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def slices() -> list[LiverSlice]:
    return phantom_slices(1, 5, each=1)


def _discs(count: int = 12, side: int = 64) -> FindingSet:
    """Blank pictures with a dark (benign) or bright (malignant) disc."""

    def draw(row: int, copy: int) -> Drawn:
        y, x = np.indices((side, side))
        disc = (y - 30) ** 2 + (x - 34 - copy) ** 2 < 81
        mask = disc if row % 3 else np.zeros_like(disc)
        grey = np.full((side, side), 115.0) + np.where(mask, (0, -60, 60)[row % 3], 0)
        return Drawn(grey.astype(np.uint8), mask, np.ones((side, side), dtype=np.bool_))

    rows = np.arange(count)
    return FindingSet(
        "discs",
        True,
        (rows % 3).astype(np.intp),
        np.array([f"v{row // 3}" for row in rows]),
        np.full(count, "all"),
        tuple(f"k{row}" for row in rows),
        draw,
    )


def test_a_slice_gives_each_class_and_nothing_outside_the_liver_tells_them_apart(slices: list[LiverSlice]) -> None:
    pictures = [drawn(slices, label, 0, side=128, seed=1) for label in range(3)]
    assert [bool(one.mask.any()) for one in pictures] == [False, True, True]
    for one in pictures:
        assert one.grey.shape == (128, 128)
        assert not (one.mask & ~one.tissue).sum() > 0.02 * one.mask.sum() + 4
    again = drawn(slices, 2, 0, side=128, seed=1)
    assert np.array_equal(again.grey, pictures[2].grey)
    assert not np.array_equal(drawn(slices, 2, 1, side=128, seed=1).grey, again.grey)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_painted_regions_have_the_class_that_was_asked_for(slices: list[LiverSlice], label: int) -> None:
    _, regions = painted(slices[0], label, np.random.default_rng(3))
    assert class_of(regions) == label
    solid = [one for one in regions if one.sort in {"hypodense", "hyperdense"}]
    assert bool(solid) == (label == 2)


def test_a_picture_is_padded_to_a_square_before_it_is_scaled() -> None:
    grey = np.full((20, 40), 100.0, dtype=np.float32)
    mask = np.zeros((20, 40), dtype=np.bool_)
    mask[5:10, 10:20] = True
    found = squared(grey, (mask, grey > 0), 40)
    assert found.grey[0].max() == 0
    assert found.grey[20, 20] == 100
    assert found.mask[15:20, 10:20].all()
    assert found.mask.sum() == mask.sum()


def test_heads_answer_as_the_whole_architecture() -> None:
    import torch

    from steatoscope.learning.training.r5_fit import answer, fit_heads, map_bank
    from steatoscope.learning.training.r5_pack import whole_network

    data = _discs()
    bank = map_bank(data, "mobilenet-anomaly", "random", side=64, copies=1)
    heads = fit_heads(bank, np.arange(9), steps=5, seed=0)
    network = whole_network("mobilenet-anomaly", bank, heads)
    found = answer(heads, bank, [9, 10, 11])
    pictures = np.stack([encoder_input(data.draw(row, 0).grey) for row in (9, 10, 11)])
    with torch.no_grad():
        logits, mask = network(torch.from_numpy(pictures)[:, None])
    assert np.allclose(logits.numpy(), found.logits, atol=0.05)
    assert np.allclose(torch.sigmoid(mask)[:, 0].numpy(), found.heat, atol=0.02)
    assert found.logits.shape == (3, len(CLASSES))


def test_figures_of_perfect_answers_are_one_and_masks_are_counted() -> None:
    data = _discs(24)
    wanted = [data.draw(row, 0).mask for row in range(24)]
    pairs = [mask_counts(mask.astype(np.float32), mask) for mask in wanted]
    reading = FindingReading(
        np.eye(3)[data.labels], np.stack([counts for counts, _ in pairs]), np.array([hit for _, hit in pairs])
    )
    row = row_of(data, reading)
    for name in ("macro_f1", "accuracy_3", "macro_auc", "auc_abnormal", "mask_dice", "hottest_inside"):
        assert row[name] == 1.0, name
    assert row["false_masks_on_normal"] == 0.0
    assert row["macro_f1_ci"] == [1.0, 1.0]


def test_it_runs_on_phantoms_alone_and_resumes_to_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steatoscope.learning.evaluation.r5.PLANS", {"small": TINY})
    monkeypatch.setattr("steatoscope.learning.evaluation.r5.ARCHITECTURES", ("mobilenet-anomaly", "lite0-anomaly"))
    first = run_r5("small", None, tmp_path, weights="random")
    rows = [name for name in first["results"] if not name.startswith("size")]
    assert len(rows) == 5
    assert all(name.endswith("(simulated)") for name in rows)
    assert any("control" in name for name in rows)
    assert first["manifest"]["weights"]["CT foci"]["lite0-anomaly, random start"]["source"] == "random"
    assert first["manifest"]["split"]["CT foci"]
    again = run_r5("small", None, tmp_path, weights="random", resume=True)
    assert again["results"][rows[0]] == first["results"][rows[0]]
    with pytest.raises(UsageError, match="another plan"):
        run_r5("small", None, tmp_path, seed=7, weights="random", resume=True)


def _told(data: FindingSet, *_: object) -> dict[str, FindingReading]:
    """A control that is always right: what is compared here are two runs of the network."""
    return {CONTROL: FindingReading(np.eye(len(CLASSES))[data.labels])}


def test_a_run_killed_in_a_fold_ends_with_the_same_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, str(Path(__file__).with_name("r5_kit.py")), str(out)]
    place = out / "CT-foci" / "lite0-anomaly"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while not (place / "fold-0" / "checkpoint.pt").is_file():
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (place / "fold-0" / "answers.npz").is_file()
    monkeypatch.setattr("steatoscope.learning.evaluation.r5.PLANS", dict(PLANS))
    monkeypatch.setattr("steatoscope.learning.evaluation.r5.ARCHITECTURES", ENCODERS)
    monkeypatch.setattr("steatoscope.learning.evaluation.r5_scores.RESAMPLES", 50)
    monkeypatch.setattr("steatoscope.learning.evaluation.r5.baseline_readings", _told)
    resumed, whole = (
        run_r5("small", None, folder, weights="random", resume=True) for folder in (out, tmp_path / "whole")
    )
    speed = "size and speed: lite0-anomaly"
    assert resumed["results"].keys() == whole["results"].keys()
    assert all(row == whole["results"][name] for name, row in resumed["results"].items() if name != speed)
    one, other = (np.load(folder / "CT-foci/lite0-anomaly/fold-0/answers.npz") for folder in (out, tmp_path / "whole"))
    np.testing.assert_array_equal(one["scores"], other["scores"])


def test_a_packed_model_reads_eight_bit_slices_and_claims_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slices: list[LiverSlice]
) -> None:
    monkeypatch.setattr("steatoscope.learning.evaluation.r5.PLANS", {"small": TINY})
    told = train_r5(None, tmp_path, seed=0, steps=2, resume=False, plan="small", weights="random")
    assert told["truth"] == "simulated"
    model = read_folder(tmp_path)
    assert model.settings[KEY]["side"] == TINY.side
    reader = SliceAnomaly.open(model)
    assert not reader.claim
    grey = np.clip(slices[0].hu, 0, 255).astype(np.uint8)
    reading = reader.read(grey, slices[0].liver)
    assert reading.heat.shape == CANVAS
    assert not reading.heat[~slices[0].liver].any()
    assert sum(reading.probabilities.values()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no liver"):
        reader.read(grey, np.zeros_like(slices[0].liver))


def test_wrong_words_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no plan"):
        run_r5("huge", None, tmp_path)
    with pytest.raises(UsageError, match="none of"):
        encoders_of("full", "unet-2d=weights.pt")
    with pytest.raises(SteatoscopeError) as fault:
        run_r5("small", tmp_path / "missing", tmp_path)
    assert fault.value.code == "E_PATH"
    (tmp_path / "own").mkdir()
    with pytest.raises(SteatoscopeError, match="neither us/aul"):
        run_r5("small", tmp_path / "own", tmp_path / "out")
    (tmp_path / "own" / "manifest.csv").write_text("path,subject\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"no manifest\.csv"):
        run_r5("small", tmp_path / "own", tmp_path / "out")
    assert encoders_of("full", None) == {"lite0-anomaly": "package"}
    assert encoders_of("full", "mobilenet-anomaly=a.pt")["mobilenet-anomaly"] == "a.pt"
    assert set(encoders_of("small", None)) == set(ARCHITECTURES)
    assert encoders_of("small", None)["vgg16-anomaly"] == "random"


def test_a_class_that_is_none_of_the_three_and_a_mask_of_another_size_are_named(tmp_path: Path) -> None:
    entries = aul_folder(tmp_path / "aul")
    annotate(tmp_path / "aul", {**entries, "normal_000": {**entries["normal_000"], "class": "cirrhosis"}})
    with pytest.raises(SteatoscopeError) as fault:
        found_sets(tmp_path / "aul", TINY, 0)
    assert fault.value.code == "E_LABEL"
    msd = tmp_path / "msd_liver_jpg"
    write(msd / "images" / "flipped_1_10.jpg", picture(1))
    write(msd / "masks" / "flipped_1_10.jpg", disc((40, 60)))
    with pytest.raises(SteatoscopeError) as fault:
        found_sets(msd, replace(TINY, real_ct=True), 0, ct_only=True)
    assert (fault.value.code, "60 x 40" in str(fault.value.cause)) == ("E_ANNOTATION", True)


@pytest.mark.realdata
def test_real_frames_are_cut_to_their_sector_and_grouped(data_dir: Path) -> None:
    from steatoscope.learning.training.r5_aul import aul_pictures

    data = aul_pictures(data_dir / "us" / "aul", side=96, seed=0, most=2)
    assert sorted(set(data.labels.tolist())) == [0, 1, 2]
    assert data.control is not None
    assert np.isfinite(data.control(0)).all()
    for row, label in enumerate(data.labels):
        first, copy = data.draw(row, 0), data.draw(row, 1)
        assert bool(first.mask.any()) == (label > 0)
        assert not first.grey[~first.tissue].any()
        assert not np.array_equal(first.grey, copy.grey)
