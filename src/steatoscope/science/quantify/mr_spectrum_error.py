"""How far a fat fraction depends on which published spectrum of liver fat is believed.

The signal of one voxel is made by every other spectrum of human liver fat and fitted by the chosen one, at the echo
times, field, fat and R2* that were measured. No noise is added: what is left is the bias of a wrong spectrum.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from steatoscope.science.quantify.mr_model import signal
from steatoscope.science.quantify.mr_voxels import fit_voxels

LIVER_SPECTRA: Final = ("hamilton2011_6", "ismrm2012_6", "hernando2013_6", "hamilton2011_9", "zhong2014_7")


def spectrum_biases(
    fat_percent: float, r2star: float, echo_times_s: ArrayLike, field_t: float, spectrum: str
) -> dict[str, float]:
    """Fitted minus true fat in points, by the spectrum that the signal was made with; the chosen one is left out.

    ``fat_percent`` is cut to 0-100; ``r2star`` in 1/s, ``echo_times_s`` (echoes,) in seconds.
    """
    fat = float(np.clip(fat_percent, 0.0, 100.0))
    rate = max(r2star, 0.0)
    found = {}
    for other in LIVER_SPECTRA:
        if other != spectrum:
            made = signal(echo_times_s, field_t, water=100.0 - fat, fat=fat, r2star=rate, spectrum=other)
            fit = fit_voxels(made[:, None], echo_times_s, field_t, r2star=rate, field_hz=0.0, spectrum=spectrum)
            found[other] = float(fit.pdff[0]) - fat
    return found


def spectrum_sd(fat_percent: float, r2star: float, echo_times_s: ArrayLike, field_t: float, spectrum: str) -> float:
    """Root mean square of :func:`spectrum_biases` in points of fat."""
    biases = spectrum_biases(fat_percent, r2star, echo_times_s, field_t, spectrum)
    return float(np.sqrt(np.mean(np.square(list(biases.values())))))
