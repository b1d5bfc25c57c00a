"""A simulated cohort of fat and clinical values; never real data, and labelled so wherever it is used.

Published facts that it rests on: fat log-Normal around 2.11 % (Wilman, PLoS One 2017); BMI 29.7 against 25.9 kg/m2,
diabetes 13.8 against 3.6 % and 59.9 % men where fat is 5.5 % or more (Haas, Cell Genomics 2021); slopes of log fat on
log insulin, ALT, AST and on diabetes (Kotronen, Gastroenterology 2009); correlations of ALT and AST with waist,
triglycerides, HDL and glucose (Diabetes Metab Syndr 2008;2:171, table III); correlations of waist, triglycerides, HDL
and glucose (Cancer Epidemiol Biomarkers Prev 2009;18:1134, table 5), men and women averaged. All else is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.clinical.combined_variables import NAMES

Floats = NDArray[np.float64]
MEDIAN_PERCENT: Final = 2.11
LOG_SD: Final = 1.0
#: mean and SD of each variable as transformed; of the two yes-or-no variables the share of "yes" (men, diabetes)
_MARGINS: Final = {
    "age_years": (58.0, 8.0),
    "female": (0.48, 0.0),
    "bmi_kg_m2": (np.log(26.2), 0.155),
    "waist_cm": (90.0, 12.5),
    "triglycerides_mg_dl": (np.log(120.0), 0.50),
    "hdl_mg_dl": (np.log(55.0), 0.26),
    "glucose_mg_dl": (np.log(92.0), 0.12),
    "alt_u_l": (np.log(21.0), 0.45),
    "ast_u_l": (np.log(24.0), 0.28),
    "ggt_u_l": (np.log(28.0), 0.62),
    "fasting_insulin_mu_l": (np.log(7.5), 0.55),
    "diabetes": (0.053, 0.0),
}
#: correlations in the literature cited above
_PUBLISHED: Final = {
    ("waist_cm", "triglycerides_mg_dl"): 0.28,
    ("waist_cm", "hdl_mg_dl"): -0.305,
    ("waist_cm", "glucose_mg_dl"): 0.24,
    ("triglycerides_mg_dl", "hdl_mg_dl"): -0.435,
    ("triglycerides_mg_dl", "glucose_mg_dl"): 0.19,
    ("hdl_mg_dl", "glucose_mg_dl"): -0.195,
    ("alt_u_l", "waist_cm"): 0.325,
    ("alt_u_l", "triglycerides_mg_dl"): 0.32,
    ("alt_u_l", "hdl_mg_dl"): -0.199,
    ("alt_u_l", "glucose_mg_dl"): 0.189,
    ("ast_u_l", "waist_cm"): 0.133,
    ("ast_u_l", "triglycerides_mg_dl"): 0.2025,
    ("ast_u_l", "hdl_mg_dl"): 0.0,
    ("ast_u_l", "glucose_mg_dl"): 0.0545,
}
#: correlations that this project assumes
_ASSUMED: Final = {
    ("bmi_kg_m2", "waist_cm"): 0.82,
    ("bmi_kg_m2", "triglycerides_mg_dl"): 0.25,
    ("bmi_kg_m2", "hdl_mg_dl"): -0.28,
    ("bmi_kg_m2", "glucose_mg_dl"): 0.22,
    ("bmi_kg_m2", "alt_u_l"): 0.27,
    ("bmi_kg_m2", "ast_u_l"): 0.10,
    ("bmi_kg_m2", "ggt_u_l"): 0.25,
    ("bmi_kg_m2", "fasting_insulin_mu_l"): 0.50,
    ("waist_cm", "fasting_insulin_mu_l"): 0.50,
    ("waist_cm", "ggt_u_l"): 0.30,
    ("waist_cm", "female"): 0.45,
    ("waist_cm", "age_years"): 0.08,
    ("ggt_u_l", "alt_u_l"): 0.50,
    ("ggt_u_l", "ast_u_l"): 0.38,
    ("ggt_u_l", "triglycerides_mg_dl"): 0.30,
    ("ggt_u_l", "female"): 0.28,
    ("alt_u_l", "ast_u_l"): 0.68,
    ("alt_u_l", "female"): 0.30,
    ("hdl_mg_dl", "female"): -0.42,
    ("triglycerides_mg_dl", "female"): 0.15,
    ("fasting_insulin_mu_l", "triglycerides_mg_dl"): 0.35,
    ("fasting_insulin_mu_l", "hdl_mg_dl"): -0.32,
    ("fasting_insulin_mu_l", "glucose_mg_dl"): 0.35,
    ("fasting_insulin_mu_l", "alt_u_l"): 0.28,
    ("fasting_insulin_mu_l", "ggt_u_l"): 0.22,
    ("diabetes", "glucose_mg_dl"): 0.60,
    ("diabetes", "fasting_insulin_mu_l"): 0.25,
    ("diabetes", "bmi_kg_m2"): 0.28,
    ("diabetes", "waist_cm"): 0.30,
    ("diabetes", "triglycerides_mg_dl"): 0.18,
    ("diabetes", "hdl_mg_dl"): -0.18,
    ("diabetes", "age_years"): 0.12,
}
#: change of log fat a unit of the transformed variable: Kotronen 2009, the first four; calibrated to Haas 2021, two
_SLOPES: Final = {
    "fasting_insulin_mu_l": 0.525,
    "alt_u_l": 0.454,
    "ast_u_l": 0.067,
    "diabetes": 0.359,
    "bmi_kg_m2": 1.95,
    "female": 0.24,
}


@dataclass(frozen=True, eq=False)
class SimulatedCohort:
    """``fat_percent`` (n,) and ``variables`` (n, 12) in the order of ``combined_variables.NAMES``; nothing missing."""

    fat_percent: Floats
    variables: Floats


def simulate_cohort(n: int, seed: int) -> SimulatedCohort:
    """``n`` simulated adults of a general population; the same seed gives the same cohort."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n, len(NAMES))) @ _root().T
    columns = [_column(name, latent[:, k]) for k, name in enumerate(NAMES)]
    variables = np.column_stack(columns)
    slopes, centre, residual = _equation()
    log_fat = np.log(MEDIAN_PERCENT) + (variables - centre) @ slopes + residual * rng.standard_normal(n)
    return SimulatedCohort(np.minimum(np.exp(log_fat), 60.0), variables)


def _column(name: str, latent: Floats) -> Floats:
    mean, sd = _MARGINS[name]
    if sd:
        return np.asarray(mean + sd * latent, dtype=np.float64)
    return (latent > _normal_quantile(1.0 - mean)).astype(np.float64)


def _normal_quantile(share: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)


@lru_cache(maxsize=1)
def _root() -> Floats:
    """Cholesky factor of the correlations; pairs that are not named are uncorrelated."""
    matrix = np.eye(len(NAMES))
    for pair, value in {**_PUBLISHED, **_ASSUMED}.items():
        i, j = (NAMES.index(name) for name in pair)
        matrix[i, j] = matrix[j, i] = value
    return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)


@lru_cache(maxsize=1)
def _equation() -> tuple[Floats, Floats, float]:
    """Slopes (12,), centre (12,) and residual SD that give log fat its median and its SD."""
    slopes = np.array([_SLOPES.get(name, 0.0) for name in NAMES])
    latent = np.random.default_rng(0).standard_normal((50_000, len(NAMES))) @ _root().T
    variables = np.column_stack([_column(name, latent[:, k]) for k, name in enumerate(NAMES)])
    explained = float(np.var(variables @ slopes))
    return slopes, variables.mean(axis=0), float(np.sqrt(LOG_SD**2 - explained))
