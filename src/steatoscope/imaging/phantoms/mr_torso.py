"""A synthetic torso with known truth that stresses the choice of the field map.

Four liver regions of 0, 6, 16 and 28 % fat, subcutaneous fat of 92 %, a lung without signal whose border bends the
field, muscle, marrow and spleen; a smooth field of some hundred hertz in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import EchoTrain, Mask
from steatoscope.imaging.phantoms.mr_signal import (
    Acquisition,
    Tissue,
    even_echoes,
    magnitude_echoes,
    simulate_echoes,
)

F32 = NDArray[np.float32]
LIVER_FAT_PERCENT: Final = (0.0, 6.0, 16.0, 28.0)
_SHAPE: Final = (6, 160, 160)


@dataclass(frozen=True, slots=True)
class TorsoSetting:
    """One setting of the torso: field strength, SNR, field scale, echoes, and R2* of its iron end."""

    field_t: float = 3.0
    snr: float = 40.0
    field_scale: float = 1.0
    echoes: int = 6
    iron_r2star: float = 45.0
    precession: Literal[-1, 1] = 1
    bipolar_rad: tuple[float, float] = (0.0, 0.0)
    kind: Literal["complex", "magnitude"] = "complex"

    def echo_times_s(self) -> tuple[float, ...]:
        """Usual clinical echo times of the field strength (s)."""
        if self.field_t > 2.0:
            return even_echoes(1.15e-3, 0.96e-3, self.echoes)
        return even_echoes(1.2e-3, 2.0e-3, self.echoes)


SETTINGS: Final[Mapping[str, TorsoSetting]] = MappingProxyType(
    {
        "3T snr40": TorsoSetting(),
        "3T snr15": TorsoSetting(snr=15.0),
        "3T iron": TorsoSetting(iron_r2star=300.0),
        "3T field x2": TorsoSetting(field_scale=2.0),
        "3T field x3": TorsoSetting(field_scale=3.0),
        "1.5T iron": TorsoSetting(field_t=1.5, iron_r2star=300.0),
        "1.5T four echoes": TorsoSetting(field_t=1.5, echoes=4),
    }
)


@dataclass(frozen=True, eq=False)
class Torso:
    """Echoes with their truth; ``regions`` (slices, rows, columns) holds 1-4 in the liver parts and 0 elsewhere."""

    train: EchoTrain
    body: Mask
    liver: Mask
    regions: NDArray[np.uint8]
    tissue: Tissue


def simulate_torso(setting: TorsoSetting, seed: int) -> Torso:
    """A torso of 6 x 160 x 160 voxels of 10 x 2.2 x 2.2 mm with its own field and noise for each seed."""
    rng = np.random.default_rng(seed)
    tissue, body, regions = _anatomy(rng, setting)
    acquisition = Acquisition(
        setting.echo_times_s(), setting.field_t, setting.snr, setting.bipolar_rad, setting.precession
    )
    echoes = simulate_echoes(tissue, acquisition, rng)
    data = magnitude_echoes(echoes) if setting.kind == "magnitude" else echoes
    train = EchoTrain(
        data,
        np.asarray(acquisition.echo_times_s),
        setting.field_t,
        Geometry.from_spacing((10.0, 2.2, 2.2)),
        setting.kind,
    )
    return Torso(train, body, regions > 0, regions, tissue)


def _grid() -> tuple[F32, F32, F32]:
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in _SHAPE), indexing="ij")
    return z - 2.5, y - 79.5, x - 79.5


def _anatomy(rng: np.random.Generator, setting: TorsoSetting) -> tuple[Tissue, Mask, NDArray[np.uint8]]:
    z, y, x = _grid()
    body = (x / 72) ** 2 + (y / 52) ** 2 <= 1
    inside = (x / 64) ** 2 + (y / 44) ** 2 <= 1
    lung = ((x - 28) / 24) ** 2 + ((y + 8) / 24) ** 2 + ((z + 3) / 4) ** 2 <= 1
    liver = (((x + 24) / 34) ** 2 + ((y + 2) / 34) ** 2 <= 1) & inside & ~lung
    spleen = ((x - 44) / 11) ** 2 + ((y - 18) / 15) ** 2 <= 1
    marrow = (x / 9) ** 2 + ((y - 28) / 9) ** 2 <= 1
    fat = np.where(inside, 3.0, 92.0).astype(np.float32)
    r2 = np.where(inside, 35.0, 30.0).astype(np.float32)
    density = np.where(inside, 90.0, 110.0).astype(np.float32)
    fat[marrow], r2[marrow], density[marrow] = 45.0, 90.0, 80.0
    fat[spleen], r2[spleen], density[spleen] = 0.0, 25.0, 105.0
    liver &= ~marrow & ~spleen
    regions = np.where(liver, 1 + (x > -24).astype(np.uint8) + 2 * (y > -2).astype(np.uint8), 0).astype(np.uint8)
    fat[liver] = np.asarray(LIVER_FAT_PERCENT, dtype=np.float32)[regions[liver] - 1]
    density[liver] = 100.0
    r2[liver] = 45.0 + (setting.iron_r2star - 45.0) * ((y[liver] + 36) / 68)
    void = ~body | lung
    density[void], fat[void] = 0.0, 0.0
    field = _field(rng, z, y, x, lung) * np.float32(setting.field_scale * setting.field_t / 3.0)
    phase = _smooth(rng, np.float32(1.0), (2.0, 25.0, 25.0))
    return Tissue(density, fat, r2, field, phase), body & ~lung, regions


def _smooth(rng: np.random.Generator, amplitude: np.float32, sigma: tuple[float, float, float]) -> F32:
    rough = ndimage.gaussian_filter(rng.standard_normal(_SHAPE, dtype=np.float32), sigma, mode="wrap")
    return np.asarray(amplitude * rough / np.abs(rough).max(), dtype=np.float32)


def _field(rng: np.random.Generator, z: F32, y: F32, x: F32, lung: Mask) -> F32:
    """Off-resonance in hertz, within about 300: a tilt, a smooth part, and the bending around the lung."""
    tilt = rng.uniform(-1.6, 1.6) * x + rng.uniform(-1.2, 1.2) * y + rng.uniform(-8, 8) * z
    air = ndimage.gaussian_filter(lung.astype(np.float32), (1.0, 7.0, 7.0))
    bend = 260.0 * (air - 0.35) * np.float32(rng.uniform(0.8, 1.1))
    return np.asarray(tilt + bend + _smooth(rng, np.float32(150.0), (2.5, 22.0, 22.0)), dtype=np.float32)
