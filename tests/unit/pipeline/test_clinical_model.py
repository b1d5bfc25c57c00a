"""A site's own combined model: fitted on a table, kept in a file, refused where it does not fit."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.clinical_cohort import read_cohort
from steatoscope.pipeline.clinical_model import fit_model_file, read_model, write_model
from steatoscope.pipeline.clinical_simulated import simulated_rows
from steatoscope.science.clinical.combined_variables import NAMES
from steatoscope.science.clinical.simulated_cohort import simulate_cohort


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows(n: int = 120, missing: float = 0.2) -> list[dict[str, Any]]:
    return simulated_rows(n, missing=missing, image_sd=3.0, seed=8)


def test_the_table_is_read_as_it_was_simulated(tmp_path: Path) -> None:
    cohort = read_cohort(table(tmp_path / "cohort.csv", rows(missing=0.0)), "pdff")
    truth = simulate_cohort(120, seed=8)
    assert np.allclose(cohort.fat_percent, truth.fat_percent, atol=1e-3)
    assert np.allclose(cohort.variables, truth.variables, atol=1e-3)
    assert np.isnan(cohort.image_sd).all()


def test_fit_and_file(tmp_path: Path) -> None:
    fitted = fit_model_file(table(tmp_path / "cohort.csv", rows()), name="own", scale="pdff")
    write_model(fitted, tmp_path / "model.json")
    model = read_model(tmp_path / "model.json")
    assert np.array_equal(model.joint.covariance, np.array(fitted.covariance))
    assert model.simulated  # by the names of its subjects alone
    assert "120 simulated adults" in model.source
    assert model.link is not None
    assert model.link[2] == pytest.approx(3.0, rel=0.25)  # the image's error, from 120 gaps
    figures = fitted.cross_validation["figures"]
    assert set(figures) == {"image", "clinical", "combined", "image_as_measured", "gain_combined"}
    low, high = figures["combined"]["mae_ci"]
    assert low < figures["combined"]["mae"] < high


def test_without_images_only_clinical_values_are_scored(tmp_path: Path) -> None:
    bare = [{key: value for key, value in row.items() if key != "image_fat_percent"} for row in rows()]
    fitted = fit_model_file(table(tmp_path / "cohort.csv", bare), name="own", scale="pdff")
    assert set(fitted.cross_validation["figures"]) == {"clinical"}
    assert fitted.link is None


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"subject": ""}, "E_FORMAT", "line 2: subject"),
        ({"reference_fat_percent": ""}, "E_FORMAT", "line 2: subject and reference_fat_percent"),
        ({"reference_fat_percent": "120"}, "E_FORMAT", "outside 0 to 100"),
        ({"image_fat_percent": "much"}, "E_FORMAT", "image_fat_percent 'much'"),
        ({"bmi_kg_m2": "300"}, "E_FORMAT", "line 2: bmi_kg_m2"),
        ({"sex": "neither"}, "E_FORMAT", "line 2: sex"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, change: dict[str, str], code: str, words: str) -> None:
    given = rows()
    given[0].update(change)
    with pytest.raises(SteatoscopeError) as caught:
        read_cohort(table(tmp_path / "cohort.csv", given), "pdff")
    assert caught.value.code == code
    assert words in caught.value.cause


def test_a_cohort_that_is_none(tmp_path: Path) -> None:
    few = table(tmp_path / "few.csv", rows()[:29])
    with pytest.raises(SteatoscopeError, match="29 patients"):
        read_cohort(few, "pdff")
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        read_cohort(tmp_path / "absent.csv", "pdff")
    other = table(tmp_path / "other.csv", [{"subject": "a", "alt_u_l": "40"}])
    with pytest.raises(SteatoscopeError, match="reference_fat_percent"):
        read_cohort(other, "pdff")


@pytest.mark.parametrize("damage", ["{}", "[1]", "not JSON"])
def test_a_file_that_is_no_model(tmp_path: Path, damage: str) -> None:
    (tmp_path / "model.json").write_text(damage, encoding="utf-8")
    with pytest.raises(SteatoscopeError, match="E_FORMAT"):
        read_model(tmp_path / "model.json")


def test_a_model_whose_covariance_is_none(tmp_path: Path) -> None:
    fitted = fit_model_file(table(tmp_path / "cohort.csv", rows()), name="own", scale="pdff")
    document = fitted.model_dump(by_alias=True)
    document["covariance"][0][0] = -1.0
    (tmp_path / "model.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SteatoscopeError, match="positive definite"):
        read_model(tmp_path / "model.json")
    document["coordinates"] = [*NAMES, "log_fat"]
    (tmp_path / "model.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SteatoscopeError, match="this version"):
        read_model(tmp_path / "model.json")
