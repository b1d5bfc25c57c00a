"""A simulated cohort as rows of the table that ``clinical fit`` reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from steatoscope.pipeline.clinical_cohort import IMAGE, REFERENCE, SIMULATED_SUBJECT, SUBJECT
from steatoscope.science.clinical.combined_variables import NAMES
from steatoscope.science.clinical.simulated_cohort import simulate_cohort

_AS_THEY_ARE = ("age_years", "waist_cm")


def simulated_rows(n: int, *, missing: float, image_sd: float, seed: int) -> list[dict[str, Any]]:
    """``n`` rows with a share ``missing`` of clinical cells empty and images of ``image_sd`` points of error."""
    cohort = simulate_cohort(n, seed)
    rng = np.random.default_rng([seed, 1])
    image = cohort.fat_percent + image_sd * rng.standard_normal(n)
    lost = rng.random(cohort.variables.shape) < missing
    rows = []
    for i in range(n):
        cells = {_name(name): _cell(name, cohort.variables[i, k]) for k, name in enumerate(NAMES) if not lost[i, k]}
        whole = {_name(name): "" for name in NAMES} | cells
        own = {REFERENCE: round(float(cohort.fat_percent[i]), 3), IMAGE: round(float(image[i]), 3)}
        rows.append({SUBJECT: f"{SIMULATED_SUBJECT}{i + 1:05d}", **own, **whole})
    return rows


def _name(variable: str) -> str:
    return "sex" if variable == "female" else variable


def _cell(variable: str, number: float) -> Any:
    if variable == "female":
        return "M" if number else "F"
    if variable == "diabetes":
        return "yes" if number else "no"
    return round(float(number if variable in _AS_THEY_ARE else np.exp(number)), 3)
