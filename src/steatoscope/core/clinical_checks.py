"""Values of one patient that cannot all be right together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

TOLERANCE: Final = 0.05
_CM_PER_M: Final = 100.0


def body_mass_index(values: Mapping[str, Any]) -> float | None:
    """BMI in kg/m² from height and weight where both are given as numbers, else None."""
    height, weight = values.get("height_cm"), values.get("weight_kg")
    if not (_is_number(height) and _is_number(weight)) or height <= 0:
        return None
    return float(weight) / (float(height) / _CM_PER_M) ** 2


def contradiction(values: Mapping[str, Any]) -> str | None:
    """What contradicts what, in words that name the keys; None where the values can stand together.

    A body mass index may differ from weight over height squared by 5 %.
    """
    computed, stated = body_mass_index(values), values.get("bmi_kg_m2")
    if computed is not None and _is_number(stated) and abs(stated - computed) > TOLERANCE * computed:
        return f"bmi_kg_m2 and height_cm with weight_kg contradict each other ({stated:g} against {computed:.1f})"
    systolic, diastolic = values.get("systolic_mmhg"), values.get("diastolic_mmhg")
    if _is_number(systolic) and _is_number(diastolic) and diastolic >= systolic:
        return "systolic_mmhg must be above diastolic_mmhg"
    treated = [name for name in ("diabetes_treatment", "insulin_treated") if values.get(name) is True]
    if treated and values.get("diabetes") is False:
        return f"diabetes is false, but {treated[0]} is true"
    return None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
