from __future__ import annotations

import re

import pytest
from report_examples import INJECTION, PRIVATE_PATH, ct_outcome, mr_outcome, refused_outcome, us_outcome

from steatoscope.core.report import CodePart, IntervalPart, QualityPart, Report
from steatoscope.service.report.content import present
from steatoscope.service.report.formatting import clip, compact, fixed, interval_text, loose, quantity, share, signed

_PERCENT = re.compile(r"\d\s*%")


def _everything(report: Report) -> str:
    return repr(present(report))


def test_value_never_stands_without_interval_scale_and_limits() -> None:
    headline = present(ct_outcome().report).headline
    assert headline is not None
    assert headline.value == "13.7 %"
    assert headline.interval == "90 % interval 8.9 to 18.6 %"
    assert headline.scale == "CT fat fraction (PDFF-equivalent estimate)"
    assert headline.grade == "Mild (S1)"
    assert "5.5 / 15.5 / 20.5 %" in headline.grade_basis
    assert "profile pooled2024" in headline.grade_basis


def test_histology_and_pdff_scales_are_named_apart() -> None:
    histology, pdff = present(us_outcome().report).headline, present(mr_outcome().report).headline
    assert histology is not None
    assert pdff is not None
    assert histology.scale == "Histology-scale estimate (share of hepatocytes)"
    assert "not PDFF" in histology.scale_note
    assert pdff.scale.startswith("PDFF")
    assert any(remark.startswith("Approximate PDFF equivalent, for display only") for remark in histology.remarks)


def test_limits_close_on_the_side_that_the_profile_says() -> None:
    headline = present(us_outcome().report).headline
    assert headline is not None
    assert headline.limits == (
        ("Normal (S0)", "< 5 %"),
        ("Mild (S1)", "≥ 5 and ≤ 33 %"),
        ("Moderate (S2)", "> 33 and ≤ 66 %"),
        ("Severe (S3)", "> 66 %"),
    )


def test_a_negative_ct_value_is_shown_as_zero_with_the_computed_value_beside_it() -> None:
    fat = ct_outcome().report.fat
    assert fat is not None
    low = fat.model_copy(update={"value_percent": -2.4, "interval": IntervalPart(low=-7.2, high=2.4, level=0.9)})
    headline = present(ct_outcome(fat=low).report).headline
    assert headline is not None
    assert headline.value == "0.0 %"
    assert headline.interval.endswith("0.0 to 2.4 %")
    assert any("−2.4 %" in remark for remark in headline.remarks)


def test_refused_report_has_cause_category_and_measurements_but_no_percentage() -> None:
    content = present(refused_outcome().report)
    assert content.headline is None
    assert content.refusal is not None
    assert content.refusal.code == "E_CONTRAST"
    assert content.refusal.category == "Indeterminate"
    assert "80 to 89 HU" in content.refusal.category_rule
    assert content.group("findings")[0].rows[0][0] == "Liver attenuation"
    assert not _PERCENT.search(
        " ".join(cell for table in content.group("findings") for row in table.rows for cell in row[:2])
    )


def test_refused_report_withholds_whatever_is_derived_from_fat() -> None:
    full = ct_outcome().report
    content = present(refused_outcome(fatty_area=full.fatty_area, baseline=full.baseline).report)
    assert content.baseline is None
    assert all(table.title != "Fatty area" for table in content.tables)


def test_paths_and_file_names_are_never_said() -> None:
    for make in (ct_outcome, refused_outcome):
        words = _everything(make().report)
        assert "Smith" not in words
        assert "IM0001" not in words
    assert "Smith" in PRIVATE_PATH
    assert "[file]" in _everything(ct_outcome().report)


def test_absolute_paths_in_the_configuration_are_hidden() -> None:
    facts = mr_outcome().report.provenance.model_copy(update={"config": {"liver_mask": "/home/ann/Doe_Jane/m.nii.gz"}})
    words = _everything(mr_outcome(provenance=facts).report)
    assert "Doe_Jane" not in words
    assert "liver_mask=[file]" in words


def test_every_remark_keeps_its_code() -> None:
    remarks = present(ct_outcome().report).remarks
    assert [code for code, _ in remarks] == ["W_BORDERLINE", "W_PARTIAL"]


def test_a_refusals_own_code_is_not_told_twice_but_others_are() -> None:
    codes = [CodePart(code="E_CONTRAST", message="x"), CodePart(code="W_KVP", message="y")]
    content = present(refused_outcome(quality=QualityPart(status="refused", codes=codes)).report)
    assert content.remarks == (("W_KVP", "y"),)


def test_change_is_told_with_repeatability() -> None:
    table = next(t for t in present(ct_outcome().report).tables if t.title == "Change since earlier")
    rows = dict(table.rows)
    assert rows["Verdict"] == "improved, ≥ 30 % relative decline"
    assert rows["Difference"] == "−6.3 points of fat"
    assert rows["Repeatability coefficient of the method"] == "4.0 points of fat"


def test_provenance_has_version_digest_hashes_and_configuration() -> None:
    report = ct_outcome().report
    words = _everything(report)
    assert report.provenance.report_digest in words
    assert report.inputs[0].sha256 in words
    assert "ct.erosion_mm=5" in words


def test_the_presenter_does_not_escape() -> None:
    assert dict(present(ct_outcome(subject=INJECTION).report).facts)["Subject (pseudonym)"] == INJECTION


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (fixed(-0.04), "0.0"),
        (fixed(-6.25, 1), "−6.2"),
        (signed(6.3), "+6.3"),
        (signed(0.0), "0.0"),
        (share(0.0), "0 %"),
        (share(0.001), "< 1 %"),
        (share(0.999), "> 99 %"),
        (share(1.0), "100 %"),
        (quantity(None, "HU"), "not measured"),
        (quantity(38.44, "1/s"), "38.4 s⁻¹"),
        (quantity(1.617, "1"), "1.62"),
        (compact(0.000012), "1.2e−05"),
        (compact(123456.0), "123456"),
        (interval_text(IntervalPart(low=-1.0, high=2.0, level=0.9), "HU"), "−1.0 to 2.0 HU (90 %)"),
        (interval_text(None, "HU"), ""),
        (loose({"low": 30, "met": True, "list": ["a", None]}), "low 30; met yes; list a, –"),
        (clip("a\nb\x00c"), "a b c"),
        (clip("x" * 20, 10), "x" * 9 + "…"),
    ],
)
def test_formatting(made: str, expected: str) -> None:
    assert made == expected
