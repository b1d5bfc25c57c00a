"""How simulated liver fat changes its acoustics, and what the scanner's settings are.

The attenuation coefficient follows fat phantoms, ``0.501 + 0.012 PDFF`` dB/cm/MHz (ATI, USAT and UGAP, 2025), which
meets the fatty livers of Lu (Ultrasound Med Biol 1999; 0.847) at a PDFF of 29 %. Echogenicity saturates at the 11.3 dB
that Lu measured between healthy and fatty livers. Speed of sound falls by 1.7 m/s per percent of fat (PMC8885567,
2022). Nakagami's m rises to that of Rayleigh speckle (Tsui, PLoS One 2017; Ho, PLoS One 2013). Scatter between people
and the law of wall contrast are assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

_DISPLAY_PDFF: Final = (0.0, 5.4, 15.4, 25.4)
_DISPLAY_HISTOLOGY: Final = (0.0, 5.0, 33.0, 99.0)
_STEEP: Final = 6.6


@dataclass(frozen=True, slots=True)
class USSettings:
    """Machine settings of a simulated scan.

    Time gain ``tgc_db_cm_mhz`` assumes tissue of that attenuation. ``gain_db`` places healthy liver, met by a matched
    time gain, that far below white; ``noise_db`` is the electronic noise before time gain, both relative to healthy
    liver at the probe's face.
    """

    frequency_mhz: float = 3.5
    dynamic_range_db: float = 60.0
    tgc_db_cm_mhz: float = 0.6
    gain_db: float = -34.0
    depth_cm: float = 16.0
    noise_db: float = -95.0
    frame_time_ms: float = 1000.0 / 30.0

    def __post_init__(self) -> None:
        positive = (self.frequency_mhz, self.dynamic_range_db, self.depth_cm, self.frame_time_ms)
        if min(positive) <= 0.0:
            raise ValueError("frequency, dynamic range, depth and frame time must be positive")


@dataclass(frozen=True, slots=True)
class Acoustics:
    """Acoustics of one liver: attenuation in dB/cm/MHz, levels in dB above healthy liver, speed in m/s."""

    attenuation_db_cm_mhz: float
    echogenicity_db: float
    portal_wall_db: float
    vessel_db: float
    speed_m_s: float
    nakagami_m: float


def histology_percent(pdff_percent: float) -> float:
    """Share of fatty hepatocytes (percent) that goes with a PDFF (percent): piecewise linear, for display only.

    Runs through the pooled limits 5.4, 15.4 and 20.4 % of PDFF against 5, 33 and 66 % at histology, capped at 100;
    below 5.4 % it is drawn to the origin.
    """
    if pdff_percent > _DISPLAY_PDFF[-1]:
        return float(min(100.0, _DISPLAY_HISTOLOGY[-1] + _STEEP * (pdff_percent - _DISPLAY_PDFF[-1])))
    return float(np.interp(pdff_percent, _DISPLAY_PDFF, _DISPLAY_HISTOLOGY))


def draw_acoustics(pdff_percent: float, rng: np.random.Generator) -> Acoustics:
    """Acoustics of one person's liver for a PDFF in percent, with the spread between people."""
    rise = 1.0 - float(np.exp(-pdff_percent / 12.0))
    attenuation = 0.501 + 0.012 * pdff_percent + 0.05 * rng.standard_normal()
    return Acoustics(
        attenuation_db_cm_mhz=float(np.clip(attenuation, 0.40, 1.20)),
        echogenicity_db=11.3 * rise + float(rng.standard_normal()),
        portal_wall_db=8.0 * (1.0 - rise),
        vessel_db=-24.0 + 10.0 * rise,
        speed_m_s=1570.0 - 1.7 * pdff_percent - float(rng.uniform(0.0, 10.0)),
        nakagami_m=float(np.interp(pdff_percent, [0.0, 15.0], [rng.uniform(0.8, 0.9), 0.99])),
    )
