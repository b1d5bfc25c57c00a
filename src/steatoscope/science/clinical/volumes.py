"""Expected liver and spleen volume of adults, by body surface area where height and weight are known.

Each regression holds for the population it was fitted on; volume rises with fat and weight, so that a ratio above one
is no disease by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

USUAL_RATIO: Final = (0.8, 1.2)
ENLARGED_RATIO: Final = 1.3
MEAN_SPLEEN_ML: Final = 214.6
SPLEEN_RANGE_ML: Final = (107.2, 314.5)
SPLEEN_SOURCE: Final = "Prassopoulos, Eur Radiol 1997"


@dataclass(frozen=True, slots=True)
class VolumeEquation:
    """Expected liver volume in mL as ``slope * BSA + intercept``, BSA in m2, and where it comes from."""

    name: str
    slope: float
    intercept: float
    source: str

    def volume_ml(self, bsa_m2: float) -> float:
        """The expected volume in mL."""
        return self.slope * bsa_m2 + self.intercept


EQUATIONS: Final[Mapping[str, VolumeEquation]] = MappingProxyType(
    {
        "vauthey2002": VolumeEquation("vauthey2002", 1267.28, -794.41, "Vauthey, Liver Transpl 2002 (Western)"),
        "urata1995": VolumeEquation("urata1995", 706.2, 2.4, "Urata, Hepatology 1995 (Japan)"),
        "feng2017": VolumeEquation("feng2017", 758.259, -124.272, "Feng, World J Gastroenterol 2017 (China)"),
        "korea": VolumeEquation("korea", 893.485, -439.169, "Korean donors, n = 1000, by Mosteller's BSA"),
    }
)
DEFAULT_EQUATION: Final = "vauthey2002"


def bsa_mosteller(height_cm: float, weight_kg: float) -> float:
    """Body surface area in m2: ``sqrt(cm * kg / 3600)`` (Mosteller, N Engl J Med 1987)."""
    return math.sqrt(height_cm * weight_kg / 3600.0)


def bsa_dubois(height_cm: float, weight_kg: float) -> float:
    """Body surface area in m2: ``0.007184 cm^0.725 kg^0.425`` (DuBois, Arch Intern Med 1916)."""
    return float(0.007184 * height_cm**0.725 * weight_kg**0.425)


def expected_liver_ml(height_cm: float, weight_kg: float) -> dict[str, float]:
    """Expected liver volume in mL by equation name, on Mosteller's body surface area."""
    bsa = bsa_mosteller(height_cm, weight_kg)
    return {name: equation.volume_ml(bsa) for name, equation in EQUATIONS.items()}


def ratio_reading(ratio: float) -> str:
    """What measured over expected liver volume means: 0.8-1.2 usual, above 1.3 enlarged (rule of this project)."""
    if ratio > ENLARGED_RATIO:
        return "enlarged"
    low, high = USUAL_RATIO
    return "small" if ratio < low else "usual" if ratio <= high else "slightly large"
