"""The MR benchmark: its figures on real cases, its document, and its errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.phantoms.mr_torso import SETTINGS, simulate_torso
from steatoscope.learning.evaluation.mr_pdff import run_mr_pdff


@pytest.mark.realdata
def test_real_cases_reach_the_gate(data_dir: Path) -> None:
    document = run_mr_pdff(data_dir / "mr")
    result = document["results"]["steatoscope-complex"]
    assert result["score"] >= 9960
    assert result["score_ci"][0] <= result["score"] <= result["score_ci"][1]
    for case in document["cases"]:
        assert case["within_10_points"] >= 0.99
        assert case["off_by_50_points"] <= 0.005
        assert case["median_abs_diff"] < 0.5


def _simulated(folder: Path, name: str, seed: int) -> None:
    torso = simulate_torso(SETTINGS["1.5T four echoes"], seed)
    images = np.transpose(torso.train.data, (2, 3, 1, 0))[:, :, :, None, :]
    parameters = {
        "images": images,
        "TE": torso.train.echo_times_s,
        "FieldStrength": 1.5,
        "PrecessionIsClockwise": 1,
        "mask": np.moveaxis(torso.body, 0, 2).astype(np.uint8),
    }
    (folder / "ismrm2012").mkdir(parents=True, exist_ok=True)
    (folder / "reference").mkdir(exist_ok=True)
    savemat(folder / "ismrm2012" / f"{name}.mat", {"imDataParams": parameters})
    share = np.moveaxis(torso.tissue.fat_percent, 0, 2) / 100
    np.savez(folder / "reference" / f"ismrm2012_{name}_berglund.npz", wat=1 - share, fat=share)


def test_document_scores_simulated_cases(tmp_path: Path) -> None:
    for name, seed in (("2", 1), ("10", 2)):
        _simulated(tmp_path, name, seed)
    document = run_mr_pdff(tmp_path)
    assert document["name"] == "mr_pdff"
    assert document["n_subjects"] == 2
    assert [case["case"] for case in document["cases"]] == [2, 10]
    assert "score_ci" not in document["results"]["steatoscope-complex"]
    assert document["results"]["steatoscope-complex"]["score"] > 9900
    assert all(case["voxels_per_second"] > 0 for case in document["cases"])


def test_missing_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        run_mr_pdff(tmp_path)
    (tmp_path / "ismrm2012").mkdir()
    with pytest.raises(SteatoscopeError, match="E_EMPTY"):
        run_mr_pdff(tmp_path)
    _simulated(tmp_path, "5", 1)
    shutil.rmtree(tmp_path / "reference")
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        run_mr_pdff(tmp_path)


def test_a_reference_of_another_shape_is_refused(tmp_path: Path) -> None:
    _simulated(tmp_path, "5", 1)
    np.savez(tmp_path / "reference" / "ismrm2012_5_berglund.npz", wat=np.ones((3, 3)), fat=np.ones((3, 3)))
    with pytest.raises(SteatoscopeError, match="E_FORMAT"):
        run_mr_pdff(tmp_path)
