"""Codes and units of clinical values in FHIR: LOINC, UCUM, SNOMED CT, ICD-10 and ATC.

The LOINC codes are from common knowledge and should be checked against a site's own use (``docs/reference``); their
check digits are tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: LOINC code to the name of the value; glucose and insulin only where the code says fasting
LOINC: Final[Mapping[str, str]] = {
    "39156-5": "bmi_kg_m2",
    "8302-2": "height_cm",
    "3137-7": "height_cm",
    "29463-7": "weight_kg",
    "3141-9": "weight_kg",
    "8280-0": "waist_cm",
    "56086-2": "waist_cm",
    "8480-6": "systolic_mmhg",
    "8462-4": "diastolic_mmhg",
    "2571-8": "triglycerides_mg_dl",
    "14927-8": "triglycerides_mg_dl",
    "2085-9": "hdl_mg_dl",
    "14646-4": "hdl_mg_dl",
    "1558-6": "glucose_mg_dl",
    "14771-0": "glucose_mg_dl",
    "1518-0": "glucose_2h_mg_dl",
    "14995-5": "glucose_2h_mg_dl",
    "4548-4": "hba1c_percent",
    "17856-6": "hba1c_percent",
    "59261-8": "hba1c_percent",
    "27873-9": "fasting_insulin_mu_l",
    "59179-2": "fasting_insulin_mu_l",
    "1742-6": "alt_u_l",
    "1743-4": "alt_u_l",
    "1744-2": "alt_u_l",
    "1920-8": "ast_u_l",
    "30239-8": "ast_u_l",
    "2324-2": "ggt_u_l",
    "777-3": "platelets_10e9_l",
    "26515-7": "platelets_10e9_l",
    "1751-7": "albumin_g_dl",
    "77615-3": "lsm_kpa",
    "81894-8": "cap_db_m",
    "30525-0": "age_years",
}
_ENZYME: Final = {"U/L": 1.0, "[IU]/L": 1.0, "IU/L": 1.0, "mU/mL": 1.0, "ukat/L": 60.0, "nkat/L": 0.06}
_LENGTH: Final = {"cm": 1.0, "m": 100.0, "mm": 0.1, "[in_i]": 2.54}
_PRESSURE: Final = {"mm[Hg]": 1.0, "mmHg": 1.0, "kPa": 7.50062}
_GLUCOSE: Final = {"mg/dL": 1.0, "mmol/L": 18.016}
#: UCUM units (and the ways they are often written) to the factor to our unit
UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "bmi_kg_m2": {"kg/m2": 1.0, "kg/m^2": 1.0},
    "height_cm": _LENGTH,
    "waist_cm": _LENGTH,
    "weight_kg": {"kg": 1.0, "g": 0.001, "[lb_av]": 0.45359237},
    "systolic_mmhg": _PRESSURE,
    "diastolic_mmhg": _PRESSURE,
    "triglycerides_mg_dl": {"mg/dL": 1.0, "mmol/L": 88.57, "g/L": 100.0},
    "hdl_mg_dl": {"mg/dL": 1.0, "mmol/L": 38.67, "g/L": 100.0},
    "glucose_mg_dl": _GLUCOSE,
    "glucose_2h_mg_dl": _GLUCOSE,
    "hba1c_percent": {"%": 1.0},
    "fasting_insulin_mu_l": {
        "u[IU]/mL": 1.0, "m[IU]/L": 1.0, "mU/L": 1.0, "uU/mL": 1.0, "uIU/mL": 1.0, "mIU/L": 1.0, "pmol/L": 1.0 / 6.0,
    },
    "alt_u_l": _ENZYME,
    "ast_u_l": _ENZYME,
    "ggt_u_l": _ENZYME,
    "platelets_10e9_l": {
        "10*9/L": 1.0, "10^9/L": 1.0, "10*3/uL": 1.0, "10^3/uL": 1.0, "K/uL": 1.0, "G/L": 1.0, "/uL": 0.001,
        "10*3/mm3": 1.0,
    },
    "albumin_g_dl": {"g/dL": 1.0, "g/L": 0.1},
    "lsm_kpa": {"kPa": 1.0},
    "cap_db_m": {"dB/m": 1.0},
    "age_years": {"a": 1.0, "years": 1.0, "year": 1.0, "mo": 1.0 / 12.0},
}  # fmt: skip
#: HbA1c in mmol/mol by the IFCC master equation: factor and what is added
HBA1C_IFCC: Final = (0.09148, 2.152)

#: SNOMED CT code to a value that an active condition states
SNOMED: Final[Mapping[str, tuple[str, bool | str]]] = {
    "73211009": ("diabetes", True),
    "44054006": ("diabetes", True),
    "46635009": ("diabetes", True),
    "237602007": ("metabolic_syndrome", True),
    "390951007": ("impaired_fasting_glucose", True),
    "50711007": ("other_cause", "hepatitis_c"),
    "128302006": ("other_cause", "hepatitis_c"),
    "88518009": ("other_cause", "wilson"),
}
#: beginnings of ICD-10 codes
ICD10: Final[Mapping[str, tuple[str, bool | str]]] = {
    "E10": ("diabetes", True),
    "E11": ("diabetes", True),
    "E13": ("diabetes", True),
    "E14": ("diabetes", True),
    "E88.81": ("metabolic_syndrome", True),
    "R73.01": ("impaired_fasting_glucose", True),
    "B18.2": ("other_cause", "hepatitis_c"),
    "E83.0": ("other_cause", "wilson"),
}
#: beginnings of ATC codes of medicines that are taken
ATC: Final[Mapping[str, str]] = {
    "A10A": "insulin_treated",
    "A10": "diabetes_treatment",
    "C02": "antihypertensive_treatment",
    "C03": "antihypertensive_treatment",
    "C07": "antihypertensive_treatment",
    "C08": "antihypertensive_treatment",
    "C09": "antihypertensive_treatment",
    "C10": "lipid_treatment",
}


def converted(key: str, value: float, unit: str) -> float | None:
    """The value in our unit; None where the unit does not fit the value."""
    plain = unit.strip().replace("µ", "u").replace("μ", "u")
    if key == "hba1c_percent" and plain == "mmol/mol":
        return value * HBA1C_IFCC[0] + HBA1C_IFCC[1]
    factor = UNITS[key].get(plain)
    return None if factor is None else value * factor
