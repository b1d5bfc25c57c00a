"""Ultrasound adapters: outlines from probabilities, masses over frames, the steatosis reading of several views."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from wiring_models import model_folder, threshold_graph

from steatoscope.apps.wiring.focal import PlacedRegion, claimed, iou, joined, region_part, steady, whole_pixels
from steatoscope.apps.wiring.us_organs import NetworkUltrasound, large_parts, us_organs
from steatoscope.apps.wiring.us_steatosis import (
    contributions,
    estimate,
    hepatorenal,
    index_words,
    member_spread,
    view_reading,
)
from steatoscope.core.measurement import Interval
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.explain.us_steatosis_effects import GroupEffect, ValueAccount
from steatoscope.learning.inference.us_first import FeatureEffect
from steatoscope.learning.inference.us_steatosis import LocatedFrame, SteatosisPrediction
from steatoscope.pipeline.ports import SECTOR_METHOD, PreparedView

SHAPE = (200, 240)


def sector() -> Sector:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:190, 20:220] = True
    return Sector(mask, (119.5, -100000.0), 100010.0, 100190.0, -0.001, 0.001, "linear", 0.95)


def view(frames: int = 1, name: str | None = None, grey: int = 90) -> PreparedView:
    return PreparedView(
        name, np.full((frames, *SHAPE), grey, np.uint8), sector(), sector().mask, (0.5, 0.5), tuple(range(frames))
    )


def maps(frames: int = 1, **boxes: tuple[slice, slice, float]) -> np.ndarray:
    found = np.zeros((frames, *SHAPE), np.float32)
    for rows, columns, value in boxes.values():
        found[:, rows, columns] = value
    return found


LIVER = (slice(30, 120), slice(40, 180), 0.9)
RENAL = (slice(130, 170), slice(60, 140), 0.97)


def test_liver_and_kidney_are_outlined(tmp_path: Path) -> None:
    liver = maps(liver=LIVER, speck=(slice(150, 153), slice(200, 203), 0.9))
    organs = us_organs(view(), liver, maps(kidney=RENAL), model_folder(tmp_path / "net", modality="US"))
    assert organs.liver is not None
    assert organs.liver.sum() == 90 * 140
    assert organs.kidney is not None
    assert organs.kidney.sum() == 40 * 80
    assert organs.notes == ()
    assert organs.method == "net 0.1.0"


@pytest.mark.parametrize(
    "kidney",
    [
        (slice(130, 170), slice(60, 140), 0.8),  # not sure enough
        (slice(130, 135), slice(60, 70), 0.97),  # too small
        (slice(60, 190), slice(20, 220), 0.97),  # too large
        (slice(11, 25), slice(40, 200), 0.97),  # in the skin
    ],
)
def test_what_is_no_kidney_is_not_outlined(tmp_path: Path, kidney: tuple[slice, slice, float]) -> None:
    organs = us_organs(view(), maps(liver=LIVER), maps(kidney=kidney), model_folder(tmp_path / "net", modality="US"))
    assert organs.kidney is None


def test_without_a_liver_the_sector_stands_in(tmp_path: Path) -> None:
    organs = us_organs(view(), maps(), None, model_folder(tmp_path / "net", modality="US"))
    assert organs.method == SECTOR_METHOD
    assert [note.code for note in organs.notes] == ["W_MASK"]


def test_a_small_outline_grows_into_what_is_likely_and_says_so(tmp_path: Path) -> None:
    liver = maps(around=(slice(30, 90), slice(40, 130), 0.3), core=(slice(40, 60), slice(60, 90), 0.8))
    organs = us_organs(view(), liver, None, model_folder(tmp_path / "net", modality="US"))
    assert organs.liver is not None
    assert organs.liver.sum() == 60 * 90
    assert "15% of the scan sector" in organs.notes[0].message


def test_frames_that_disagree_are_told(tmp_path: Path) -> None:
    liver = np.concatenate([maps(liver=LIVER), maps(liver=LIVER), maps(liver=(slice(30, 60), slice(40, 180), 0.9))])
    organs = us_organs(view(3), liver, None, model_folder(tmp_path / "net", modality="US"))
    assert "frames disagree" in organs.notes[0].message


def test_large_parts_are_kept_and_holes_filled() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask[5:45, 5:45] = True
    mask[20:25, 20:25] = False
    mask[50:53, 50:53] = True
    assert large_parts(mask).sum() == 1600
    assert not large_parts(np.zeros((4, 4), dtype=bool)).any()


def test_a_graph_behind_the_port(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    settings = {"kind": "us", "classes": ["liver", "mass", "kidney"], "mirrored": True}
    model = model_folder(tmp_path / "net", modality="US", settings=settings, model_onnx=threshold_graph(3, 0.0))
    seen = view(2)
    seen.frames[:, 40:140, 60:160] = 180
    organs = NetworkUltrasound(model)(seen)
    assert organs.liver is not None
    truth = np.zeros(SHAPE, dtype=bool)
    truth[40:140, 60:160] = True
    assert 2 * (organs.liver[0] & truth).sum() / (organs.liver.sum() + truth.sum()) > 0.97


def region(x: int, score: float, frame: int) -> PlacedRegion:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[50:70, x : x + 20] = True
    return PlacedRegion((x, 50, x + 20, 70), mask, score, frame)


def test_regions_must_be_seen_in_a_third_of_the_frames() -> None:
    frames = [[region(50, 0.6, 0)], [region(52, 0.8, 7)], [region(150, 0.9, 12)], [], []]
    kept = steady(frames)
    assert [(one.score, one.index) for one in kept] == [(0.8, 7)]
    assert [one.score for one in steady([[region(50, 0.6, 0), region(150, 0.9, 0)]])] == [0.9, 0.6]
    assert steady([[], []]) == []


def test_a_region_in_the_report_has_box_frame_and_size() -> None:
    part = region_part(region(50, 0.61239, 7), "us-localiser 1.0.0", pixel_mm2=0.25)
    assert part.box == (50, 50, 70, 70, 7)
    assert (part.score, part.size_px, part.size_mm2) == (0.6124, 400, 100.0)
    assert region_part(region(50, 0.6, 7), "x", pixel_mm2=None).size_mm2 is None
    assert joined([region(50, 0.6, 7), region(80, 0.5, 7)])[7].sum() == 800


def test_boxes_become_whole_pixels_within_the_picture() -> None:
    assert whole_pixels((-3.2, 4.7, 20.1, 300.0), SHAPE) == (0, 4, 21, 200)
    assert whole_pixels((239.9, 199.9, 250.0, 250.0), SHAPE) == (239, 199, 240, 200)
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0


def prediction(value: float = 12.0, **changes: Any) -> SteatosisPrediction:
    facts: dict[str, Any] = {
        "value_percent": value,
        "interval": Interval(value / 2, value * 2, 0.9),
        "probability": 0.8,
        "threshold": 0.5,
        "positive": True,
        "grade_probabilities": {"normal": 0.2, "mild": 0.7, "moderate": 0.08, "severe": 0.02},
        "effects": tuple(FeatureEffect(f"f{k}", float(k), float(k)) for k in range(12)),
        "healthy_z": {"score": 2.0},
        "ood_score": 0.2,
        "out_of_distribution": False,
        "unusual": False,
        "heatmap": np.eye(4, dtype=np.float32),
        "kidney_in_view": True,
        "kidney_probability": 0.9,
        "grade_set": ("mild",),
        "located": (LocatedFrame(0, (10.4, 20.0, 38.4, 48.0), (50.0, 60.0, 78.0, 88.0)),),
        "hepatorenal_index": 1.4,
        "index_quality": 0.55,
    }
    return SteatosisPrediction(**(facts | changes))


MODEL: Any = SimpleNamespace(
    version="1.0.0",
    folder=SimpleNamespace(name="us-steatosis"),
    path=lambda kidney: SimpleNamespace(judge=SimpleNamespace(grade_limit=0.75)),
)


def test_one_view_keeps_the_models_own_grade_set() -> None:
    found = estimate(MODEL, [prediction()])
    assert (found.value_percent, found.low, found.high, found.grade_set) == (12.0, 6.0, 24.0, ("mild",))
    assert found.method == "us-steatosis 1.0.0, with a kidney in view"
    assert found.steatosis is not None
    assert found.steatosis.probability == 0.8


def test_several_views_are_averaged() -> None:
    other = prediction(
        40.0,
        probability=0.1,
        kidney_in_view=False,
        grade_probabilities={"normal": 0.0, "mild": 0.2, "moderate": 0.7, "severe": 0.1},
    )
    found = estimate(MODEL, [prediction(), other])
    assert (found.value_percent, found.low, found.high) == (26.0, 13.0, 52.0)
    assert found.probabilities is not None
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.grade_set == ("mild", "moderate")
    assert found.steatosis is not None
    assert (found.steatosis.probability, found.steatosis.positive) == (pytest.approx(0.45), False)


def test_the_members_spread_is_a_measurement_of_the_view() -> None:
    members = SimpleNamespace(member_values=lambda readings: np.array([10.0, 14.0, 30.0]))
    model: Any = SimpleNamespace(path=lambda kidney: members)
    (found,) = member_spread(model, prediction())
    assert (found.name, found.unit) == ("member_spread", "%")
    assert found.value == pytest.approx(np.std([10.0, 14.0, 30.0]))
    assert "3 members" in found.method
    assert [member_spread(model, prediction(), limit)[0].quality for limit in (None, found.value, 8.0)] == [
        "ok",
        "ok",
        "warn",
    ]
    shown = view_reading(prediction(), (found,))
    assert [value.name for value in shown.measurements] == ["hepatorenal_index", "member_spread"]
    assert view_reading(prediction(out_of_distribution=True), (found,)).measurements == ()


def test_the_index_has_a_quality_and_none_without_a_kidney() -> None:
    (index,) = hepatorenal(prediction())
    assert (index.name, index.value, index.quality) == ("hepatorenal_index", 1.4, "warn")
    assert "quality 0.55" in index.method
    (none,) = hepatorenal(prediction(hepatorenal_index=None, kidney_in_view=False))
    assert (none.value, none.quality) == (None, "poor")
    assert [index_words(quality) for quality in (0.39, 0.4, 0.69, 0.7)] == ["poor", "warn", "warn", "ok"]


def test_a_view_tells_its_map_and_where_the_index_was_read() -> None:
    read = view_reading(prediction())
    assert [(site.name, site.box, site.frame) for site in read.sites] == [
        ("index: liver", (10, 20, 38, 48), 0),
        ("index: cortex", (50, 60, 78, 88), 0),
    ]
    assert read.heat is not None
    assert np.isnan(read.heat).sum() == 12
    left = view_reading(prediction(out_of_distribution=True))
    assert (left.heat, left.measurements, left.sites) == (None, (), ())


def test_contributions_add_up_over_views() -> None:
    one = ValueAccount(10.0, (GroupEffect("far_field", 4.0, 2.0), GroupEffect("network_liver", 0.5, -6.0)))
    other = ValueAccount(12.0, (GroupEffect("far_field", 6.0, 1.0), GroupEffect("depth_profile", np.nan, 0.5)))
    start, found = contributions([one, other])
    assert start.value_percent == pytest.approx(11.0)
    assert start.value_percent + sum(part.effect_points for part in found) == pytest.approx((6.0 + 13.5) / 2)
    assert [part.feature for part in found] == ["network_liver", "far_field", "depth_profile"]
    assert [part.value for part in found] == [0.5, 5.0, 0.0]


@pytest.mark.parametrize("claim", [False, True])
def test_a_class_is_told_only_where_the_classifier_claims_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claim: bool
) -> None:
    from steatoscope.learning.inference import anomaly

    seen: list[Any] = []

    def read(*parts: Any) -> anomaly.AnomalyReading:
        seen.append(parts)
        return anomaly.AnomalyReading("benign", {"normal": 0.1, "benign": 0.7, "malignant": 0.2}, True)

    monkeypatch.setattr(anomaly.AnomalyClassifier, "open", lambda _model: SimpleNamespace(read=read))
    model = model_folder(tmp_path / "anomaly", modality="US", settings={"claim": claim})
    shown = view(2)
    part = claimed(shown, sector().mask, [region(50, 0.6, 1)], model)
    assert (part is not None) == claim
    assert claimed(shown, sector().mask, [], None) is None
    if part is not None:
        assert part.label == "benign"
        assert seen[0][4] == 0.6
        assert seen[0][3].sum() == 400
