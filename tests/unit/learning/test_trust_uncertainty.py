"""The benchmark of uncertainty: goals on simulated cohorts, phantoms against their truth, patients left out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steatoscope.learning.evaluation import trust_uncertainty
from steatoscope.learning.evaluation import trust_uncertainty_byra2018 as real
from steatoscope.learning.evaluation import trust_uncertainty_left_out as unseen
from steatoscope.learning.evaluation.report import render_html, take_evidence
from steatoscope.learning.evaluation.trust_uncertainty_calibration import calibration_pictures, calibration_rows
from steatoscope.learning.evaluation.trust_uncertainty_cohorts import FAULTS, draw_events, draw_patients
from steatoscope.learning.evaluation.trust_uncertainty_coverage import coverage_rows, summary
from steatoscope.learning.evaluation.trust_uncertainty_phantoms import phantom_rows
from steatoscope.learning.inference.us_steatosis_heads import size_of
from steatoscope.learning.inference.us_steatosis_judge import grade_index
from steatoscope.learning.training.us_steatosis_recipes import RECIPES


@pytest.fixture(scope="module")
def coverage() -> dict[str, dict[str, Any]]:
    return coverage_rows(120, 3)


def test_every_row_covers_what_it_says(coverage: dict[str, dict[str, Any]]) -> None:
    assert len(coverage) == 10
    for name, row in coverage.items():
        share = row.get("interval_coverage_90", row.get("set_coverage_90"))
        assert name.endswith("(simulated)")
        assert 0.87 <= share <= 0.93, name


def test_limits_by_grade_help_the_grade_that_is_hard(coverage: dict[str, dict[str, Any]]) -> None:
    plain, by_class = (coverage[f"set, LAC{word} patients (simulated)"] for word in (", 200", " by grade, 400"))
    assert plain["coverage_severe"] < 0.83
    assert 0.87 < by_class["coverage_severe"] < 0.94
    assert by_class["mean_set_size"] > plain["mean_set_size"]


def test_the_same_seed_gives_the_same_rows_and_one_split_no_interval() -> None:
    assert coverage_rows(2, 5) == coverage_rows(2, 5)
    rng = np.random.default_rng(0)
    patients = draw_patients(rng, 50)
    tally: Any = SimpleNamespace(held=np.ones(50, bool), size=np.ones(50), grade=patients.grade)
    found = summary([tally], "set")
    assert found["set_coverage_90"] == 1.0
    assert "set_coverage_90_ci" not in found


def test_simulated_patients_are_what_they_say() -> None:
    patients = draw_patients(np.random.default_rng(1), 4000)
    assert np.array_equal(grade_index(patients.fat), patients.grade)
    assert np.bincount(patients.grade) / 4000 == pytest.approx([0.3, 0.35, 0.2, 0.15], abs=0.03)
    true, given, happened = draw_events(np.random.default_rng(2), 20000, FAULTS[1])
    assert happened.mean() == pytest.approx(true.mean(), abs=0.01)
    assert np.corrcoef(np.argsort(np.argsort(true)), np.argsort(np.argsort(given)))[0, 1] == pytest.approx(1.0)


def test_calibration_reaches_the_goal_and_stands_beside_chance() -> None:
    rows = calibration_rows(8, 0)
    assert len(rows) == 2 * len(FAULTS) + 2
    for name, row in rows.items():
        after = row.get("ece_line", row["ece_temperature"])
        assert after <= (0.03 if "4000" in name else 0.035), name
        assert row["ece_if_calibrated"] < row["ece_before"] + 0.005
        if "too sure, " in name:
            assert row["ece_before"] > 0.05
    exact = rows["calibration, calibrated, 1000 patients (simulated)"]
    assert 0.6 < exact["share_ece_reached_if_calibrated"] < 1.0
    moved = rows["calibration, base rate moved, 4000 patients (simulated)"]
    assert moved["ece_temperature"] > 0.08 > 0.03 > moved["ece_isotonic"]
    assert len({picture.title for picture in calibration_pictures(0)}) == 1


def test_phantoms_are_covered_and_noise_is_only_a_part() -> None:
    rows, refused = phantom_rows(1, 1)
    assert refused == 0
    for name in ("ct, whole interval (simulated)", "mr, whole interval (simulated)"):
        assert rows[name]["interval_coverage_90"] == 1.0
        assert abs(rows[name]["bias_percent"]) < 0.4
        alone = rows[name.replace("whole interval", "noise alone")]
        assert alone["interval_width"] < 0.2 * rows[name]["interval_width"]
    assert all(name.endswith("(simulated)") for name in rows)
    assert rows["ct, scatter and equation drawn, whole interval (simulated)"]["n"] == 4
    drawn = rows["mr, other spectrum, whole interval (simulated)"]
    assert drawn["n"] == 1
    assert drawn["interval_coverage_90"] == 1.0


def _patients(monkeypatch: pytest.MonkeyPatch, fat: np.ndarray) -> None:
    """Patients whose readings follow their fat, without images or networks."""
    blocks = {
        name
        for member in (*RECIPES["kidney"].detection, *RECIPES["kidney"].severity)
        for b in member.blocks
        for name in b
    }
    rng = np.random.default_rng(7)
    slopes = {name: rng.normal(size=size_of(name)) for name in sorted(blocks)}
    noise = [{name: rng.normal(0.0, 6.0, size_of(name)) for name in sorted(blocks)} for _ in fat]
    root = np.linspace(0.0, 9.5, fat.size)
    people = [SimpleNamespace(fat=float(value), number=k) for k, value in enumerate(fat)]
    monkeypatch.setattr(unseen, "read_byra2018", lambda folder: people)
    monkeypatch.setattr(unseen, "load_us_steatosis", lambda: None)
    monkeypatch.setattr(
        unseen,
        "_readings",
        lambda patient, model: {n: slopes[n] * root[patient.number] + noise[patient.number][n] for n in slopes},
    )


def test_a_patients_own_biopsy_does_not_move_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    fat = np.linspace(0.0, 9.5, 24) ** 2
    _patients(monkeypatch, fat)
    first = unseen.left_out(Path("unused"), 0)
    changed = fat.copy()
    changed[5] = 88.0
    _patients(monkeypatch, changed)
    other = unseen.left_out(Path("unused"), 0)
    assert (other.value[5], other.low[5], other.high[5]) == (first.value[5], first.low[5], first.high[5])
    assert not np.array_equal(other.value, first.value)
    assert np.corrcoef(first.value, fat)[0, 1] > 0.6
    assert first.members.shape == (4, 24)


@pytest.fixture
def answers() -> unseen.LeftOut:
    rng = np.random.default_rng(9)
    fat = np.concatenate([np.full(12, 2.0), np.full(15, 20.0), np.full(6, 50.0), np.full(7, 80.0)])
    grades = np.eye(4)[grade_index(fat)] * 0.7 + 0.075
    low, high = fat - 10.0, np.where(fat > 66, fat - 1.0, fat + 10.0)
    low[0] = 3.0
    return unseen.LeftOut(
        fat=fat,
        value=fat - 2.0,
        low=low,
        high=high,
        steatosis=np.clip(1.0 - grades[:, 0] + rng.normal(0.0, 0.02, 40), 0, 1),
        grades=grades,
        sets=grades > 0.5,
        members=np.stack([fat, fat + 4.0]),
    )


def test_rows_of_real_patients_say_each_grade(answers: unseen.LeftOut) -> None:
    rows = real.byra2018_rows(answers, 0, 50)
    assert all(name.endswith("(real)") for name in rows)
    interval = rows[f"{real.ROW}: interval (real)"]
    assert interval["interval_coverage_90"] == pytest.approx(32 / 40)
    assert interval["coverage_severe"] == 0.0
    assert interval["coverage_severe_ci"][1] == pytest.approx(0.4096, abs=1e-3)
    assert interval["coverage_normal"] == pytest.approx(11 / 12)
    assert interval["member_spread"] == 2.0
    by_grade = rows[f"{real.ROW}: LAC set by grade from the others (real)"]
    assert by_grade["coverage_severe"] == 1.0
    assert by_grade["mean_set_size"] >= 2.0
    own = rows[f"{real.ROW}: probability (real)"]
    assert own["ece_if_calibrated_ci"][0] < own["ece_if_calibrated"] < own["ece_if_calibrated_ci"][1]
    assert [case["grade_set"] for case in real.byra2018_cases(answers)][-1] == ["severe"]


def test_document_of_a_quick_run(monkeypatch: pytest.MonkeyPatch, answers: unseen.LeftOut, tmp_path: Path) -> None:
    phantom = {"mr, whole interval (simulated)": {"interval_coverage_90": 1.0}}
    monkeypatch.setattr(trust_uncertainty, "phantom_rows", lambda subjects, seed, told: (phantom, 1))
    monkeypatch.setattr(trust_uncertainty, "QUICK", trust_uncertainty.Sizes(2, 2, 1, 20))
    simulated = trust_uncertainty.run_uncertainty(None, seed=0, quick=True)
    document, evidence = take_evidence(simulated)
    assert (document["name"], document["n_subjects"], document["cases"]) == ("uncertainty", 1, [])
    assert document["left_out"] == 1
    assert all("(simulated)" in name for name in document["results"])
    assert "real" not in document["data"]
    json.dumps(document, allow_nan=False)
    page = render_html(document, evidence)
    assert "SIMULATED" in page.upper()
    assert page.count("Reliability: too sure and moved") == 1
    (tmp_path / "us" / "byra2018").mkdir(parents=True)
    (tmp_path / "us" / "byra2018" / "labels.csv").touch()
    assert unseen.found_folder(tmp_path) == tmp_path / "us" / "byra2018"
    assert unseen.found_folder(tmp_path / "us" / "nothing") is None
    monkeypatch.setattr(trust_uncertainty, "FULL", trust_uncertainty.Sizes(2, 2, 1, 20))
    monkeypatch.setattr(trust_uncertainty, "left_out", lambda folder, seed, told: answers)
    both = trust_uncertainty.run_uncertainty(tmp_path, seed=0)
    assert both["n_subjects"] == 41
    assert "40 patients (real)" in both["data"]
    assert len([name for name in both["results"] if "(real)" in name]) == 7
    assert any("boxes" in note for note in both["evidence"].notes)


@pytest.mark.realdata
def test_readings_of_a_real_patient_feed_the_recipe(data_dir: Path) -> None:
    from steatoscope.learning.inference.byra2018_data import read_byra2018
    from steatoscope.learning.inference.us_steatosis import load_us_steatosis

    folder = unseen.found_folder(data_dir)
    assert folder is not None
    model = load_us_steatosis()
    found = unseen._readings(read_byra2018(folder)[0], model)
    members = model.path(kidney=True).member_values(found)
    assert members.shape == (4,)
    assert np.all((members >= 0.0) & (members <= 100.0))
