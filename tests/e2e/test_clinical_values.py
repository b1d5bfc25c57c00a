"""Clinical values through the command line: a report with scores, a cohort with a table, a model of one's own."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from calling import Steatoscope

VALUES = {
    "sex": "M", "age_years": 52, "bmi_kg_m2": 31.0, "waist_cm": 104, "triglycerides_mg_dl": 180, "ggt_u_l": 55,
    "alt_u_l": 48, "ast_u_l": 36, "platelets_10e9_l": 230, "alcohol_g_day": 5,
}  # fmt: skip


def simulated_ct(steatoscope: Steatoscope, folder: Path, fat: float = 12.0) -> Path:
    steatoscope("phantom", "ct", "--fat", fat, "--seed", 3, "--out", folder / "scan")
    return folder / "scan"


def test_scores_stand_in_the_report_and_leave_the_fat_value_alone(steatoscope: Steatoscope, tmp_path: Path) -> None:
    cohort, model, form = tmp_path / "cohort.csv", tmp_path / "model.json", tmp_path / "values.csv"
    assert steatoscope("clinical", "simulate", "--out", cohort, "--patients", 80).document["n_patients"] == 80
    fitted = steatoscope("clinical", "fit", cohort, "--out", model, "--name", "our-clinic").document
    assert fitted["results"]["combined"]["mae"] < fitted["results"]["image_as_measured"]["mae"]
    assert steatoscope("clinical", "fit", cohort, "--out", model).code == 2
    form.write_text(",".join(VALUES) + "\n" + ",".join(map(str, VALUES.values())) + "\n", encoding="utf-8")
    scan = simulated_ct(steatoscope, tmp_path)
    bare = steatoscope("analyze", scan, "--out", tmp_path / "bare").document
    told = steatoscope("analyze", scan, "--clinical", form, "--clinical-model", model, "--out", tmp_path / "o").document
    assert (told["fat"], told["grade"], bare["clinical"]) == (bare["fat"], bare["grade"], None)
    scores = {score["name"]: score["value"] for score in told["clinical"]["scores"]}
    assert scores["FLI"] == pytest.approx(87.01, abs=5e-3)
    assert scores["FIB-4"] == pytest.approx(1.174782, abs=5e-7)
    assert told["clinical"]["masld"]["class"] == "masld"
    assert told["clinical"]["combined"]["model"] == "our-clinic"
    page = (tmp_path / "o/report.html").read_text(encoding="utf-8")
    assert "model from simulated data" in page
    assert "FIB-4" in page


def test_cohort_takes_a_table_by_subject_and_files_by_row(steatoscope: Steatoscope, tmp_path: Path) -> None:
    simulated_ct(steatoscope, tmp_path)
    (tmp_path / "own.json").write_text(json.dumps(VALUES), encoding="utf-8")
    (tmp_path / "m.csv").write_text(
        "path,subject,age,clinical\nscan,P0,52,own.json\nabsent,P2,30,own.json\n", encoding="utf-8"
    )
    table, out = tmp_path / "table.csv", tmp_path / "out"
    table.write_text("subject,albumin_g_dl,diabetes\nP0,4.3,yes\nP9,1,no\n", encoding="utf-8")
    answer = steatoscope("batch", tmp_path / "m.csv", "--clinical", table, "--out", out, "--workers", 1)
    assert answer.code == 0
    with (out / "results.csv").open(newline="", encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    assert float(row["nfs"]) == pytest.approx(-0.7925, abs=5e-7)  # albumin from the table, the rest from the file
    assert (row["combined_model"], row["tyg"]) == ("combined-simulated-1", "")
    with (out / "failures.csv").open(newline="", encoding="utf-8") as handle:
        failures = {Path(row["path"]).name: row["cause"] for row in csv.DictReader(handle)}
    assert failures == {"absent": "age_years: 52.0 and 30.0 contradict each other."}


def test_two_patients_are_refused(steatoscope: Steatoscope, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("subject,alt_u_l\na,40\nb,50\n", encoding="utf-8")
    answer = steatoscope("clinical", "scores", table)
    assert (answer.code, answer.document["error"]["code"]) == (3, "E_MIXED")
    assert steatoscope("clinical", "scores", table, "--subject", "b").code == 0


def observed(code: str, value: float | str, unit: str, day: str) -> dict[str, object]:
    return {
        "resource": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "code": unit},
            "effectiveDateTime": day,
        }
    }


def test_readings_of_three_decades_are_told_everywhere(steatoscope: Steatoscope, tmp_path: Path) -> None:
    form, out = tmp_path / "bundle.json", tmp_path / "out"
    entries = [
        {"resource": {"resourceType": "Patient", "gender": "male", "birthDate": "1972-01-01"}},
        observed("1742-6", 48, "U/L", "2010-06-01"),
        observed("777-3", 230, "10*9/L", "2015-06-01"),
        observed("1920-8", 36, "U/L", "2024-06-01"),
        observed("2324-2", "many", "U/L", "2024-06-01"),
    ]
    form.write_text(json.dumps({"resourceType": "Bundle", "entry": entries}), encoding="utf-8")
    told = steatoscope("clinical", "scores", form, "--json").document
    assert [one["key"] for one in told["scores"]] == ["fib4", "ast_alt"]
    assert told["days"]["alt_u_l"] == "2010-06-01"
    assert told["remarks"][0] == "Not taken, no number: GGT."
    assert "ALT (14.0 years), platelets (9.0 years)" in told["remarks"][1]
    assert "Clinical values of different times" in steatoscope("clinical", "scores", form).errors
    simulated_ct(steatoscope, tmp_path)
    report = steatoscope("analyze", tmp_path / "scan", "--clinical", form, "--out", tmp_path / "one").document
    assert {"W_DATES", "W_VALUES"} <= {code["code"] for code in report["quality"]["codes"]}
    assert "2010-06-01" not in json.dumps(report)
    assert "2010-06-01" not in (tmp_path / "one/manifest.json").read_text(encoding="utf-8")
    (tmp_path / "m.csv").write_text("path,subject,sex,clinical\nscan,P0,U,bundle.json\n", encoding="utf-8")
    assert steatoscope("batch", tmp_path / "m.csv", "--out", out, "--workers", 1).code == 0
    with (out / "results.csv").open(newline="", encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    assert "W_DATES" in str(row)


def test_a_bundle_with_nothing_in_it_is_refused(steatoscope: Steatoscope, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text('{"resourceType": "Bundle"}', encoding="utf-8")
    answer = steatoscope("clinical", "scores", tmp_path / "empty.json", "--json")
    assert (answer.code, answer.document["error"]["code"]) == (3, "E_FORMAT")
