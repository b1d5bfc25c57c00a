"""Readings of different times: which are told to lie too far apart, in which words, and where."""

from __future__ import annotations

import json

import pytest

from steatoscope.pipeline.clinical_dates import dates_told, reading_notes, remarks_told
from steatoscope.pipeline.clinical_files import clinical_from_text
from steatoscope.pipeline.options import AnalyseOptions

OLD = {"alt_u_l": "2010-06-01", "platelets_10e9_l": "2015-06-01", "ast_u_l": "2024-06-01"}


def bundle_of_years() -> str:
    """ALT 2010 and 2008, platelets 2015, AST 2024: the case of FIB-4 from three decades."""
    seen = [
        ("1742-6", 48, "U/L", "2010-06-01"), ("1742-6", 90, "U/L", "2008-06-01"),
        ("777-3", 230, "10*9/L", "2015-06-01"), ("1920-8", 36, "U/L", "2024-06-01T08:00:00Z"),
    ]  # fmt: skip
    entries = [
        {
            "resource": {
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                "valueQuantity": {"value": value, "code": unit},
                "effectiveDateTime": day,
            }
        }
        for code, value, unit, day in seen
    ]
    return json.dumps({"resourceType": "Bundle", "entry": entries})


def test_the_newest_reading_counts_and_its_day_is_kept() -> None:
    read = clinical_from_text(bundle_of_years(), None)
    assert read.days == OLD
    assert read.values["alt_u_l"] == 48
    told = remarks_told(read)
    assert len(told) == 1
    assert "More than six months before the newest value: ALT (14.0 years), platelets (9.0 years)." in told[0]
    assert "ALT 2010-06-01" in told[0]


@pytest.mark.parametrize(("day", "told"), [("2024-01-01", ""), ("2023-12-31", ""), ("2023-12-01", "(7 months)")])
def test_half_a_year_is_the_limit(day: str, told: str) -> None:
    # 183 days before 1 July 2024 is 31 December 2023 (a leap year)
    said = dates_told({"alt_u_l": day, "ast_u_l": "2024-07-01"})
    assert said == ((f"More than six months before the newest value: ALT {told}.",) if told else ())


def test_readings_far_from_the_images_are_told() -> None:
    days = {"alt_u_l": "2024-01-10", "ast_u_l": "2024-03-01"}
    assert dates_told(days, "2024-05-01") == ()
    assert dates_told(days, "2020-03-01")[0].startswith(
        "More than six months from the day of the images: ALT (3.9 years)"
    )
    assert dates_told(days, "2026-03-01") == (
        "More than six months from the day of the images: ALT (2.1 years), AST (2.0 years).",
    )


def test_height_may_be_old_and_an_unknown_day_is_told() -> None:
    assert dates_told({"height_cm": "1999-01-01", "ast_u_l": "2024-03-01"}) == ()
    assert dates_told({"alt_u_l": None, "ast_u_l": "2024-03-01"}) == ("Of unknown day: ALT.",)


def test_notes_of_a_report_hold_spans_and_no_dates() -> None:
    options = AnalyseOptions(clinical_remarks=("Not taken, no number: GGT.",), clinical_days=OLD)
    left, dates = reading_notes(options, "2024-06-20")
    assert (left.code, dates.code) == ("W_VALUES", "W_DATES")
    assert "GGT" in left.message
    assert "ALT (14" in dates.message
    assert "2010" not in dates.message
    assert reading_notes(AnalyseOptions(clinical_days={"alt_u_l": "2024-06-01"}), "2024-06-20") == ()
