"""The ultrasound fat benchmark as the command line calls it: shipped models on new patients, and what is drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from steatoscope.core.errors import UsageError
from steatoscope.imaging.io.hashing import sha256_file
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.evaluation.byra2018_command import run_byra2018, score_byra2018, with_evidence
from steatoscope.learning.evaluation.report import take_evidence

ROWS, COLUMNS = np.indices((434, 636))
INSIDE = (np.hypot(ROWS - 5, COLUMNS - 318) < 362) & (np.abs(np.arctan2(COLUMNS - 318, ROWS - 5)) < 0.9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = ["patient_id,fat_percent"]
    for number, fat in enumerate((2, 40, 80), start=1):
        (tmp_path / f"patient_{number:02d}").mkdir()
        speckle = cv2.GaussianBlur(rng.normal(0, 25, INSIDE.shape), (0, 0), 1.0)
        image = np.where(INSIDE, np.clip(70 + speckle, 5, 250), 0).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"patient_{number:02d}" / "frame_01.png"), image)
        lines.append(f"{number},{fat}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize("name", ["us-steatosis", "us-first"])
def test_shipped_models_are_scored_without_torch(folder: Path, tmp_path: Path, name: str) -> None:
    document, _ = take_evidence(score_byra2018(folder, open_model(name), out=tmp_path))
    assert (document["n_subjects"], document["left_out"]) == (3, 0)
    assert name in document["results"]
    assert sha256_file(folder / "patient_01" / "frame_01.png") not in open_model(name).training_sha256


def test_a_model_of_something_else_is_wrong_usage(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not estimate liver fat"):
        score_byra2018(folder, open_model("us-segmenter"), out=tmp_path)


def test_there_is_no_small_nested_configuration(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="quick"):
        run_byra2018(folder, seed=0, out=tmp_path, quick=True)


def test_refused_patients_are_not_drawn() -> None:
    cases = [
        {"fat_percent": fat, "value_percent": value, "probability": p, "refused": refused}
        for fat, value, p, refused in ((2.0, 3.0, 0.1, False), (50.0, 40.0, 0.9, False), (70.0, 1.0, 0.0, True))
    ]
    document = {"results": {"model": {}}, "cases": cases, "robustness": {}, "differences": {}}
    evidence = with_evidence(document)["evidence"]
    assert evidence.agreements[0].measured.tolist() == [3.0, 40.0]
    assert evidence.confusions[0].counts.sum() == 2
    assert evidence.confusions[0].counts[2, 2] == 1
    assert evidence.notes == ("1 of 3 patients refused; curves leave them out.",)
