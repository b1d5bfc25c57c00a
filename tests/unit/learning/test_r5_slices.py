"""Recipe R5 in an analysis: eight-bit CT passes with its model only; a class is reported where it is claimed only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import nibabel as nib
import numpy as np
import pytest

from steatoscope.apps.wiring import slice_anomaly
from steatoscope.apps.wiring.slice_anomaly import GreyLiver, SliceAnomalyFocal
from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask, Volume
from steatoscope.core.report import ModelPart
from steatoscope.learning.inference.slice_anomaly import SliceReading
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.ports import Organs

SHARES = {"normal": 0.2, "benign": 0.3, "malignant": 0.5}


class _Model:
    name, version, settings = "r5-test", "1.0.0", {"truth": "simulated"}

    def part(self) -> ModelPart:
        return ModelPart(name="r5-test", version="1.0.0", sha256="0" * 64, card="r5-test/card.md")


class _Network:
    """Finds whatever is brighter than 200 in the liver."""

    def __init__(self, claim: bool) -> None:
        self.claim = claim

    def read(self, grey: Any, liver: Mask) -> SliceReading:
        return SliceReading(SHARES, np.where((grey > 200) & liver, 0.9, 0.1).astype(np.float32))


def _volume() -> tuple[Volume, Mask]:
    data = np.full((3, 64, 64), 100.0, dtype=np.float32)
    data[1, 20:30, 20:26] = 250.0
    data[2, 40:42, 40:42] = 250.0
    liver = np.zeros(data.shape, dtype=np.bool_)
    liver[:, 10:50, 10:50] = True
    liver[0] = False
    return Volume(data, Geometry.from_spacing((1.0, 1.0, 1.0), known=False), "au"), liver


@pytest.mark.parametrize("claim", [True, False])
def test_regions_lie_where_the_mask_is_and_the_class_needs_a_claim(
    monkeypatch: pytest.MonkeyPatch, claim: bool
) -> None:
    monkeypatch.setattr(slice_anomaly, "_network", lambda model: _Network(claim))
    volume, liver = _volume()
    found = SliceAnomalyFocal(_Model())(volume, Organs(liver=liver, method="given"))  # type: ignore[arg-type]
    assert [part.box for part in found.regions] == [(20, 20, 26, 30, 1)]
    assert found.regions[0].size_px == 60
    assert "simulated" in found.regions[0].detector
    assert list(found.masks) == [1]
    if claim:
        assert found.lesion is not None
        assert found.lesion.label == "malignant"
    else:
        assert found.lesion is None


def test_the_segmenter_sees_hu_where_the_slices_have_none() -> None:
    seen: list[Volume] = []

    def inner(volume: Volume) -> Organs:
        seen.append(volume)
        return Organs(liver=None, method="none")

    volume, _ = _volume()
    grey = GreyLiver(inner)
    grey(volume)
    grey(replace(volume, unit="HU"))
    assert [one.unit for one in seen] == ["HU", "HU"]
    assert seen[1].data is volume.data


def test_eight_bit_ct_passes_with_a_model_of_r5_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="needs the train extra (make train)")
    from steatoscope.apps.cli.analyze import summarise
    from steatoscope.apps.wiring.run import run_study
    from steatoscope.learning.evaluation.r5 import R5Plan, train_r5
    from steatoscope.learning.training.ct_focal_phantoms import phantom_slices

    tiny = R5Plan("tiny", 64, 2, 2, 0, 1, 1, 2, real_ct=False)
    monkeypatch.setattr("steatoscope.learning.evaluation.r5.PLANS", {"small": tiny})
    train_r5(None, tmp_path / "model", seed=0, steps=2, resume=False, plan="small", weights="random")
    one = phantom_slices(1, 5, each=1)[0]
    cv2.imwrite(str(tmp_path / "slice.png"), np.clip(one.hu, 0, 255).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "liver.png"), one.liver.astype(np.uint8) * 255)
    options = AnalyseOptions(modality="CT", liver_mask=tmp_path / "liver.png")
    with pytest.raises(SteatoscopeError) as fault:
        run_study([tmp_path / "slice.png"], tmp_path / "no", options)
    assert fault.value.code == "E_DEPTH"
    named = replace(options, model=str(tmp_path / "model"))
    code, document = run_study([tmp_path / "slice.png"], tmp_path / "yes", named)
    assert code == 0
    assert "no fat is measured" in summarise(document)
    report = json.loads((tmp_path / "yes" / "report.json").read_text(encoding="utf-8"))
    assert report["fat"] is None
    assert report["lesion"] is None
    assert report["models"][0]["name"] == "r5-ct-anomaly"
    heat = nib.load(tmp_path / "yes" / report["explanation"]["heatmap"])
    values = np.asarray(heat.dataobj)
    assert values.shape[:2][::-1] == one.liver.shape
    assert 0.0 < values.max() <= 1.0
    assert not values[:, :, 0].T[~one.liver].any()
    page = (tmp_path / "yes" / "report.html").read_text(encoding="utf-8")
    assert "How sure the model is of a focal region, 0 to 1 (simulated truth), colours from 0 to 1." in page


def test_the_map_is_known_on_the_livers_that_were_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_anomaly, "_network", lambda model: _Network(claim=False))
    volume, liver = _volume()
    found = SliceAnomalyFocal(_Model())(volume, Organs(liver=liver, method="given"))  # type: ignore[arg-type]
    assert found.heat is not None
    np.testing.assert_array_equal(np.isfinite(found.heat), liver)
    assert found.heat[1, 25, 22] == pytest.approx(0.9)
    assert "simulated" in found.heat_title
    none = SliceAnomalyFocal(_Model())(volume, Organs(liver=np.zeros_like(liver), method="given"))  # type: ignore[arg-type]
    assert none.heat is None


def test_the_map_of_a_volume_in_hu_is_written_beside_the_fat_map(tmp_path: Path) -> None:
    from steatoscope.apps.cli.main import run
    from steatoscope.apps.wiring.ports import default_ports
    from steatoscope.pipeline.analyse import analyse
    from steatoscope.pipeline.ports import FocalFindings
    from steatoscope.pipeline.progress import Tracker

    def focal(volume: Volume, organs: Organs) -> FocalFindings:
        assert organs.liver is not None
        return FocalFindings(heat=np.where(organs.liver, 0.25, np.nan).astype(np.float32), heat_title="how sure")

    run(["phantom", "ct", "--fat", "18", "--seed", "3", "--out", str(tmp_path / "ct")])
    options = AnalyseOptions()
    outcome = analyse([tmp_path / "ct"], options, replace(default_ports(options), ct_focal=focal), Tracker())
    assert set(outcome.maps) == {"fat", "focal"}
    assert outcome.report.explanation is not None
    assert outcome.report.explanation.heatmap == "map-fat.nii.gz"
    np.testing.assert_array_equal(outcome.maps["focal"].data > 0, outcome.masks["liver"])
