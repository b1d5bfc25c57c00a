from __future__ import annotations

import re

import pytest
from report_examples import INJECTION, PRIVATE_PATH, ct_outcome, mr_outcome, refused_outcome, us_outcome

from steatoscope.core.report import (
    CodePart,
    IntervalPart,
    LesionPart,
    MeasurementPart,
    QualityPart,
    RegionPart,
    Report,
    SegmentationPart,
    SegmentPart,
)
from steatoscope.pipeline.ports import SECTOR_METHOD
from steatoscope.service.report.content import present
from steatoscope.service.report.discretion import Discretion
from steatoscope.service.report.formatting import (
    clip,
    compact,
    fixed,
    interval_text,
    loose,
    quantity,
    share,
    signed,
    singular,
)
from steatoscope.service.report.wording import feature_label

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


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (".", "quality 0.87 of 1. Good.", "quality 0.87 of 1. Good."),
        ("a", "a liver at a place", "a liver at a place"),
        ("12", "12 of 120 kV", "12 of 120 kV"),
        ("liver", "no liver in liver", "no liver in liver"),
        ("1.png", "1.png and 11.png", "[file] and 11.png"),
        ("Smith_John.dcm", "Smith_John.dcm is cut; Smith_John.dcm2 is not", "[file] is cut; Smith_John.dcm2 is not"),
        ("x/Müller", "see x/Müller: Müller.", "see [file]: [file]."),
        ("/data/Ann/4711123.dcm", "4711123.dcm", "[file]"),
    ],
)
def test_only_whole_names_that_tell_something_are_hidden(path: str, text: str, said: str) -> None:
    part = ct_outcome().report.inputs[0].model_copy(update={"path": path})
    assert Discretion.of(ct_outcome().report.model_copy(update={"inputs": [part], "error": None}))(text) == said


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


def test_simulated_images_are_told_in_title_heading_and_banner() -> None:
    codes = [CodePart(code="W_SIMULATED", message="Simulated.")]
    content = present(ct_outcome(quality=QualityPart(status="warn", codes=codes)).report)
    assert content.simulated == "SIMULATED IMAGES"
    assert content.heading.endswith("SIMULATED IMAGES")
    assert content.title.endswith("SIMULATED IMAGES")
    assert "SIMULATED" not in _everything(ct_outcome().report)


def test_remarks_with_the_same_code_are_one_line_without_repeated_sentences() -> None:
    start = "The liver is only partly covered; no volume."
    codes = [
        CodePart(code="W_PARTIAL", message=f"{start} 3 slices seen."),
        CodePart(code="W_AGE", message="Age unknown."),
        CodePart(code="W_PARTIAL", message=f"{start} The liver reaches the end of the stack."),
    ]
    content = present(ct_outcome(quality=QualityPart(status="warn", codes=codes)).report)
    joined = f"{start} 3 slices seen. The liver reaches the end of the stack."
    assert content.remarks == (("W_PARTIAL", joined), ("W_AGE", "Age unknown."))


def test_focal_lesions_are_said_not_to_be_assessed_unless_they_are() -> None:
    assert "Focal lesions are not assessed." in present(us_outcome().report).confounders
    lesion = LesionPart(label="benign", probabilities={"benign": 0.9})
    assert "Focal lesions are not assessed." not in present(us_outcome(lesion=lesion).report).confounders


def test_a_scan_sector_is_not_called_a_liver() -> None:
    part = SegmentPart(mask="m.png", fraction_of_view=1.0, method=SECTOR_METHOD)
    content = present(us_outcome(segmentation=SegmentationPart(liver=part)).report)
    table = next(t for t in content.tables if t.title == "Organs outlined")
    assert table.rows[0][:2] == ("Scan sector (no liver outline)", "–")


def test_measurements_are_told_in_readable_numbers_and_methods_once() -> None:
    told = [
        ("measured_voxels", 5194.0, "1"),
        ("liver_iron", 0.558264, "mg/g"),
        ("r2star", 27.593708, "1/s"),
        ("attenuation_slope", -0.045073, "grey/px"),
        ("liver_volume", None, "mL"),
    ]
    parts = [MeasurementPart(name=n, value=v, unit=u, method="voxels used", quality="ok") for n, v, u in told]
    rows = present(ct_outcome(measurements=parts).report).group("findings")[0].rows
    assert [row[1] for row in rows] == ["5194", "0.56 mg/g", "28 s⁻¹", "−0.0451 grey levels/px", "not measured"]
    assert rows[0][0] == "Measured voxels"
    assert [row[3] for row in rows] == ["voxels used", *["as above"] * 4]
    assert rows[-1][4] == "–"


def test_acquisition_tells_the_known_facts_only() -> None:
    config = {"phase": "unenhanced", "kvp": 120.0, "study_date": "20190423", "kernel": None, "level": 0.9}
    facts = ct_outcome().report.provenance.model_copy(update={"config": config})
    tables = present(ct_outcome(provenance=facts).report).tables
    found = [table.rows for table in tables if table.title == "Acquisition"]
    assert found == [
        (("Study date", "2019-04-23"), ("Contrast phase", "unenhanced"), ("Tube voltage", "120 kV")),
    ]
    assert all(table.title != "Acquisition" for table in present(ct_outcome().report).tables)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (feature_label("band_38_47"), "Depth band 38-47 % minus sector mean"),
        (feature_label("band_06_14"), "Depth band 6-14 % minus sector mean"),
        (feature_label("nakagami_m"), "Nakagami m"),
        (feature_label("far_near_ratio"), "Far near ratio"),
        (singular("1 slices; 11 slices; 0.1 images; 1 images"), "1 slice; 11 slices; 0.1 images; 1 image"),
    ],
)
def test_words(made: str, expected: str) -> None:
    assert made == expected


def test_a_calibrated_set_is_not_told_as_a_sum_of_probabilities() -> None:
    from report_examples import us_outcome

    report = us_outcome().report
    assert report.grade is not None
    shares = {"normal": 0.09, "mild": 0.72, "moderate": 0.16, "severe": 0.03}
    grade = report.grade.model_copy(update={"probabilities": shares, "set": ["mild"], "level": 0.9})
    headline = present(report.model_copy(update={"grade": grade})).headline
    assert headline is not None
    assert headline.grade_certainty == "Grades kept by a set that holds the true one in 90 % of cases: mild (S1)."


def test_what_is_said_of_focal_lesions_follows_what_was_sought() -> None:
    from report_examples import us_outcome

    from steatoscope.core.report import ModelPart, RegionPart

    report = us_outcome().report
    plain = report.model_copy(update={"regions": [], "lesion": None, "models": []})
    detector = ModelPart(name="us-localiser", version="1", sha256="0" * 64, card="x")
    lesion = RegionPart(kind="lesion", box=(1, 2, 3, 4, 0), score=0.5, size_px=4, detector="us-localiser 1")
    sought = plain.model_copy(update={"models": [detector]})
    marked = sought.model_copy(update={"regions": [lesion]})
    told = [present(one).confounders[0] for one in (plain, sought, marked)]
    assert "not assessed" in told[0]
    assert "none was marked" in told[1]
    assert "not classified" in told[2]


def test_a_grade_that_is_not_the_most_probable_one_is_told() -> None:
    report = us_outcome().report
    assert report.grade is not None
    odds = {"normal": 0.05, "mild": 0.11, "moderate": 0.35, "severe": 0.49}
    odd = report.grade.model_copy(update={"label": "moderate", "probabilities": odds})
    headline = present(report.model_copy(update={"grade": odd})).headline
    assert headline is not None
    assert headline.contradiction == "The value lies in moderate; the most probable grade is severe (49 %)."
    agreed = odd.model_copy(update={"label": "severe"})
    headline = present(report.model_copy(update={"grade": agreed})).headline
    assert headline is not None
    assert headline.contradiction == ""


def test_the_score_of_focal_regions_on_ultrasound_is_explained() -> None:
    region = RegionPart(kind="lesion", box=(1, 2, 30, 40, 0), score=0.31, size_px=900, detector="us-localiser 1.0.0")
    notes = [table.note for table in present(us_outcome(regions=[region]).report).tables if table.title == "Regions"]
    assert "18 % of normal" in notes[0]
    assert all(table.note == "" for table in present(ct_outcome().report).tables if table.title == "Regions")
