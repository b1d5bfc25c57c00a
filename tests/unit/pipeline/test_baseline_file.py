from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.baseline_file import fit_file, read_baseline, write_baseline
from steatoscope.pipeline.baseline_table import read_cohort


def _table(path: Path, n: int = 60, head: str = "fat_percent,fat_scale,age_years,sex,bmi", extra: str = "") -> Path:
    rng = np.random.default_rng(0)
    rows = [f"{np.exp(rng.normal(0.7, 0.5)):.2f},pdff,{rng.uniform(20, 70):.0f},{'FM'[k % 2]},24" for k in range(n)]
    path.write_text("\n".join([head, *rows, *([extra] if extra else [])]) + "\n", encoding="utf-8")
    return path


def test_a_cohort_is_fitted_written_and_read_again(tmp_path: Path) -> None:
    reference = fit_file(_table(tmp_path / "c.csv"), name="Site", facts={"who": "volunteers", "scanner": ""})
    write_baseline(reference, tmp_path / "b.json")
    again = read_baseline(tmp_path / "b.json")
    assert (again.name, again.scale, again.facts["who"]) == ("Site", "pdff", "volunteers")
    assert again.facts["sex"] == "30 women, 30 men"
    assert "scanner" not in again.facts
    assert len(again.sha256) == 64


@pytest.mark.parametrize(
    ("n", "head", "extra", "code", "cause"),
    [
        (12, "fat_percent,fat_scale,age_years,sex,bmi", "", "E_FEW", "fat: 12"),
        (30, "fat,fat_scale,age_years,sex,bmi", "", "E_FORMAT", "none of the columns"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "5,histology,40,F,24", "E_SCALE", "histology, pdff"),
        (30, "fat_percent,kind,age_years,sex,bmi", "", "E_SCALE", "names it"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "much,pdff,40,F,24", "E_FORMAT", "Line 32"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "500,pdff,40,F,24", "E_FORMAT", "outside"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "5,pdff,40,X,24", "E_FORMAT", "sex is F or M"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "5,pdff,400,F,24", "E_FORMAT", "age"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "5,pdff,12,F,24", "E_FORMAT", "age_years is 12, outside 18"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "-8,pdff,40,F,24", "E_FORMAT", "Line 32: fat_percent is -8"),
        (30, "fat_percent,fat_scale,age_years,sex,bmi", "101,pdff,40,F,24", "E_FORMAT", "Line 32: fat_percent is 101"),
        (30, "fat_percent,fat_scale,age_years,sex,age_years", "", "E_FORMAT", "Columns stand twice: age_years."),
        (30, "fat_percent,fat_scale,age_years,sex,subject", "", "E_FORMAT", "one row a person"),
    ],
)
def test_faults_are_named(tmp_path: Path, n: int, head: str, extra: str, code: str, cause: str) -> None:
    with pytest.raises(SteatoscopeError) as fault:
        fit_file(_table(tmp_path / "c.csv", n, head, extra))
    assert fault.value.code == code
    assert cause in fault.value.cause


def test_a_scale_given_beside_the_table_counts_and_contradicts(tmp_path: Path) -> None:
    path = _table(tmp_path / "c.csv", 30, "fat_percent,kind,age_years,sex,bmi")
    assert read_cohort(path, "mrs_pdff")[0].scale == "mrs_pdff"
    with pytest.raises(SteatoscopeError, match="E_SCALE"):
        read_cohort(_table(tmp_path / "d.csv", 30), "histology")


def test_refused_studies_of_a_batch_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = [f"ok,{2 + k / 10},pdff" for k in range(25)] + ["refused,,"]
    path.write_text("\n".join(["status,fat_percent,fat_scale", *rows]) + "\n", encoding="utf-8")
    assert len(read_cohort(path)[0].people) == 25


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"schema": "steatoscope.baseline/1"}'])
def test_what_is_no_reference_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SteatoscopeError, match="E_FORMAT"):
        read_baseline(path)
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        read_baseline(tmp_path / "none.json")


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = [",ok,2", ",refused,", "", '"a note\nof two lines",ok,3', ",ok,many"]
    path.write_text("\n".join(["remark,status,fat_percent", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(SteatoscopeError) as fault:
        read_cohort(path, "pdff")
    assert "Line 7: fat_percent is not a number" in fault.value.cause


def test_semicolons_and_decimal_commas_are_read(tmp_path: Path) -> None:
    plain, other = _table(tmp_path / "c.csv"), tmp_path / "d.csv"
    other.write_text(plain.read_text().replace(",", ";").replace(".", ","), encoding="utf-8")
    one, same = read_cohort(plain)[0], read_cohort(other)[0]
    assert (same.people, same.scale) == (one.people, one.scale)
    np.testing.assert_array_equal(same.values["fat"], one.values["fat"])


def _results(path: Path, values: list[float], scale: str, codes: list[str]) -> Path:
    rows = [f"{value:.2f},{scale},{code}" for value, code in zip(values, codes, strict=True)]
    path.write_text("\n".join(["fat_percent,fat_scale,codes", *rows]) + "\n", encoding="utf-8")
    return path


def test_simulated_values_are_labelled_and_never_mixed_with_real_ones(tmp_path: Path) -> None:
    values = [2.0 + 0.05 * k for k in range(30)]
    one = fit_file(_results(tmp_path / "a.csv", values, "pdff", ["W_AGE W_SIMULATED"] * 30), name="Site")
    assert one.name == "Site (simulated)"
    assert "simulated images" in one.facts["simulated"]
    with pytest.raises(SteatoscopeError) as fault:
        fit_file(_results(tmp_path / "b.csv", values, "pdff", ["W_SIMULATED", *[""] * 29]))
    assert "1 rows are of simulated images and 29 are not" in fault.value.cause
    assert "simulated" not in fit_file(_results(tmp_path / "c.csv", values, "pdff", [""] * 30)).facts


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(15.0, 40.0, "the median of this reference, 27.5 %"), (1.0, 16.0, "median"), (1.0, 6.0, "")],
)
def test_a_fat_cohort_is_no_healthy_one(tmp_path: Path, low: float, high: float, words: str) -> None:
    values = np.linspace(low, high, 60).tolist()
    reference = fit_file(_results(tmp_path / "a.csv", values, "pdff", [""] * 60))
    assert words in reference.facts.get("caution", "")
    assert bool(words) == ("caution" in reference.facts)
    write_baseline(reference, tmp_path / "b.json")
    assert read_baseline(tmp_path / "b.json").facts == reference.facts


def test_a_long_tail_is_named_too(tmp_path: Path) -> None:
    values = [*np.linspace(1.0, 4.0, 50).tolist(), *np.linspace(20.0, 35.0, 8).tolist()]
    reference = fit_file(_results(tmp_path / "a.csv", values, "pdff", [""] * 58))
    assert "95th percentile" in reference.facts["caution"]
    assert "far above" in reference.facts["caution"]
