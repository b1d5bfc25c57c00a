"""The cohort's figures against hand-computed values and an independent implementation."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from scipy.stats import binomtest, t

from steatoscope.pipeline.cohort_summary import (
    CohortRow,
    age_band,
    histogram,
    latest,
    mean_interval,
    measuring_model,
    summarise,
    wilson,
)


def _row(study: str, patient: str, value: float | None, **more: Any) -> CohortRow:
    grade = None if value is None else "normal" if value < 5.5 else "mild" if value < 15.5 else "severe"
    given = {"on": date(2026, 1, 1), "modality": "MR", "state": "done", "scale": value and "pdff", "grade": grade}
    return CohortRow(study_id=study, patient_id=patient, value=value, **{**given, **more})


@pytest.mark.parametrize(("count", "n"), [(0, 10), (1, 10), (7, 20), (20, 20), (503, 2000)])
def test_wilson_is_the_score_interval(count: int, n: int) -> None:
    found = wilson(count, n)
    expected = binomtest(count, n).proportion_ci(0.95, method="wilson")
    assert found.interval is not None
    assert found.share == count / n
    assert found.interval.low == pytest.approx(expected.low, abs=1e-12)
    assert found.interval.high == pytest.approx(expected.high, abs=1e-12)


def test_wilson_by_hand() -> None:
    # 8 of 20: (0.4 + 3.8415/40 +- 1.96 sqrt(0.24/20 + 3.8415/1600)) / (1 + 3.8415/20) = 0.2188 to 0.6134
    found = wilson(8, 20).interval
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (0.2188, 0.6134)


def test_no_patients_have_no_share_and_nonsense_is_refused() -> None:
    assert wilson(0, 0).share is None
    with pytest.raises(ValueError, match="no proportion"):
        wilson(3, 2)


def test_of_repeats_only_the_latest_of_each_modality_counts() -> None:
    rows = [
        _row("a", "1", 20.0, on=date(2026, 1, 1)),
        _row("b", "1", 4.0, on=date(2026, 3, 1)),
        _row("c", "1", 9.0, on=date(2026, 2, 1), modality="CT", scale="ct_pdff_equiv"),
        _row("d", "2", 10.0, on=date(2026, 1, 1)),
    ]
    assert {row.study_id for row in latest(rows)} == {"b", "c", "d"}
    cohort = summarise(rows)
    assert (cohort.patients, cohort.measured_studies, cohort.repeats_left_out) == (2, 4, 1)
    mr = next(panel for panel in cohort.panels if panel.modality == "MR")
    assert (mr.whole.n, mr.whole.steatosis.count, mr.whole.median) == (2, 1, 7.0)


def test_scales_and_simulation_stand_apart() -> None:
    rows = [
        _row("a", "1", 20.0),
        _row("b", "2", 30.0, simulated=True),
        _row("c", "3", 40.0, scale="dixon_sff"),
    ]
    keys = {(panel.scale, panel.simulated): panel.whole.mean for panel in summarise(rows).panels}
    assert keys == {("pdff", False): 20.0, ("pdff", True): 30.0, ("dixon_sff", False): 40.0}


def test_an_unmeasured_later_study_does_not_hide_the_measured_one() -> None:
    rows = [_row("a", "1", 20.0), _row("b", "1", None, on=date(2026, 5, 1), state="refused", code="E_CONTRAST")]
    cohort = summarise(rows)
    assert cohort.panels[0].whole.n == 1
    assert [(row.code, row.studies, row.patients) for row in cohort.refusals] == [("E_CONTRAST", 1, 1)]


def test_refusals_count_studies_and_patients() -> None:
    rows = [
        _row("a", "1", None, state="refused", code="E_TE", message="m"),
        _row("b", "1", None, state="refused", code="E_TE", simulated=True),
        _row("c", "2", None, state="failed", code="E_FORMAT"),
        _row("d", "3", None, state="failed"),
        _row("e", "3", None, state="queued"),
    ]
    found = [(r.code, r.state, r.studies, r.patients, r.simulated, r.message) for r in summarise(rows).refusals]
    assert found == [
        ("E_TE", "refused", 2, 1, 1, "m"),
        ("E_FORMAT", "failed", 1, 1, 0, ""),
        ("unknown", "failed", 1, 1, 0, ""),
    ]


def test_subgroups_say_which_cells_are_small() -> None:
    rows = [_row(f"s{k}", f"p{k}", 6.0 + k, sex="F", age_years=42) for k in range(5)]
    rows += [_row("x", "q", 3.0, sex="M", age_years=None)]
    groups = summarise(rows).panels[0].subgroups
    assert [(g.name, g.n, g.small) for g in groups["sex"]] == [("F", 5, False), ("M", 1, True)]
    assert [g.name for g in groups["age"]] == ["40-49", "unknown"]
    women = groups["sex"][0]
    assert (women.mean, women.median, women.steatosis.count) == (8.0, 8.0, 5)


def test_the_interval_of_a_mean_is_students() -> None:
    found = mean_interval([6.0, 7.0, 8.0, 9.0, 10.0])
    low, high = t.interval(0.95, 4, loc=8.0, scale=(2.5 / 5) ** 0.5)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert mean_interval([1.0]) is None


def test_bins_hold_everything_once() -> None:
    bins = histogram([-0.4, 0.0, 2.49, 2.5, 7.5], 2.5)
    assert [(part.low, part.high, part.count) for part in bins] == [(0, 2.5, 3), (2.5, 5, 1), (5, 7.5, 0), (7.5, 10, 1)]
    assert histogram([], 2.5) == ()


@pytest.mark.parametrize(
    ("age", "band"),
    [(None, "unknown"), (17.9, "under 18"), (18, "18-29"), (30, "30-39"), (69.9, "60-69"), (70, "70 and over")],
)
def test_bands_of_age(age: float | None, band: str) -> None:
    assert age_band(age) == band


@pytest.mark.parametrize(
    ("models", "method", "expected"),
    [
        ("ct-segmenter 1.0.0,pickhardt2018 1", "pickhardt2018, unenhanced 120 kV", "pickhardt2018 1"),
        ("mr-segmenter 1.0.0,spectrum h6 1", "complex h6, magnitude discrimination", "spectrum h6 1"),
        ("us-segmenter 2.0.0,us-steatosis 1.0.0", "us-steatosis 1.0.0, with a kidney in view", "us-steatosis 1.0.0"),
        ("mr-segmenter 1.0.0", "two-point Dixon, water and fat", "two-point Dixon"),
        ("ct-segmenter 1.0.0", "", None),
    ],
)  # fmt: skip
def test_the_model_of_a_row_is_the_one_that_gave_the_value(models: str, method: str, expected: str | None) -> None:
    parts = [dict(zip(("name", "version"), model.rsplit(" ", 1), strict=True)) for model in models.split(",")]
    assert measuring_model(parts, method) == expected
