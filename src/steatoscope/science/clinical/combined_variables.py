"""The variables of the combined estimate: clinical values as numbers near a Normal distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.clinical.score_values import with_derived

FLOOR_PERCENT: Final = 0.1
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Variable:
    """One clinical variable: the key of its value, what it is called, and its transform."""

    key: str
    label: str
    transform: Callable[[Any], float]


def _as_is(value: Any) -> float:
    return float(value)


def _male(female: Any) -> float:
    return 0.0 if female else 1.0


VARIABLES: Final[tuple[Variable, ...]] = (
    Variable("age_years", "Age", _as_is),
    Variable("female", "Sex", _male),
    Variable("bmi_kg_m2", "Body mass index", log),
    Variable("waist_cm", "Waist", _as_is),
    Variable("triglycerides_mg_dl", "Triglycerides", log),
    Variable("hdl_mg_dl", "HDL cholesterol", log),
    Variable("glucose_mg_dl", "Fasting glucose", log),
    Variable("alt_u_l", "ALT", log),
    Variable("ast_u_l", "AST", log),
    Variable("ggt_u_l", "GGT", log),
    Variable("fasting_insulin_mu_l", "Fasting insulin", log),
    Variable("diabetes", "Diabetes", _as_is),
)
NAMES: Final = tuple(variable.key for variable in VARIABLES)


def variable_vector(values: Mapping[str, Any]) -> Floats:
    """Checked clinical values as (12,) numbers in the order of :data:`VARIABLES`; NaN where a value is missing."""
    known = with_derived(values)
    numbers = [variable.transform(known[variable.key]) if variable.key in known else np.nan for variable in VARIABLES]
    return np.array(numbers, dtype=np.float64)


def log_fat(percent: Any) -> Floats:
    """Natural logarithm of fat in percent, from 0.1 % on."""
    return np.log(np.maximum(np.asarray(percent, dtype=np.float64), FLOOR_PERCENT))
