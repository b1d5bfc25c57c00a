"""Clinical values of R2 and R3: tables and their faults, training patients only, and what a known signal brings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from covariates_kit import simulated_answers, simulated_cohort  # noqa: E402
from grading_kit import FAT, R2, R3, tiny_run  # noqa: E402
from training_folders import table  # noqa: E402

from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.learning.evaluation.grading_baselines import baseline_rows  # noqa: E402
from steatoscope.learning.evaluation.grading_run import document  # noqa: E402
from steatoscope.learning.evaluation.grading_scores import scored  # noqa: E402
from steatoscope.learning.training.grading_covariates import Covariates, covariates_of, read_table  # noqa: E402
from steatoscope.learning.training.grading_cv import CLINICAL, R2_LAST  # noqa: E402
from steatoscope.learning.training.grading_data import GradingSet, read_grading  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread", "few_resamples")


@pytest.fixture(scope="module")
def data(thin_folder: Path) -> GradingSet:
    """The painted set."""
    return read_grading(thin_folder)


def _rows(**changes: Any) -> list[dict[str, Any]]:
    """A whole table for the painted patients, the values of the last changed."""
    rows: list[dict[str, Any]] = [
        {"subject": f"patient_{n:02d}", "age_years": 30 + n, "bmi_kg_m2": 20 + n, "sex": "FM"[n % 2],
         "diabetes": n % 2, "triglycerides_mmol_l": 1.0}
        for n in range(1, len(FAT) + 1)
    ]  # fmt: skip
    rows[-1].update(changes)
    return rows


def test_a_table_is_read_by_subject_in_the_units_of_the_clinical_input(data: GradingSet, tmp_path: Path) -> None:
    path = table(tmp_path / "facts.csv", [*reversed(_rows(bmi_kg_m2="")), {**_rows()[0], "subject": "another"}])
    found = covariates_of(data, str(path))
    assert found is not None
    assert found.names == ("age_years", "sex", "bmi_kg_m2", "triglycerides_mg_dl", "diabetes")
    np.testing.assert_allclose(found.values[0], [31, 1.0, 21, 88.57, 1.0])
    assert np.isnan(found.values[-1, 2])
    assert found.document()["unknown"]["bmi_kg_m2"] == 1
    assert found.sha256
    assert covariates_of(data, None) is None


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"bmi_kg_m2": 900}, "E_FORMAT", "Line 13: bmi_kg_m2"),
        ({"bmi_kg_m2": "fat"}, "E_FORMAT", "Line 13: bmi_kg_m2"),
        ({"age_years": -1}, "E_FORMAT", "Line 13: age_years"),
        ({"sex": "unclear"}, "E_FORMAT", "Line 13: sex"),
        ({"subject": ""}, "E_ANNOTATION", "Line 13 names no subject"),
        ({"subject": "patient_01"}, "E_ANNOTATION", "Line 13: patient_01 is there twice"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(change: dict[str, Any], code: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SteatoscopeError) as fault:
        read_table(table(tmp_path / "facts.csv", _rows(**change)))
    assert fault.value.code == code
    assert words in str(fault.value.cause)


def test_wrong_tables_are_named(data: GradingSet, tmp_path: Path) -> None:
    def told(text: str | bytes) -> str:
        path = tmp_path / "facts.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(SteatoscopeError) as fault:
            covariates_of(data, str(path))
        return f"{fault.value.code}: {fault.value.cause}"

    assert "E_FORMAT: Line 1: bmi: not a known name; meant is perhaps bmi_kg_m2" in told("subject,bmi\npatient_01,30\n")
    assert told("age_years\n30\n").startswith("E_ANNOTATION: The table has no column 'subject'")
    assert told("subject\npatient_01\n").startswith("E_ANNOTATION: The table has no column beside")
    assert told("subject,age_years\n").startswith("E_EMPTY")
    assert told(b"\xff\xfe\x00subject").startswith("E_FORMAT: It is not a CSV table")
    assert told("subject,age_years\npatient_01,30,4\n").startswith("E_FORMAT: Line 2")
    assert "as nobody, is one of the images, as patient_01" in told("subject,age_years\nnobody,30\n")
    assert told("subject,age_years\npatient_01,\n").startswith("E_ANNOTATION: No patient of the images")
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        covariates_of(data, str(tmp_path / "absent.csv"))
    with pytest.raises(UsageError, match="no row of the manifest has an age or a sex"):
        covariates_of(data, "manifest")


def test_nothing_is_learnt_from_others_than_the_training_patients() -> None:
    """Closed form: median 2 for what is unknown, mean and spread of 1, 2, 3 and the completed 2."""
    values = np.array([[1.0, 5.0], [2.0, np.nan], [3.0, 5.0], [np.nan, np.nan], [100.0, 7.0], [np.nan, np.nan]])
    known = Covariates(("age_years", "bmi_kg_m2"), values)
    found = known.fitted(np.arange(4))
    spread = np.std([1.0, 2.0, 3.0, 2.0])
    np.testing.assert_allclose(found[:, 0], (np.array([1.0, 2.0, 3.0, 2.0, 100.0, 2.0]) - 2.0) / spread)
    np.testing.assert_array_equal(found[:, 2:], np.isnan(values))
    other = replace(known, values=np.where(np.arange(6)[:, None] == 4, -9.0, values))
    np.testing.assert_array_equal(np.delete(found, 4, axis=0), np.delete(other.fitted(np.arange(4)), 4, axis=0))
    assert np.isfinite(found).all()
    alone = known.fitted(np.array([0, 2]))
    assert alone.shape == (6, 2), "no training patient lacks a value: no column says so"
    assert replace(known, values=values[:, 1:] * np.nan).fitted(np.arange(4)).shape == (6, 0)


def test_a_covariate_with_signal_improves_left_out_patients_of_a_simulated_cohort(tmp_path: Path) -> None:
    """Simulated: maps of noise, and a body mass index that follows the grade; a third of the patients lack it."""
    data, known = simulated_cohort(tmp_path / "simulated")
    found, folds = simulated_answers(data, known, tmp_path / "r2")
    without, joined = (scored(found[name], bounds=False) for name in (R2_LAST, f"{R2_LAST}{CLINICAL}"))
    assert joined["auc"] > without["auc"] + 0.15
    assert joined["auc"] > 0.75
    assert joined["mae_percent"] < without["mae_percent"] - 0.5
    alone = baseline_rows(data, folds, 0, frames=1, covariates=known)["baseline: clinical values alone"]
    assert alone["auc"] > 0.75


@pytest.mark.parametrize(("name", "recipe"), [("r2", R2), ("r3", R3)])
def test_rows_with_clinical_values_stand_beside_those_without(
    name: str, recipe: Any, thin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))
    path = table(tmp_path / "facts.csv", _rows(age_years="", diabetes=""))
    run = tiny_run(name, thin_folder, tmp_path / "run", covariates=str(path))
    found = document(recipe, run, recipe.rows(run), 0.0)
    rows = [row for row in found["results"] if "5 clinical values" in row]
    assert len(rows) == {"r2": 4, "r3": 2}[name]
    assert all(row.replace(", with 5 clinical values", "") in found["results"] for row in rows)
    assert found["manifest"]["covariates"]["unknown"]["age_years"] == 1
    pair = next(words for words in found["comparison"] if "with 5 clinical values" in words)
    assert {"steatosis", "fat_percent"} <= found["comparison"][pair].keys()
    with pytest.raises(UsageError, match="another plan, seed, data or weights"):
        tiny_run(name, thin_folder, tmp_path / "run", resume=True)
