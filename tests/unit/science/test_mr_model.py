"""The forward model against published values and against the phantom's own simulator."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.imaging.phantoms.mr_signal import fat_evolution
from steatoscope.science.quantify import mr_model

THREE_T = [1e-3 * (1.15 + 0.96 * n) for n in range(6)]
ONE_T5 = [1e-3 * (1.2 + 2.0 * n) for n in range(6)]


def test_basis_equals_the_published_table_at_three_tesla() -> None:
    expected = [
        -0.797105 - 0.050604j,
        0.700632 + 0.463883j,
        -0.300643 - 0.610530j,
        0.009445 + 0.626722j,
        0.153790 - 0.558177j,
        -0.498548 + 0.413033j,
    ]
    c = mr_model.fat_basis(THREE_T, 3.0)
    np.testing.assert_allclose(c, expected, atol=1e-6)
    np.testing.assert_allclose(np.abs(c), [0.798710, 0.840281, 0.680539, 0.626794, 0.578975, 0.647415], atol=1e-6)


def test_basis_equals_the_published_table_at_one_and_a_half_tesla() -> None:
    expected = [
        0.055065 - 0.898223j,
        -0.280569 + 0.774492j,
        0.584510 - 0.488972j,
        -0.604251 + 0.257966j,
        0.556082 - 0.061473j,
        -0.649824 - 0.125018j,
    ]
    np.testing.assert_allclose(mr_model.fat_basis(ONE_T5, 1.5), expected, atol=1e-6)


def test_basis_equals_the_simulator_of_the_phantom() -> None:
    ours = mr_model.fat_basis(THREE_T, 2.89)
    np.testing.assert_allclose(ours, [fat_evolution(t, 2.89) for t in THREE_T], atol=1e-9)


@pytest.mark.parametrize("name", sorted(mr_model.SPECTRA))
def test_every_spectrum_starts_at_one_and_has_its_main_peak_below_water(name: str) -> None:
    spectrum = mr_model.fat_spectrum(name)
    assert mr_model.fat_basis([0.0], 3.0, name)[0] == pytest.approx(1.0)
    main = spectrum.shifts_ppm[int(np.argmax(spectrum.amplitudes))]
    assert -3.6 < main < -3.2


def test_the_triglyceride_formula_gives_the_named_nine_peaks() -> None:
    made = mr_model.triglyceride_spectrum(17.48, 1.92, 0.32)
    named = mr_model.fat_spectrum("hamilton2011_9")
    assert made.shifts_ppm == named.shifts_ppm
    np.testing.assert_allclose(made.amplitudes, named.amplitudes, atol=7e-4)


def test_peanut_oil_keeps_its_hertz_at_three_tesla() -> None:
    hz = mr_model.fat_spectrum("yu2008_6").frequencies_hz(3.0)
    np.testing.assert_allclose(hz, [-420, -318, 94, -472, -234, -46])


def test_unknown_spectrum_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="hamilton2011_6"):
        mr_model.fat_basis([0.001], 3.0, "nothing")
