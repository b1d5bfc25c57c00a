"""The MR phantoms: what they contain, and that their truth is the truth of their signal."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from steatoscope.imaging.phantoms.mr import simulate_mr
from steatoscope.imaging.phantoms.mr_torso import LIVER_FAT_PERCENT, SETTINGS, TorsoSetting, simulate_torso


def test_the_same_seed_gives_the_same_study_and_another_seed_another() -> None:
    first, again, other = simulate_mr(12.0, 3), simulate_mr(12.0, 3), simulate_mr(12.0, 4)
    np.testing.assert_array_equal(first.train.data, again.train.data)
    assert not np.array_equal(first.masks["liver"], other.masks["liver"])


def test_truth_is_json_and_names_the_acquisition() -> None:
    phantom = simulate_mr(7.5, 1, field_t=1.5, echoes=4, bipolar=True, precession=-1)
    truth = json.loads(json.dumps(phantom.truth))
    assert truth["pdff_percent"] == 7.5
    assert truth["echo_times_ms"] == pytest.approx([1.2, 3.2, 5.2, 7.2])
    assert truth["precession"] == -1
    assert truth["bipolar_rad"][0] != 0
    assert phantom.train.precession is None
    assert phantom.facts.field_strength_t == 1.5


def test_anatomy_lies_as_in_a_patient() -> None:
    masks = simulate_mr(10.0, 2).masks
    centre = {name: ndimage.center_of_mass(masks[name]) for name in ("liver", "spleen", "aorta")}
    assert centre["liver"][2] < centre["aorta"][2] < centre["spleen"][2]
    assert 700 < masks["liver"].sum() * 7.0 * 2.8 * 2.8 / 1000 < 2200
    assert not (masks["liver"] & masks["spleen"]).any()
    assert masks["body"][masks["liver"]].all()


def test_the_torso_holds_its_four_fat_fractions() -> None:
    torso = simulate_torso(TorsoSetting(snr=1e6), 5)
    for region, percent in enumerate(LIVER_FAT_PERCENT, start=1):
        assert (torso.regions == region).sum() > 3000
        np.testing.assert_array_equal(torso.tissue.fat_percent[torso.regions == region], percent)
    assert np.abs(torso.train.data[:, ~torso.body]).max() < 0.01
    assert len(SETTINGS) == 7


def test_torso_fields_differ_between_seeds_and_grow_with_the_scale() -> None:
    span = [np.ptp(simulate_torso(TorsoSetting(field_scale=s), 1).tissue.field_hz) for s in (1.0, 3.0)]
    assert span[1] == pytest.approx(3 * span[0], rel=1e-4)
    assert span[0] > 250


@pytest.mark.parametrize("percent", [-1.0, 101.0])
def test_impossible_fat_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="PDFF"):
        simulate_mr(percent)
