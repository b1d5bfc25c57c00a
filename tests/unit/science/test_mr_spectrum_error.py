"""The bias of a wrong fat spectrum, against signals fitted by the whole pipeline's own model."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.science.quantify.mr_model import signal
from steatoscope.science.quantify.mr_spectrum_error import LIVER_SPECTRA, spectrum_biases, spectrum_sd
from steatoscope.science.quantify.mr_voxels import fit_voxels

TIMES = 1e-3 * (1.15 + 0.96 * np.arange(6))


def test_no_fat_has_no_spectrum_and_more_fat_has_more_bias() -> None:
    sizes = [spectrum_sd(fat, 40.0, TIMES, 3.0, "hamilton2011_6") for fat in (0.0, 5.0, 15.0, 30.0)]
    assert sizes[0] == pytest.approx(0.0, abs=1e-6)
    assert np.all(np.diff(sizes) > 0)
    assert 0.2 < sizes[2] < 0.6


@pytest.mark.parametrize("other", [name for name in LIVER_SPECTRA if name != "hamilton2011_6"])
def test_bias_is_that_of_a_least_squares_fit(other: str) -> None:
    made = signal(TIMES, 3.0, water=80.0, fat=20.0, r2star=50.0, field_hz=37.0, spectrum=other)
    fit = fit_voxels(made[:, None], TIMES, 3.0, r2star=50.0, field_hz=37.0)
    found = spectrum_biases(20.0, 50.0, TIMES, 3.0, "hamilton2011_6")[other]
    assert found == pytest.approx(float(fit.pdff[0]) - 20.0, abs=1e-6)
    assert 0.05 < abs(found) < 1.5


def test_the_chosen_spectrum_is_left_out_and_values_are_cut() -> None:
    biases = spectrum_biases(-3.0, -1.0, TIMES, 3.0, "hernando2013_6")
    assert set(biases) == set(LIVER_SPECTRA) - {"hernando2013_6"}
    assert len(spectrum_biases(10.0, 40.0, TIMES, 3.0, "yu2008_6")) == len(LIVER_SPECTRA)
