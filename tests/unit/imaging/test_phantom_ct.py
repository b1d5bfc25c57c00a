from __future__ import annotations

import json

import numpy as np
import pytest

from steatoscope.imaging.phantoms.ct import CTPhantom, liver_hu, simulate_ct
from steatoscope.imaging.preprocess.ct import body_mask, calibration


@pytest.fixture(scope="module")
def plain() -> CTPhantom:
    return simulate_ct(12.0, 3)


@pytest.mark.parametrize(("pdff", "hu"), [(5.5, 56.38), (15.5, 39.14), (20.5, 30.52), (0.0, 65.86)])
def test_liver_attenuation_is_the_inverse_equation(pdff: float, hu: float) -> None:
    assert liver_hu(pdff) == pytest.approx(hu, abs=0.005)


def test_lower_voltage_and_contrast_change_the_liver() -> None:
    assert liver_hu(30.0, kvp=80.0) < liver_hu(30.0) < liver_hu(30.0, kvp=140.0)
    assert liver_hu(3.0, phase="portal") - liver_hu(3.0) == pytest.approx(47.3)
    assert liver_hu(25.0, phase="portal") - liver_hu(25.0) == pytest.approx(35.7)
    assert liver_hu(3.0) < liver_hu(3.0, phase="arterial") < liver_hu(3.0, phase="portal")


@pytest.mark.parametrize("seed", range(4))
def test_organs_have_the_size_and_place_of_an_adults(seed: int) -> None:
    phantom = simulate_ct(10.0, seed)
    ml = phantom.volume.geometry.voxel_ml
    volumes = {name: float(mask.sum()) * ml for name, mask in phantom.masks.items()}
    assert 1000.0 < volumes["liver"] < 2200.0
    assert 80.0 < volumes["spleen"] < 300.0
    assert 150.0 < volumes["kidneys"] < 400.0
    affine = phantom.volume.geometry.affine
    centres = {n: (affine @ [*np.argwhere(m).mean(axis=0)[::-1], 1.0])[:3] for n, m in phantom.masks.items() if m.any()}
    assert centres["liver"][0] < -30.0 < 60.0 < centres["spleen"][0]
    assert centres["spleen"][1] > centres["liver"][1]
    assert abs(centres["aorta"][0]) < 20.0
    assert not (phantom.masks["liver"] & (phantom.masks["spleen"] | phantom.masks["aorta"])).any()


def test_the_scale_is_calibrated_and_the_body_found(plain: CTPhantom) -> None:
    found = calibration(plain.volume)
    assert found.air_hu == pytest.approx(-1000.0, abs=3.0)
    assert found.fat_hu == pytest.approx(-103.0, abs=4.0)
    assert found.faults == ()
    body = body_mask(plain.volume)
    overlap = 2.0 * (body & plain.masks["body"]).sum() / (body.sum() + plain.masks["body"].sum())
    assert overlap > 0.97


def test_noise_is_as_asked_and_correlated(plain: CTPhantom) -> None:
    noise = simulate_ct(12.0, 3, noise_hu=20.0).volume.data - simulate_ct(12.0, 3, noise_hu=0.0).volume.data
    part = noise[plain.masks["liver"]]
    assert float(part.std()) == pytest.approx(20.0, rel=0.05)
    inside = plain.masks["liver"][:, :, 1:] & plain.masks["liver"][:, :, :-1]
    beside = float(np.corrcoef(noise[:, :, 1:][inside], noise[:, :, :-1][inside])[0, 1])
    assert 0.4 < beside < 0.9


def test_a_seed_gives_the_same_phantom_and_another_seed_another(plain: CTPhantom) -> None:
    again, other = simulate_ct(12.0, 3), simulate_ct(12.0, 4)
    np.testing.assert_array_equal(plain.volume.data, again.volume.data)
    assert (plain.masks["liver"] != other.masks["liver"]).any()


@pytest.mark.parametrize(
    ("phase", "aorta", "spleen"), [("unenhanced", 43.0, 49.0), ("arterial", 313.0, 124.0), ("portal", 153.0, 121.0)]
)
def test_contrast_phases(phase: str, aorta: float, spleen: float) -> None:
    phantom = simulate_ct(10.0, 1, phase=phase)  # type: ignore[arg-type]
    # Scanner blur mixes the outline of a vessel of 21 mm with its surroundings.
    assert float(np.median(phantom.volume.data[phantom.masks["aorta"]])) == pytest.approx(aorta, rel=0.05)
    assert float(np.median(phantom.volume.data[phantom.masks["spleen"]])) == pytest.approx(spleen, abs=8.0)
    assert (phantom.facts.contrast_agent is None) == (phase == "unenhanced")


def test_lesions_lie_in_the_liver_and_are_darker() -> None:
    phantom = simulate_ct(5.0, 2, lesions=3)
    lesions = phantom.masks["lesions"]
    assert lesions.any()
    assert not (lesions & ~phantom.masks["liver"]).any()
    darker = np.median(phantom.volume.data[phantom.masks["liver"]]) - np.median(phantom.volume.data[lesions])
    assert float(darker) == pytest.approx(30.0, abs=6.0)


def test_very_fatty_livers_and_the_truth(plain: CTPhantom) -> None:
    fatty = simulate_ct(49.8, 0)
    assert fatty.truth["liver_hu"] == pytest.approx(-20.0, abs=0.1)
    truth = json.loads(json.dumps(dict(plain.truth)))
    assert (truth["pdff_percent"], truth["seed"], truth["phase"]) == (12.0, 3, "unenhanced")
    with pytest.raises(ValueError, match="0-100"):
        simulate_ct(101.0)
