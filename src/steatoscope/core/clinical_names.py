"""What clinical values are called in words, with their units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CLINICAL_NAMES: Final[Mapping[str, str]] = {
    "age_years": "age",
    "sex": "sex",
    "sex (F or M)": "sex",
    "female": "sex",
    "bmi_kg_m2": "body mass index",
    "height_cm": "height",
    "weight_kg": "weight",
    "waist_cm": "waist",
    "triglycerides_mg_dl": "triglycerides",
    "hdl_mg_dl": "HDL cholesterol",
    "ggt_u_l": "GGT",
    "alt_u_l": "ALT",
    "ast_u_l": "AST",
    "ast_uln_u_l": "upper limit of normal of AST",
    "platelets_10e9_l": "platelets",
    "albumin_g_dl": "albumin",
    "fasting_insulin_mu_l": "fasting insulin",
    "glucose_mg_dl": "fasting glucose",
    "glucose_2h_mg_dl": "glucose after two hours",
    "glucose_mg_dl or hba1c_percent": "fasting glucose or HbA1c",
    "impaired_fasting_glucose or glucose_mg_dl": "fasting glucose",
    "hba1c_percent": "HbA1c",
    "systolic_mmhg": "systolic blood pressure",
    "diastolic_mmhg": "diastolic blood pressure",
    "diabetes": "diabetes (yes or no)",
    "impaired_fasting_glucose": "impaired fasting glucose (yes or no)",
    "diabetes_treatment": "diabetes treatment (yes or no)",
    "insulin_treated": "insulin treatment (yes or no)",
    "antihypertensive_treatment": "blood pressure treatment (yes or no)",
    "lipid_treatment": "lipid treatment (yes or no)",
    "metabolic_syndrome": "metabolic syndrome (yes or no)",
    "asian_cutoffs": "limits for Asian people (yes or no)",
    "other_cause": "other causes of fatty liver",
    "lsm_kpa": "liver stiffness",
    "cap_db_m": "CAP",
    "alcohol_g_day": "alcohol intake",
}


def clinical_name(key: str) -> str:
    """The words for a clinical value, or for a choice between two as scores name them; else the key itself."""
    return CLINICAL_NAMES.get(key, key)
