"""The worked example of the clinical reference: one patient, every score to the digits printed there."""

from __future__ import annotations

from typing import Any, Final

from steatoscope.science.clinical.scores import clinical_scores

PATIENT: Final[dict[str, Any]] = {
    "sex": "M", "age_years": 52.0, "bmi_kg_m2": 31.0, "waist_cm": 104.0, "triglycerides_mg_dl": 180.0,
    "ggt_u_l": 55.0, "alt_u_l": 48.0, "ast_u_l": 36.0, "ast_uln_u_l": 40.0, "platelets_10e9_l": 230.0,
    "albumin_g_dl": 4.3, "fasting_insulin_mu_l": 14.0, "diabetes": True, "metabolic_syndrome": True, "lsm_kpa": 9.0,
    "cap_db_m": 310.0,
}  # fmt: skip
#: score to the printed value
PRINTED: Final = {
    "fli": "87.01", "hsi": "43.667", "fib4": "1.174782", "nfs": "-0.792500", "nafld_lfs": "2.025000",
    "liver_fat_percent": "12.655316", "apri": "0.391304", "fast": "0.434169", "ast_alt": "0.75",
}  # fmt: skip


def example_cases() -> list[dict[str, Any]]:
    """One case a score: computed and printed value, and whether they agree to all digits printed."""
    found = {score.key: score for score in clinical_scores(PATIENT)[0]}
    return [_case(found[key].name, found[key].value, text) for key, text in PRINTED.items()]


def _case(name: str, value: float, printed: str) -> dict[str, Any]:
    digits = len(printed.partition(".")[2])
    return {"case": name, "value": value, "printed": printed, "reproduced": f"{value:.{digits}f}" == printed}
