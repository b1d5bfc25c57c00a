"""Published numeric vectors of the fat-water signal, shared by the tests of the fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Vector:
    field_t: float
    times_s: tuple[float, ...]
    spectrum: str
    water: float
    fat: float
    r2star: float
    psi: float
    phase: float
    real: tuple[float, ...]
    imag: tuple[float, ...]

    @property
    def signal(self) -> NDArray[np.complex128]:
        return np.asarray(self.real) + 1j * np.asarray(self.imag)

    @property
    def pdff(self) -> float:
        return 100 * self.fat / (self.water + self.fat)


THREE_T = tuple(1e-3 * (1.15 + 0.96 * n) for n in range(6))
ONE_T5 = tuple(1e-3 * (1.2 + 2.0 * n) for n in range(6))

VECTORS = {
    "A": Vector(
        3.0,
        THREE_T,
        "hamilton2011_6",
        80.0,
        20.0,
        40.0,
        0.0,
        0.0,
        (61.177977, 86.403591, 65.437226, 68.250531, 68.043929, 55.197083),
        (-0.966570, 8.526763, -10.799545, 10.668343, -9.143584, 6.511080),
    ),
    "B": Vector(
        1.5,
        ONE_T5,
        "hamilton2011_6",
        90.0,
        10.0,
        200.0,
        50.0,
        0.3,
        (59.947050, 8.122610, -10.407922, -16.977425, -15.163501, -7.012374),
        (39.114444, 45.437609, 32.284772, 10.383966, -0.640885, -5.465075),
    ),
    "C": Vector(
        3.0,
        THREE_T,
        "hamilton2011_6",
        60.0,
        40.0,
        60.0,
        -120.0,
        0.0,
        (15.539139, 14.786249, -41.968481, -45.133204, -30.260178, -17.553334),
        (-21.229827, -77.870860, -15.606057, -24.456648, 41.984931, 24.724666),
    ),
    "D": Vector(
        3.0,
        THREE_T,
        "hamilton2011_6",
        20.0,
        80.0,
        45.0,
        30.0,
        0.0,
        (-39.761597, 50.691516, 20.311929, -16.247605, 44.028430, -29.379255),
        (-12.692939, 57.902718, -37.543860, 42.247488, -0.173412, -2.724356),
    ),
    "E": Vector(
        1.5,
        ONE_T5,
        "ismrm2012_6",
        75.0,
        25.0,
        35.0,
        20.0,
        0.0,
        (75.709990, 49.135918, 65.460733, 25.161520, 26.915061, 8.595002),
        (-10.192851, 39.739054, 37.714702, 39.892344, 58.536296, 39.319216),
    ),
}
