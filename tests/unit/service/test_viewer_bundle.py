"""The viewer's bundle: exact values, only layers that exist, no pixel beside the scan sector."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from results_kit import small_ct, small_us
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, Study, Volume
from steatoscope.core.report import Report
from steatoscope.pipeline.outcome import Outcome
from steatoscope.service.report import viewer_bundle
from steatoscope.service.report.viewer_bundle import ViewerBundle, write_viewer
from steatoscope.service.report.viewer_layers import UNDEFINED, orientation, unpacked, value_layer


@pytest.fixture(scope="module")
def report(analysed_ct: Path) -> Report:
    return Report.model_validate_json((analysed_ct / "report.json").read_text(encoding="utf-8"))


def bundle_of(outcome: Outcome, folder: Path) -> ViewerBundle:
    write_viewer(outcome, folder / "viewer.zip")
    return ViewerBundle(io.BytesIO((folder / "viewer.zip").read_bytes()))


def sixteen(raw: bytes, shape: tuple[int, int]) -> np.ndarray:
    low, high = np.frombuffer(raw, np.uint8).reshape(2, -1).astype(np.uint16)
    return (low | (high << 8)).view(np.int16).reshape(shape)


def test_a_map_of_focal_regions_is_a_layer_of_its_own(report: Report, tmp_path: Path) -> None:
    outcome = small_ct(report)
    assert outcome.study is not None
    assert isinstance(outcome.study.scan, CTScan)
    volume = outcome.study.scan.volume
    sure = np.zeros(volume.data.shape, dtype=np.float32)
    sure[2, 10:14, 20:24] = 0.5
    found = bundle_of(replace(outcome, maps={"focal": Volume(sure, volume.geometry, "au")}), tmp_path)
    (layer,) = found.meta()["scenes"][0]["heats"]
    assert (layer["key"], layer["low"], layer["high"], layer["indexes"]) == ("focal", 0.0, 1.0, [2])
    plane = np.frombuffer(found.plane("s0-heat-focal", 2), np.uint8).reshape(32, 40)
    np.testing.assert_array_equal(plane > 0, sure[2] > 0)
    assert (plane[plane > 0] - 1.0) / 254.0 == pytest.approx(0.5, abs=0.003)


def test_values_masks_and_maps_come_back(report: Report, tmp_path: Path) -> None:
    outcome = small_ct(report)
    bundle = bundle_of(outcome, tmp_path)
    scene = bundle.meta()["scenes"][0]
    assert outcome.study is not None
    assert isinstance(outcome.study.scan, CTScan)
    hu = outcome.study.scan.volume.data
    for index in range(6):
        assert np.array_equal(sixteen(bundle.plane("s0-image", index), (32, 40)), np.rint(hu[index]))
    liver = next(layer for layer in scene["masks"] if layer["key"] == "liver")
    assert liver["indexes"] == [1, 2, 3, 4]
    assert np.array_equal(unpacked(bundle.plane("s0-mask-liver", 2), (32, 40)), outcome.masks["liver"][2])
    heat = np.frombuffer(bundle.plane("s0-heat-fat", 2), np.uint8).reshape(32, 40)
    assert np.array_equal(heat > 0, outcome.masks["liver"][2])
    shown = (heat[heat > 0] - 1.0) / 254.0 * 40.0
    assert np.allclose(shown, np.clip(outcome.maps["fat"].data[2][heat > 0], 0, 40), atol=0.09)


def test_only_layers_that_exist(report: Report, tmp_path: Path) -> None:
    scene = bundle_of(replace(small_ct(report), maps={}, masks={}), tmp_path).meta()["scenes"][0]
    assert scene["masks"] == []
    assert scene["heats"] == []


def test_fatty_tissue_is_what_the_fatty_area_counts(report: Report, tmp_path: Path) -> None:
    outcome = small_ct(report)
    assert report.fatty_area is not None
    bundle = bundle_of(outcome, tmp_path)
    mask = unpacked(bundle.plane("s0-mask-fatty", 3), (32, 40))
    expected = outcome.masks["liver"][3] & (outcome.maps["fat"].data[3] >= report.fatty_area.threshold)
    assert np.array_equal(mask, expected)


def test_a_plane_is_sent_as_gzip_without_packing_anew(report: Report, tmp_path: Path) -> None:
    bundle = bundle_of(small_ct(report), tmp_path)
    assert gzip.decompress(bundle.gzipped("s0-image", 4)) == bundle.plane("s0-image", 4)
    with pytest.raises(KeyError):
        bundle.gzipped("s0-image", 6)


def test_the_same_outcome_gives_the_same_bytes(report: Report, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_viewer(small_ct(report), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_beside_the_sector_is_kept(report: Report, tmp_path: Path) -> None:
    outcome = small_us(report)
    bundle = bundle_of(outcome, tmp_path)
    scene = bundle.meta()["scenes"][0]
    area = outcome.views[0].area
    for index in range(scene["count"]):
        frame = np.frombuffer(bundle.plane("s0-image", index), np.uint8).reshape(24, 36)
        assert not frame[~area].any()
        assert frame[area].all()


def test_outlines_of_ultrasound_belong_to_the_frames_that_were_read(report: Report, tmp_path: Path) -> None:
    bundle = bundle_of(small_us(report, frames=4), tmp_path)
    scene = bundle.meta()["scenes"][0]
    assert [(layer["key"], layer["indexes"], layer["shared"]) for layer in scene["masks"]] == [("liver", [0, 3], True)]
    assert scene["heats"][0]["indexes"] == [0, 3]
    with zipfile.ZipFile(tmp_path / "viewer.zip") as archive:
        assert [name for name in archive.namelist() if "mask" in name] == ["s0-mask-liver/0000"]


def test_long_clips_keep_the_frames_that_were_read(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_bundle, "MOST_CLIP_BYTES", 24 * 36 * 5)
    scene = bundle_of(small_us(report, frames=20), tmp_path).meta()["scenes"][0]
    assert scene["numbers"] == [0, 4, 8, 12, 16, 19]
    assert scene["frames_in_clip"] == 20
    assert scene["masks"][0]["indexes"] == [0, 5]


def test_every_view_is_a_scene(report: Report, tmp_path: Path) -> None:
    meta = bundle_of(small_us(report, views=2), tmp_path).meta()
    assert [(scene["key"], scene["name"]) for scene in meta["scenes"]] == [("s0", "V0"), ("s1", "V1")]
    assert meta["views_in_scan"] == 2


def test_an_outcome_without_a_scan_has_no_scene(report: Report, tmp_path: Path) -> None:
    empty = CTScan(Volume(np.zeros((0, 0, 0), np.float32), Geometry(np.eye(4), known=False), "HU"))
    for study in (None, Study(empty, inputs=())):
        outcome = Outcome(report=report, pictures=(), geometry=None, study=study)
        assert bundle_of(outcome, tmp_path).meta()["scenes"] == []


@pytest.mark.parametrize(
    ("affine", "flip", "sides"),
    [
        (np.diag([1.0, 1.0, 1.0, 1.0]), (False, False), {"right": "L", "left": "R", "bottom": "P", "top": "A"}),
        (np.diag([-1.0, -1.0, 1.0, 1.0]), (True, True), {"right": "L", "left": "R", "bottom": "P", "top": "A"}),
        (np.diag([-1.0, -1.0, 1.0, 1.0]), (False, False), {"right": "R", "left": "L", "bottom": "A", "top": "P"}),
    ],
)
def test_sides_of_the_patient(affine: np.ndarray, flip: tuple[bool, bool], sides: dict[str, str]) -> None:
    assert orientation(Geometry(affine), flip) == sides
    assert orientation(Geometry(affine, known=False), flip) is None


def test_a_flipped_volume_is_turned_for_display(report: Report, tmp_path: Path) -> None:
    scene = bundle_of(small_ct(report, flipped=True), tmp_path).meta()["scenes"][0]
    assert scene["flip"] == [True, True]
    assert scene["orientation"]["left"] == "R"


def test_ct_without_hu_has_no_hu_windows(report: Report, tmp_path: Path) -> None:
    outcome = small_ct(report)
    grey = Volume(np.full((2, 8, 8), 7.0, np.float32), Geometry(np.eye(4), known=False), "au")
    outcome = replace(outcome, masks={}, maps={}, study=Study(CTScan(grey), inputs=()))
    image = bundle_of(outcome, tmp_path).meta()["scenes"][0]["images"][0]
    assert image["unit"] == "au"
    assert image["presets"][0]["name"] == "automatic"
    assert all(preset["width"] > 0 for preset in image["presets"])


def test_undefined_and_large_values() -> None:
    data = np.array([[[np.nan, 0.5, 1e6, -1e6]]], np.float32)
    layer = value_layer("image", "x", data, "au", [("full", 0.0, 1.0)])
    values = sixteen(layer.plane(0), (1, 4))[0]
    assert values[0] == UNDEFINED
    assert np.allclose(values[2:] * layer.facts["slope"], [1e6, -1e6], rtol=1e-3)


def test_the_description_is_plain_json(report: Report, tmp_path: Path) -> None:
    meta = bundle_of(small_ct(report), tmp_path).meta()
    assert json.loads(json.dumps(meta, allow_nan=False)) == meta
    assert meta["simulated"] is True
