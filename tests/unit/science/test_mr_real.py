"""The fit on real echo trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.image import EchoTrain, MRScan
from steatoscope.imaging.io.mat import read_mat_mask, read_mat_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_roi import liver_fat_fraction

pytestmark = pytest.mark.realdata


def _echoes(path: Path) -> EchoTrain:
    scan = read_mat_study(path, ReadOptions()).scan
    assert isinstance(scan, MRScan)
    assert scan.echoes is not None
    return scan.echoes


@pytest.mark.parametrize("case", [12, 16, 17])
def test_sign_is_found_either_way_round_and_no_bipolar_is_seen(data_dir: Path, case: int) -> None:
    path = data_dir / "mr" / "ismrm2012" / f"{case}.mat"
    train, mask = _echoes(path), read_mat_mask(path)
    fit = fit_fat_water(train, mask=mask, spectrum="ismrm2012_6")
    turned = fit_fat_water(replace(train, data=np.conj(train.data)), mask=mask, spectrum="ismrm2012_6")
    assert (fit.phase_sign, turned.phase_sign) == (1, -1)
    assert not fit.bipolar
    np.testing.assert_allclose(fit.pdff, turned.pdff, atol=1e-3)


def test_bipolar_liver_is_corrected(data_dir: Path) -> None:
    train = _echoes(data_dir / "mr" / "bipolar" / "liver_12echo_bipolar.mat")
    fit = fit_fat_water(train)
    assert fit.bipolar
    assert fit.phase_sign == 1
    region = (slice(0, 1), slice(100, 120), slice(70, 100))
    assert 2.5 <= np.median(fit.pdff[region]) <= 4.0
    assert 2.5 <= np.mean(fit.pdff[region]) <= 4.0
    mask = np.zeros_like(fit.mask)
    mask[region] = True
    read = liver_fat_fraction(fit, mask)
    assert 2.5 <= read.value_percent <= 4.0
    assert read.r2star == pytest.approx(57.0, abs=6.0)
    assert fit_fat_water(replace(train, data=np.conj(train.data))).phase_sign == -1


def test_bipolar_liver_by_magnitudes_agrees(data_dir: Path) -> None:
    train = _echoes(data_dir / "mr" / "bipolar" / "liver_12echo_bipolar.mat")
    magnitude = replace(train, data=np.abs(train.data).astype(np.float32), kind="magnitude")
    mask = np.zeros(train.data.shape[1:], dtype=bool)
    mask[0, 95:125, 65:105] = True
    fit = fit_fat_water(magnitude, mask=mask)
    assert 2.3 <= np.median(fit.pdff[0, 100:120, 70:100]) <= 4.0
