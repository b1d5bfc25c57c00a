from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from report_examples import body_picture, ct_outcome, mr_outcome, refused_outcome, sector_picture, us_outcome

from steatoscope.core.report import BaselinePart, Report
from steatoscope.pipeline.outcome import Outcome, Picture
from steatoscope.service.report.baseline_figure import render_baseline
from steatoscope.service.report.contributions_figure import render_contributions
from steatoscope.service.report.figures import render_grade_scale, scale_end
from steatoscope.service.report.illustrations import panels_shown
from steatoscope.service.report.overlay import panels_of, render_overlay, render_picture
from steatoscope.service.report.upright import upright


def _pixels(png: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    assert set(image.info) <= {"dpi"}
    return np.asarray(image.convert("RGB"), dtype=int)


def _near(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels - np.array(colour)).max(axis=-1) < 25).sum())


def test_overlay_is_1800_wide_and_grows_with_the_pictures() -> None:
    one, two = (_pixels(render_overlay([body_picture()] * n)) for n in (1, 2))
    assert one.shape[1] == two.shape[1] == 1800
    assert 1.5 * one.shape[0] < two.shape[0] < 2 * one.shape[0]


def test_overlay_without_pictures_is_still_a_picture() -> None:
    assert _pixels(render_overlay(())).shape[1] == 1800


def test_same_pictures_give_the_same_bytes() -> None:
    assert render_overlay([sector_picture()]) == render_overlay([sector_picture()])


@pytest.mark.parametrize("aspect", [0.5, 1.0])
def test_panel_keeps_the_pixel_aspect(aspect: float) -> None:
    picture = body_picture(pixel_aspect=aspect)
    height = _pixels(render_picture(picture, "plain")).shape[0]
    expected = 720 * (160 / 200) * aspect + 0.55 * 150
    assert abs(height - expected) <= 2


def test_organs_are_contours_over_a_visible_image() -> None:
    plain, found = (_pixels(render_picture(body_picture(boxes=()), panel)) for panel in ("plain", "found"))
    assert _near(plain, (86, 180, 233)) == 0
    assert _near(found, (86, 180, 233)) > 300
    assert _near(found, (240, 228, 66)) > 50
    image_rows = slice(0, 570)
    unchanged = (np.abs(plain[image_rows] - found[image_rows]).max(axis=-1) == 0).mean()
    assert unchanged > 0.9


def test_an_organ_that_fills_the_picture_is_outlined_and_an_empty_one_is_not() -> None:
    full, empty = np.ones((160, 200), bool), np.zeros((160, 200), bool)
    assert _near(_pixels(render_picture(body_picture(liver=full, boxes=()), "found")), (86, 180, 233)) > 300
    bare = body_picture(liver=empty, spleen=None, kidney=None, boxes=())
    assert _near(_pixels(render_picture(bare, "found")), (86, 180, 233)) == 0


def test_heat_is_drawn_only_where_it_is_defined() -> None:
    plain, heat = (
        _pixels(render_picture(body_picture(liver=None, spleen=None, kidney=None, boxes=()), panel))
        for panel in ("plain", "heat")
    )
    image = slice(0, 570)
    changed = np.abs(plain[image] - heat[image]).max(axis=-1) > 8
    share = body_picture().liver.mean()
    assert changed.mean() == pytest.approx(share, abs=0.02)


def test_a_picture_without_a_defined_map_has_two_panels() -> None:
    assert panels_of(body_picture()) == ("plain", "found", "heat")
    assert panels_of(body_picture(heat=None)) == ("plain", "found")
    assert panels_of(body_picture(heat=np.full((160, 200), np.nan, np.float32))) == ("plain", "found")


def test_a_refused_report_shows_no_map_of_fat() -> None:
    assert panels_shown(refused_outcome().report, body_picture()) == ("plain", "found")
    assert "heat" in panels_shown(ct_outcome().report, body_picture())


@pytest.mark.parametrize("flip", [(True, False), (False, True), (True, True)])
def test_flips_turn_image_masks_map_and_boxes_together(flip: tuple[bool, bool]) -> None:
    picture = body_picture(flip=flip, boxes=(("fatty", (30, 50, 60, 80), 0.9),))
    marked = np.zeros((160, 200), np.uint8)
    marked[50:80, 30:60] = 255
    turned = upright(Picture(title="", grey=marked, liver=marked > 0, boxes=picture.boxes, flip=flip))
    x0, y0, x1, y1 = turned.boxes[0][1]
    assert turned.grey[y0:y1, x0:x1].min() == 255
    assert int((turned.grey > 0).sum()) == 900
    assert turned.liver is not None
    assert np.array_equal(turned.liver, turned.grey > 0)
    assert turned.flip == (False, False)


def test_mathematical_markup_in_titles_is_shown_as_it_is() -> None:
    _pixels(render_overlay([body_picture(title=r"$\frac{1}{$ slice_1 ^2", heat_title="fat $%")]))


@pytest.mark.parametrize("draw", [render_grade_scale, render_baseline])
@pytest.mark.parametrize("make", [ct_outcome, mr_outcome, us_outcome])
def test_charts_are_drawn_and_repeatable(draw: Callable[[Report], bytes | None], make: Callable[[], Outcome]) -> None:
    png = draw(make().report)
    assert png is not None
    assert _pixels(png).shape[1] == 1020
    assert draw(make().report) == png


def test_charts_of_a_refused_report_are_left_out() -> None:
    report = refused_outcome(baseline=ct_outcome().report.baseline).report
    assert render_grade_scale(report) is None
    assert render_baseline(report) is None
    assert render_contributions(report) is None


def test_contributions_are_drawn() -> None:
    png = render_contributions(us_outcome().report)
    assert png is not None
    assert _near(_pixels(png), (200, 85, 61)) > 500


def test_a_population_curve_is_drawn_only_where_the_score_belongs_to_it() -> None:
    report = mr_outcome().report
    assert report.baseline is not None
    other = report.baseline.model_copy(update={"z": report.baseline.z + 1.0, "reference": "another population"})
    drawn, plain = render_baseline(report), render_baseline(mr_outcome(baseline=other).report)
    assert drawn is not None
    assert plain is not None
    beyond_the_limit = (243, 181, 98)
    assert _near(_pixels(drawn), beyond_the_limit) > 100
    assert _near(_pixels(plain), beyond_the_limit) == 0


def test_no_baseline_picture_without_a_score() -> None:
    part = BaselinePart(reference="r", percentile=None, z=None, healthy_upper_limit=None, text="t")
    assert render_baseline(mr_outcome(baseline=part).report) is None


def test_scale_ends_at_100_for_histology_and_beyond_limits_and_interval_else() -> None:
    histology, ct = us_outcome().report, ct_outcome().report
    assert histology.fat is not None
    assert ct.fat is not None
    assert scale_end(histology.fat, [5, 33, 66]) == 100.0
    assert scale_end(ct.fat, [5.5, 15.5, 20.5]) == 35.0


def test_the_picture_is_not_hidden_behind_its_ground() -> None:

    pixels = np.asarray(Image.open(io.BytesIO(render_picture(body_picture(), "found"))).convert("L"))
    top = pixels[: int(0.8 * pixels.shape[0])]
    assert float(((top > 40) & (top < 250)).mean()) > 0.2


def test_focal_masks_and_index_sites_turn_with_the_picture() -> None:
    lesions = np.zeros((160, 200), dtype=bool)
    lesions[10:20, 30:50] = True
    picture = body_picture(flip=(True, True), lesions=lesions, sites=(("index: liver", (30, 10, 50, 20)),))
    turned = upright(picture)
    assert turned.lesions is not None
    assert np.argwhere(turned.lesions).min(axis=0).tolist() == [140, 150]
    assert turned.sites == (("index: liver", (150, 140, 170, 150)),)
    assert render_picture(picture, "found") != render_picture(body_picture(flip=(True, True)), "found")
