"""A CT without bone: refused where a liver was found, after contrast, and not where the user outlined it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTFacts, CTScan, InputFile, Study, Volume
from steatoscope.imaging.io.write import write_nifti
from steatoscope.pipeline.analyse import analyse_study
from steatoscope.pipeline.foreign import boneless_ct
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.ports import FocalFindings, Organs, Ports
from steatoscope.pipeline.progress import Tracker

SHAPE = (6, 80, 80)
GRID = Geometry.from_spacing((5.0, 3.0, 3.0))
LIVER = np.zeros(SHAPE, dtype=np.bool_)
LIVER[:, 20:50, 15:50] = True


def scan_of(*, bone: bool) -> CTScan:
    """A square body of 45 HU with a layer of fat, and a spine where there is bone."""
    values = np.full(SHAPE, -1000.0, np.float32)
    values[:, 5:75, 5:75] = -100.0
    values[:, 10:70, 10:70] = 45.0
    if bone:
        values[:, 60:66, 37:43] = 400.0
    noise = np.random.default_rng(0).normal(0.0, 6.0, SHAPE)
    facts = CTFacts(kvp=120.0, series_text="ABDOMEN WITHOUT CONTRAST")
    return CTScan(Volume((values + noise).astype(np.float32), GRID, "HU"), facts)


def organs() -> Organs:
    return Organs(LIVER, "made-up", hu={"aorta": 40.0, "liver": 45.0})


def analysed(scan: CTScan, mask: Path | None = None):
    study = Study(scan, (InputFile("x", "a" * 64, "dicom", 1),))
    ports = Ports(
        ct_segmenter=lambda _volume: organs(),
        ct_focal=lambda _volume, _organs: FocalFindings(),
        **dict.fromkeys(("us_segmenter", "us_grader", "us_focal", "mr_segmenter")),
        localiser=lambda *_: (),
    )
    return analyse_study(study, AnalyseOptions(liver_mask=mask), ports, Tracker()).report


@pytest.mark.parametrize("bone", [True, False])
def test_the_same_body_is_measured_with_a_spine_and_refused_without(bone):
    report = analysed(scan_of(bone=bone))
    assert (report.fat is not None) is bone
    if not bone:
        assert report.error.code == "E_OOD"
        assert "is in 0 of 6 slices" in report.error.cause
        assert report.measurements == []
        assert report.segmentation.liver is None


def test_a_given_outline_is_the_users_word_that_there_is_a_body(tmp_path):
    write_nifti(tmp_path / "liver.nii.gz", LIVER.astype(np.uint8), GRID)
    assert analysed(scan_of(bone=False), tmp_path / "liver.nii.gz").fat is not None


def test_contrast_and_a_missing_liver_are_told_before():
    scan = scan_of(bone=False)
    assert boneless_ct(scan, organs(), None) is not None
    assert boneless_ct(scan, organs(), SteatoscopeError("E_PHASE")) is not None
    assert boneless_ct(scan, organs(), SteatoscopeError("E_CONTRAST")) is None
    assert boneless_ct(scan, Organs(liver=None, method="made-up"), None) is None
