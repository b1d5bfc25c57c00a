"""Segmenters on a user's own manifest: painted pictures with masks, split by subject, few steps; faults are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from painted_kit import painted
from training_folders import disc, table, write

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from steatoscope.apps.cli.main import run  # noqa: E402
from steatoscope.core.errors import SteatoscopeError  # noqa: E402
from steatoscope.learning.evaluation.lab_check import check_data  # noqa: E402
from steatoscope.learning.inference.slices import SliceSegmenter  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.training.segment_own import own_picture, own_set, own_split  # noqa: E402
from steatoscope.learning.training.segment_own_fit import held_out_dice  # noqa: E402

KINDS = ("us", "ct", "mr")


def _picture(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A frame or a body with an organ in it, and the organ's mask with the values 0 and 1."""
    if kind == "us":
        frame = painted(10.0, seed)
        return frame, (disc((frame.shape[0], frame.shape[1]), 40) > 0).astype(np.uint8)
    body, liver = disc((96, 128), 40), np.zeros((96, 128), np.uint8)
    cv2.circle(liver, (54 + seed % 7, 48), 14, 1, -1)
    noise = np.random.default_rng(seed).normal(0, 4, body.shape)
    grey = np.where(liver > 0, 110, np.where(body > 0, 60, 0)) + np.where(body > 0, noise, 0)
    return np.clip(grey, 0, 255).astype(np.uint8), liver


def _rows(folder: Path, kind: str, subjects: int = 6) -> list[dict[str, Any]]:
    rows = []
    for number in range(2 * subjects):
        image, liver = _picture(kind, number)
        write(folder / f"image_{number}.png", image)
        write(folder / "masks" / f"{number}.png", liver)
        row = {"path": f"image_{number}.png", "subject": f"s{number // 2}", "modality": kind}
        rows.append({**row, "mask_path": f"masks/{number}.png"})
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_a_manifest_trains_a_liver_segmenter_that_ships(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, out = tmp_path / "own", tmp_path / "run"
    own.mkdir()
    table(own / "manifest.csv", _rows(own, kind))
    call = ["train", f"{kind}-segmenter", "--data", str(own)]
    assert run([*call, "--check-only", "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert (checked["images"], checked["subjects"], checked["masks"]) == (12, 6, 12)
    assert run([*call, "--out", str(out), "--steps", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["held_out"]["subjects"] in (1, 2)
    assert told["pictures"] + told["held_out"]["pictures"] == 12
    model = read_folder(out)
    record = model.training
    assert {row["subject"] for row in record["data"]} | set(record["held_out"]) == {f"s{n}" for n in range(6)}
    assert not {row["subject"] for row in record["data"]} & set(record["held_out"])
    segmenter = SliceSegmenter.open(model)
    assert (segmenter.kind, segmenter.classes) == (kind, ("liver",))
    assert "your own images" in (out / "card.md").read_text(encoding="utf-8")
    assert f"{told['held_out']['dice']:.3f}" in (out / "card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_all_that_is_not_zero_and_reach_the_canvas(kind: str, tmp_path: Path) -> None:
    table(tmp_path / "manifest.csv", _rows(tmp_path, kind))
    for sample in own_set(tmp_path, kind).samples:  # type: ignore[arg-type]
        picture = own_picture(sample)
        assert picture is not None
        assert picture.masks.shape[0] == 1
        assert picture.known.min() == 255
        share = (picture.masks[0] > 127).sum() / sample.mask().sum()
        grown = picture.grey[picture.masks[0] > 127]
        assert share > 0.5
        assert kind == "us" or np.median(grown) > 90


class _Painter(torch.nn.Module):
    """Calls liver what is bright on the canvas."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - 0.66) * 100.0


def test_the_dice_of_held_out_subjects_pools_their_pixels(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "ct", 3)
    table(tmp_path / "manifest.csv", rows)
    samples = own_set(tmp_path, "ct").samples
    perfect = held_out_dice(_Painter(), "ct", samples)  # 110 HU enter as 0.93, 60 HU as 0.40
    assert perfect.n == 3
    assert perfect.value == pytest.approx(1.0, abs=0.02)
    write(tmp_path / "masks" / "1.png", np.zeros((96, 128), np.uint8))
    halved = held_out_dice(_Painter(), "ct", own_set(tmp_path, "ct").samples)
    # of one subject in three half of what is found is not drawn: pooled 2/3, not the mean of 1 and 0
    assert halved.value == pytest.approx((1 + 1 + 2 / 3) / 3, abs=0.02)
    assert halved.interval is not None
    assert halved.interval[0] < halved.value <= halved.interval[1]


def test_a_subject_is_on_one_side_and_livers_on_both(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "mr", 6)
    for number in range(4, 12):
        write(tmp_path / "masks" / f"{number}.png", np.zeros((96, 128), np.uint8))
    table(tmp_path / "manifest.csv", rows)
    found = own_set(tmp_path, "mr")
    for seed in range(5):
        split = own_split(found, seed)
        learn, test = found.subset(split.train), found.subset(split.test)
        assert not set(learn.subjects) & set(test.subjects)
        assert any(sample.mask().any() for sample in learn.samples)
        assert all(sample.mask().any() for sample in test.samples)


def _deep(folder: Path) -> None:
    cv2.imwrite(str(folder / "image_3.png"), _picture("ct", 3)[0].astype(np.uint16) * 200)


@pytest.mark.parametrize(
    ("code", "change", "named"),
    [
        ("E_SIZE", lambda folder, rows: write(folder / "masks" / "3.png", disc((50, 50), 20)), "3.png"),
        ("E_ANNOTATION", lambda folder, rows: (folder / "masks" / "3.png").unlink(), "3.png"),
        ("E_ANNOTATION", lambda folder, rows: rows[3].update(mask_path=""), "image_3.png"),
        ("E_ANNOTATION", lambda folder, rows: [row.pop("mask_path") for row in rows], "manifest.csv"),
        ("E_ANNOTATION", lambda folder, rows: rows[3].update(subject=""), "image_3.png"),
        ("E_MODALITY", lambda folder, rows: rows[3].update(modality="mr"), "image_3.png"),
        ("E_DUPLICATE", lambda folder, rows: write(folder / "image_3.png", _picture("ct", 0)[0]), "image_3.png"),
        ("E_SUBJECTS", lambda folder, rows: [row.update(subject="one") for row in rows], "manifest.csv"),
        ("E_FORMAT", lambda folder, rows: _deep(folder), "image_3.png"),
    ],
)
def test_faults_stop_check_and_training_and_are_named(code: str, change: Any, named: str, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    rows = _rows(own, "ct")
    change(own, rows)
    table(own / "manifest.csv", rows)
    with pytest.raises(SteatoscopeError, match=code) as caught:
        check_data(own, "ct-segmenter")
    assert str(caught.value.path).endswith(named)
    out = tmp_path / "run"
    assert run(["train", "ct-segmenter", "--data", str(own), "--out", str(out), "--steps", "1"]) == 3


def test_frames_without_a_sector_are_left_out_with_a_warning(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "us")
    write(tmp_path / "image_3.png", np.zeros((218, 318), np.uint8))
    table(tmp_path / "manifest.csv", rows)
    found = check_data(tmp_path, "us-segmenter")
    assert found["images"] == 11
    assert any("image_3.png" in words and "no scan sector" in words for words in found["warnings"])
