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
    _l("Person"): ("age_years", "sex", "height_cm", "weight_kg", "bmi_kg_m2", "waist_cm", "alcohol_g_day"),
    _l("Liver enzymes and blood count"): (
        "alt_u_l", "ast_u_l", "ast_uln_u_l", "ggt_u_l", "platelets_10e9_l", "albumin_g_dl",
    ),
    _l("Metabolism"): (
        "triglycerides_mg_dl", "hdl_mg_dl", "glucose_mg_dl", "fasting_insulin_mu_l", "hba1c_percent", "diabetes",
        "metabolic_syndrome",
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
    "cap_db_m": "dB/m",
}  # fmt: skip
_TWINS: Final[Mapping[str, tuple[str, str, float]]] = {
    "triglycerides_mg_dl": ("triglycerides_mmol_l", "mmol/L", 88.57),
    "hdl_mg_dl": ("hdl_mmol_l", "mmol/L", 38.67),
    "glucose_mg_dl": ("glucose_mmol_l", "mmol/L", 18.016),
    "fasting_insulin_mu_l": ("fasting_insulin_pmol_l", "pmol/L", 1 / 6),
    "albumin_g_dl": ("albumin_g_l", "g/L", 0.1),
}


@dataclass(frozen=True, slots=True)
class ClinicalField:
    """One field: its key, label, kind, unit, range, and the choice of (key, unit) where it has an SI twin."""

    name: str
    label: LazyString
    kind: Literal["number", "flag", "sex"]
    unit: str | LazyString = ""
    low: float | None = None
    high: float | None = None
    units: tuple[tuple[str, str], ...] = ()


def clinical_groups() -> list[tuple[LazyString, list[ClinicalField]]]:
    """The groups of the form with their fields."""
    return [(title, [_field(name) for name in names]) for title, names in _GROUPS.items()]


def _field(name: str) -> ClinicalField:
    label, info = _LABELS[name], ClinicalInput.model_fields[name]
    if name == "sex":
        return ClinicalField(name, label, "sex")
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
