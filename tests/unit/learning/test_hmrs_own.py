"""Recipe R4 on a user's own table: its scale and its simulated images are kept apart, and what is amiss is named."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from grading_kit import painted

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.evaluation import hmrs_document
from steatoscope.learning.evaluation.hmrs_plans import RealPlan, study_of
from steatoscope.learning.evaluation.hmrs_scores import HISTOLOGY, MRS, grading_for
from steatoscope.learning.training.hmrs_folds import HmrsReading
from steatoscope.learning.training.hmrs_study import real_folder

PLAN = RealPlan("one", frames=1)


def _table(folder: Path, count: int = 28, scale: str = "pdff", **changed: Mapping[int, Any]) -> Path:
    """A patient with one painted frame for every row; ``changed`` replaces cells of a column by row number."""
    columns = ("path", "subject", "modality", "label_fat_percent", "label_scale")
    folder.mkdir()
    rows = []
    for number in range(count):
        cv2.imwrite(str(folder / f"f{number:02d}.png"), painted(1.4 * number, number, (170, 200)))
        row = dict(zip(columns, (f"f{number:02d}.png", f"p{number:02d}", "us", 1.4 * number, scale), strict=True))
        rows.append(row | {name: cells[number] for name, cells in changed.items() if number in cells})
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_own_patients_are_read_on_their_own_scale(tmp_path: Path) -> None:
    folder = _table(tmp_path / "own")
    study = study_of(PLAN, folder, tmp_path, 0)
    assert (study.scale, study.cohort, study.simulated, len(study.names)) == ("pdff", False, False, 28)
    assert study.views["real"].pixels.shape == (28, 360, 360)
    np.testing.assert_allclose(study.fat, 1.4 * np.arange(28))
    assert sorted(np.bincount(study.strata).tolist()) == [7, 7, 7, 7]
    assert real_folder(folder) == folder


def test_simulated_pictures_of_an_own_table_are_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _table(tmp_path / "own")
    (folder.parent / "own.truth.json").write_text(json.dumps({"simulated": True}))
    study = study_of(PLAN, folder, tmp_path, 0)
    assert study.simulated
    assert not study.cohort
    monkeypatch.setattr(hmrs_document, "real_baselines", lambda *_: {"baseline: mean": study.fat})
    monkeypatch.setattr("steatoscope.learning.evaluation.hmrs_scores.RESAMPLES", 20)
    reading = HmrsReading("real", 0, study.fat + 1.0, study.fat, np.arange(28), epochs=1)
    found = hmrs_document.document("one", study, [], [reading], seed=0, weights={"sha256": None})
    ours = [name for name in found["results"] if not name.startswith("published")]
    assert len(ours) == 3
    assert all(name.endswith("(simulated)") for name in ours)
    assert found["data"].startswith("simulated, own, plan one: 28 patients, fat on the pdff scale")
    assert found["results"]["one branch, real frames (simulated)"]["bias_percent"] == pytest.approx(1.0)
    assert found["evidence"].agreements[0].unit == "% fat"
    assert any("simulated" in note for note in found["evidence"].notes)


def test_each_scale_has_its_own_classes() -> None:
    assert grading_for("mrs_pdff") is MRS
    assert grading_for("histology") is HISTOLOGY
    assert grading_for("pdff").profile.name != HISTOLOGY.profile.name
    assert grading_for("pdff").areas == (("auc", 0),)


def test_what_is_amiss_in_a_table_is_named(tmp_path: Path) -> None:
    cases: tuple[tuple[str, Path], ...] = (
        ("E_SUBJECTS", _table(tmp_path / "few", 20)),
        ("E_LABEL", _table(tmp_path / "unlabelled", label_fat_percent={3: ""})),
        ("E_LABELSCALE", _table(tmp_path / "mixed", label_scale={3: "histology"})),
        ("E_PATH", _table(tmp_path / "gone", path={3: "nowhere.png"})),
    )
    for code, folder in cases:
        with pytest.raises(SteatoscopeError) as fault:
            study_of(PLAN, folder, tmp_path, 0)
        assert fault.value.code == code
    with pytest.raises(UsageError, match=r"us/byra2018 or manifest\.csv"):
        study_of(PLAN, None, tmp_path, 0)
