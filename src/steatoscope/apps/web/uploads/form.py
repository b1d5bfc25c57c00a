"""The clinical form: fields in groups, with units and ranges taken from the model that checks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from annotated_types import Ge, Le
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from steatoscope.core.clinical_input import ClinicalInput

_GROUPS: Final[Mapping[LazyString, tuple[str, ...]]] = {
    _l("Person"): (
        "age_years", "sex", "height_cm", "weight_kg", "bmi_kg_m2", "waist_cm", "alcohol_g_day",
        "asian_cutoffs",
    ),
    _l("Liver enzymes and blood count"): (
        "alt_u_l", "ast_u_l", "ast_uln_u_l", "ggt_u_l", "platelets_10e9_l", "albumin_g_dl",
    ),
    _l("Metabolism"): (
        "triglycerides_mg_dl", "hdl_mg_dl", "glucose_mg_dl", "fasting_insulin_mu_l", "hba1c_percent",
        "glucose_2h_mg_dl", "metabolic_syndrome",
    ),
    _l("Blood pressure, conditions and treatment"): (
        "systolic_mmhg", "diastolic_mmhg", "antihypertensive_treatment", "lipid_treatment", "diabetes",
        "diabetes_treatment", "insulin_treated", "impaired_fasting_glucose", "other_cause",
    ),
    _l("Elastography"): ("lsm_kpa", "cap_db_m"),
}  # fmt: skip
_LABELS: Final[Mapping[str, LazyString]] = {
    "age_years": _l("Age"),
    "sex": _l("Sex"),
    "height_cm": _l("Height"),
    "weight_kg": _l("Weight"),
    "bmi_kg_m2": _l("Body mass index"),
    "waist_cm": _l("Waist"),
    "alcohol_g_day": _l("Alcohol"),
    "alt_u_l": _l("ALT"),
    "ast_u_l": _l("AST"),
    "ast_uln_u_l": _l("AST, upper limit of normal"),
    "ggt_u_l": _l("GGT"),
    "platelets_10e9_l": _l("Platelets"),
    "albumin_g_dl": _l("Albumin"),
    "triglycerides_mg_dl": _l("Triglycerides"),
    "hdl_mg_dl": _l("HDL cholesterol"),
    "glucose_mg_dl": _l("Fasting glucose"),
    "fasting_insulin_mu_l": _l("Fasting insulin"),
    "hba1c_percent": _l("HbA1c"),
    "glucose_2h_mg_dl": _l("Glucose after two hours"),
    "systolic_mmhg": _l("Systolic pressure"),
    "diastolic_mmhg": _l("Diastolic pressure"),
    "antihypertensive_treatment": _l("Blood pressure treatment"),
    "lipid_treatment": _l("Lipid treatment"),
    "diabetes_treatment": _l("Diabetes treatment"),
    "insulin_treated": _l("Insulin treatment"),
    "impaired_fasting_glucose": _l("Impaired fasting glucose"),
    "asian_cutoffs": _l("Lower limits for Asian people"),
    "other_cause": _l("Other cause of fatty liver"),
    "diabetes": _l("Diabetes"),
    "metabolic_syndrome": _l("Metabolic syndrome"),
    "lsm_kpa": _l("Liver stiffness"),
    "cap_db_m": _l("CAP"),
}
_UNITS: Final[Mapping[str, str | LazyString]] = {
    "age_years": _l("years"), "height_cm": "cm", "weight_kg": "kg", "bmi_kg_m2": "kg/m²", "waist_cm": "cm",
    "alcohol_g_day": _l("g a day"), "alt_u_l": "U/L", "ast_u_l": "U/L", "ast_uln_u_l": "U/L", "ggt_u_l": "U/L",
    "platelets_10e9_l": "10⁹/L", "albumin_g_dl": "g/dL", "triglycerides_mg_dl": "mg/dL", "hdl_mg_dl": "mg/dL",
    "glucose_mg_dl": "mg/dL", "fasting_insulin_mu_l": "µU/mL", "hba1c_percent": "%", "lsm_kpa": "kPa",
    "cap_db_m": "dB/m", "glucose_2h_mg_dl": "mg/dL", "systolic_mmhg": "mmHg", "diastolic_mmhg": "mmHg",
}  # fmt: skip
_TWINS: Final[Mapping[str, tuple[str, str, float]]] = {
    "triglycerides_mg_dl": ("triglycerides_mmol_l", "mmol/L", 88.57),
    "hdl_mg_dl": ("hdl_mmol_l", "mmol/L", 38.67),
    "glucose_2h_mg_dl": ("glucose_2h_mmol_l", "mmol/L", 18.016),
    "glucose_mg_dl": ("glucose_mmol_l", "mmol/L", 18.016),
    "fasting_insulin_mu_l": ("fasting_insulin_pmol_l", "pmol/L", 1 / 6),
    "albumin_g_dl": ("albumin_g_l", "g/L", 0.1),
}
_CHOICES: Final[Mapping[str, tuple[tuple[str, LazyString], ...]]] = {
    "sex": (("F", _l("Female")), ("M", _l("Male")), ("O", _l("Other"))),
    "other_cause": (
        ("none", _l("None known")),
        ("drug", _l("Medicine")),
        ("hepatitis_c", _l("Hepatitis C")),
        ("wilson", _l("Wilson disease")),
        ("lal_deficiency", _l("Lysosomal acid lipase deficiency")),
        ("monogenic", _l("Other inherited disease")),
        ("other", _l("Another cause")),
    ),
}


@dataclass(frozen=True, slots=True)
class ClinicalField:
    """One field: its key, label, kind, unit, range, and the choice of (key, unit) where it has an SI twin.

    ``choices`` are the words of a field of kind "choice".
    """

    name: str
    label: LazyString
    kind: Literal["number", "flag", "choice"]
    unit: str | LazyString = ""
    low: float | None = None
    high: float | None = None
    units: tuple[tuple[str, str], ...] = ()
    choices: tuple[tuple[str, LazyString], ...] = ()


def clinical_groups() -> list[tuple[LazyString, list[ClinicalField]]]:
    """The groups of the form with their fields."""
    return [(title, [_field(name) for name in names]) for title, names in _GROUPS.items()]


def _field(name: str) -> ClinicalField:
    label, info = _LABELS[name], ClinicalInput.model_fields[name]
    if name in _CHOICES:
        return ClinicalField(name, label, "choice", choices=_CHOICES[name])
    if "bool" in str(info.annotation):
        return ClinicalField(name, label, "flag")
    low, high = _limit(info.metadata, Ge, "ge"), _limit(info.metadata, Le, "le")
    unit = _UNITS[name]
    twin = _TWINS.get(name)
    units = ((name, str(unit)), twin[:2]) if twin else ()
    return ClinicalField(name, label, "number", unit, low, high, units)


def _limit(metadata: list[Any], kind: type, attribute: str) -> float | None:
    found = next((getattr(one, attribute) for one in metadata if isinstance(one, kind)), None)
    return None if found is None else float(found)
