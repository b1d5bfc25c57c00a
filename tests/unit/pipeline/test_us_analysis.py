"""The ultrasound stages with made-up adapters: what ends up in the report, what a contradiction takes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from steatoscope.core.errors import SteatoscopeError, warning
from steatoscope.core.image import Clip, InputFile, Study, USScan, USView
from steatoscope.core.measurement import Measurement
from steatoscope.core.report import ModelPart, RegionPart
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.pipeline.analyse import analyse_study
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.ports import (
    SECTOR_METHOD,
    FocalFindings,
    Organs,
    Ports,
    PreparedView,
    Site,
    UltrasoundReading,
    ViewReading,
)
from steatoscope.pipeline.progress import Tracker
from steatoscope.pipeline.us import KIDNEY_COVERED

PART = ModelPart(name="made-up", version="1", sha256="0" * 64, card="x")


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip(simulate_us(10.0, seed=1).clip.frames)


def study_of(*clips: Clip) -> Study:
    names = [None] if len(clips) == 1 else ["AR", "HR"]
    views = tuple(USView(name, clip) for name, clip in zip(names, clips, strict=True))
    return Study(USScan(views), (InputFile("x", "a" * 64, "png", 1),))


def organs_of(view: PreparedView) -> Organs:
    half = view.tissue.copy()
    half[view.tissue.shape[0] // 2 :] = False
    return Organs(half[None], "made-up 1", kidney=(view.tissue & ~half)[None], model=PART)


def site(view: PreparedView, *, in_liver: bool) -> Site:
    rows, columns = np.nonzero(organs_of(view).liver[0] if in_liver else organs_of(view).kidney[0])  # type: ignore[index]
    x, y = int(np.median(columns)), int(np.median(rows))
    return Site("index: cortex", (x - 5, y - 5, x + 5, y + 5), 0)


def reading_of(views: Sequence[PreparedView], **changes: Any) -> UltrasoundReading:
    index = Measurement("hepatorenal_index", 1.3, "1", "made up")
    one = [ViewReading(np.ones(v.tissue.shape, np.float32), (index,), (site(v, in_liver=False),), True) for v in views]
    estimate = FatEstimate(12.0, "histology", 5.0, 30.0, 0.9, 8.0, "made-up", "patient", grade_set=("mild", "moderate"))
    reading = UltrasoundReading(estimate, (), tuple(one), False, (), replace_name("grader"))
    return replace(reading, **changes)


def replace_name(name: str) -> ModelPart:
    return PART.model_copy(update={"name": name})


def focal_of(view: PreparedView, organs: Organs) -> FocalFindings:
    mask = np.zeros(view.tissue.shape, dtype=bool)
    mask[60:80, 150:170] = True
    part = RegionPart(kind="lesion", box=(150, 60, 170, 80, view.chosen[0]), score=0.7, size_px=400, detector="d")
    return FocalFindings((part,), {view.chosen[0]: mask}, None, replace_name("detector"))


def none(*_: object) -> Any:
    raise AssertionError("this port is not for ultrasound")


def ports(**changes: Any) -> Ports:
    found = Ports(none, none, organs_of, none, lambda views, level: reading_of(views), focal_of, none)
    return replace(found, **changes)


def analysed(study: Study, **changes: Any) -> Any:
    return analyse_study(study, AnalyseOptions(), ports(**changes), Tracker())


def test_the_report_holds_outlines_regions_index_and_the_models_grade_set(clip: Clip) -> None:
    outcome = analysed(study_of(clip))
    report = outcome.report
    assert report.segmentation.kidney is not None
    assert [region.kind for region in report.regions] == ["lesion"]
    assert report.lesion is None
    assert report.grade is not None
    assert (report.grade.set, report.grade.level) == (["mild", "moderate"], 0.9)
    assert [model.name for model in report.models] == ["grader", "made-up", "detector"]
    assert report.measurements[0].name == "hepatorenal_index"
    assert set(outcome.masks) == {"liver", "kidney", "lesion-frame1"}
    (picture,) = outcome.pictures
    assert picture.lesions is not None
    assert picture.lesions.sum() == 400
    assert [name for name, _ in picture.sites] == ["index: cortex"]


def test_the_same_study_has_the_same_digest(clip: Clip) -> None:
    one, two = analysed(study_of(clip)), analysed(study_of(clip))
    assert one.report.provenance.report_digest == two.report.provenance.report_digest


def test_cortex_read_in_the_liver_is_read_again_without_a_kidney(clip: Clip) -> None:
    asked: list[bool] = []

    def grader(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        asked.append(views[0].without_kidney)
        reading = reading_of(views)
        if views[0].without_kidney:
            return replace(reading, views=(replace(reading.views[0], kidney=False, sites=(), measurements=()),))
        return replace(reading, views=(replace(reading.views[0], sites=(site(views[0], in_liver=True),)),))

    outcome = analysed(study_of(clip), us_grader=grader)
    assert asked == [False, True]
    assert "hepatorenal_index" not in {part.name for part in outcome.report.measurements}
    assert outcome.report.segmentation.kidney is None
    assert "W_KIDNEY" in [code.code for code in outcome.report.quality.codes]
    assert outcome.pictures[0].sites == ()


def test_a_sector_that_stands_for_the_liver_contradicts_nothing(clip: Clip) -> None:
    def whole_sector(view: PreparedView) -> Organs:
        return Organs(view.tissue[None], SECTOR_METHOD)

    def grader(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        assert not views[0].without_kidney
        return reading_of(views)

    report = analysed(study_of(clip), us_grader=grader, us_segmenter=whole_sector).report
    assert report.measurements[0].value == 1.3
    assert "W_KIDNEY" not in [code.code for code in report.quality.codes]


def organ_site(view: PreparedView, name: str, *, in_liver: bool) -> Site:
    return replace(site(view, in_liver=in_liver), name=f"index: {name}")


@pytest.mark.parametrize(
    ("liver_in_liver", "words"), [(True, ""), (False, "the liver place lies in the kidney outline")]
)
def test_an_index_read_in_the_kidney_outline_is_poor(clip: Clip, liver_in_liver: bool, words: str) -> None:
    def grader(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        reading = reading_of(views)
        places = (
            organ_site(views[0], "liver", in_liver=liver_in_liver),
            organ_site(views[0], "cortex", in_liver=False),
        )
        return replace(reading, views=(replace(reading.views[0], sites=places),))

    report = analysed(study_of(clip), us_grader=grader).report
    (index,) = [part for part in report.measurements if part.name == "hepatorenal_index"]
    assert (index.value, index.quality) == (1.3, "poor" if words else "ok")
    assert ("outlines contradict" in index.method) == bool(words)
    told = [code.message for code in report.quality.codes if code.code == "W_KIDNEY"]
    assert len(told) == bool(words)
    assert all(words in message for message in told)


def test_a_liver_place_beside_every_outline_is_poor(clip: Clip) -> None:
    def grader(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        reading = reading_of(views)
        places = (Site("index: liver", (0, 0, 8, 8), 0), organ_site(views[0], "cortex", in_liver=False))
        return replace(reading, views=(replace(reading.views[0], sites=places),))

    report = analysed(study_of(clip), us_grader=grader).report
    (message,) = [code.message for code in report.quality.codes if code.code == "W_KIDNEY"]
    assert "the liver place lies outside the liver outline" in message


@pytest.mark.parametrize("across", [False, True])
def test_a_given_liver_keeps_the_kidney_and_is_told_where_it_covers_it(
    clip: Clip, tmp_path: Path, across: bool
) -> None:
    rows, columns = clip.frames.shape[1:3]
    drawn = np.zeros((rows, columns), np.uint8)
    drawn[: rows * 3 // 4 if across else rows // 2] = 255
    Image.fromarray(drawn).save(tmp_path / "liver.png")
    options = AnalyseOptions(liver_mask=tmp_path / "liver.png")
    outcome = analyse_study(study_of(clip), options, ports(), Tracker())
    assert outcome.report.segmentation.liver is not None
    assert outcome.report.segmentation.liver.method == "given mask"
    assert outcome.report.segmentation.kidney is not None
    assert outcome.report.segmentation.kidney.method == "made-up 1"
    assert not (outcome.masks["kidney"] & outcome.masks["liver"]).any()
    assert any(KIDNEY_COVERED in code.message for code in outcome.report.quality.codes) == across


def test_a_refused_child_gets_no_local_fat(clip: Clip) -> None:
    def wordy(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        reading = reading_of(views)
        fat = Measurement("ct_fat_made_up", 12.0, "%", "made up")
        return replace(reading, views=(replace(reading.views[0], measurements=(fat,)),))

    adult = analyse_study(study_of(clip), AnalyseOptions(clinical={"age_years": 18}), ports(us_grader=wordy), Tracker())
    child = analyse_study(study_of(clip), AnalyseOptions(clinical={"age_years": 7}), ports(us_grader=wordy), Tracker())
    assert adult.pictures[0].heat is not None
    assert adult.views[0].heat is not None
    assert child.report.error is not None
    assert child.report.error.code == "E_AGE"
    assert (child.pictures[0].heat, child.views[0].heat) == (None, None)
    assert child.pictures[0].lesions is not None
    assert child.report.segmentation == adult.report.segmentation
    assert next(part.name for part in adult.report.measurements) == "ct_fat_made_up"
    assert child.report.measurements == adult.report.measurements[1:]


def test_one_view_with_a_kidney_is_enough(clip: Clip) -> None:
    def grader(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        reading = reading_of(views)
        return replace(reading, views=(reading.views[0], replace(reading.views[1], kidney=False, sites=())))

    report = analysed(study_of(clip, clip), us_grader=grader).report
    assert "W_KIDNEY" not in [code.code for code in report.quality.codes]
    assert {"hepatorenal_index_ar", "hepatorenal_index_hr"} <= {part.name for part in report.measurements}


def test_a_refused_picture_keeps_its_masses_where_a_liver_was_outlined(clip: Clip) -> None:
    def refused(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        return reading_of(views, out_of_distribution=True)

    report = analysed(study_of(clip), us_grader=refused).report
    assert report.fat is None
    assert [region.kind for region in report.regions] == ["lesion"]
    assert all(part.name != "hepatorenal_index" for part in report.measurements)

    def sector(view: PreparedView) -> Organs:
        return Organs(view.tissue[None], SECTOR_METHOD)

    assert analysed(study_of(clip), us_grader=refused, us_segmenter=sector).report.regions == []


def test_a_refused_reading_says_why_in_numbers_and_nothing_of_an_interval(clip: Clip) -> None:
    said = SteatoscopeError("E_OOD", cause="The tissue varies by 5.51 of 255 grey levels (at least 6).")
    widened = warning("W_OOD", "The interval was widened.")

    def refused(views: Sequence[PreparedView], _level: float) -> UltrasoundReading:
        return reading_of(views, out_of_distribution=True, refusal=said, notes=(widened, warning("W_FIRSTMODEL")))

    report = analysed(study_of(clip), us_grader=refused).report
    assert report.error is not None
    assert report.error.cause == said.cause
    codes = [note.code for note in report.quality.codes]
    assert "W_OOD" not in codes
    assert "W_FIRSTMODEL" in codes
    assert {value.quality for value in report.measurements} == {"poor"}
    measured = analysed(study_of(clip), us_grader=lambda views, _level: reading_of(views, notes=(widened,))).report
    assert "W_OOD" in [note.code for note in measured.quality.codes]
    assert "ok" in {value.quality for value in measured.measurements}


def test_a_picture_without_a_sector_is_refused() -> None:
    flat = Clip(np.zeros((1, 200, 200), np.uint8))
    report = analysed(study_of(flat)).report
    assert report.error is not None
    assert report.error.code == "E_OOD"
