"""The clinical form: values with units in their names, checked against plausible ranges."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from steatoscope.core.errors import SteatoscopeError

TWIN_TOLERANCE = 0.05
_MOST_NAMED = 5
_MOST_LETTERS = 40
_FLAGS = {"diabetes", "metabolic_syndrome"}
_TWINS = {
    "triglycerides_mmol_l": ("triglycerides_mg_dl", 88.57),
    "glucose_mmol_l": ("glucose_mg_dl", 18.016),
    "hdl_mmol_l": ("hdl_mg_dl", 38.67),
    "fasting_insulin_pmol_l": ("fasting_insulin_mu_l", 1.0 / 6.0),
    "albumin_g_l": ("albumin_g_dl", 0.1),
}


class ClinicalInput(BaseModel):
    """Clinical values of one patient; a missing value stays missing and is never imputed.

    Ranges reject typing errors (clinical reference, section 6). SI twins such as ``triglycerides_mmol_l`` are accepted
    and converted.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    age_years: float | None = Field(default=None, ge=0, le=120)
    sex: Literal["F", "M", "female", "male", "O", "other"] | None = None
    bmi_kg_m2: float | None = Field(default=None, ge=12, le=80)
    height_cm: float | None = Field(default=None, ge=100, le=250)
    weight_kg: float | None = Field(default=None, ge=25, le=400)
    waist_cm: float | None = Field(default=None, ge=40, le=200)
    triglycerides_mg_dl: float | None = Field(default=None, ge=20, le=3000)
    hdl_mg_dl: float | None = Field(default=None, ge=5, le=200)
    ggt_u_l: float | None = Field(default=None, ge=1, le=3000)
    alt_u_l: float | None = Field(default=None, ge=1, le=3000)
    ast_u_l: float | None = Field(default=None, ge=1, le=3000)
    ast_uln_u_l: float | None = Field(default=None, ge=10, le=100)
    platelets_10e9_l: float | None = Field(default=None, ge=10, le=1000)
    albumin_g_dl: float | None = Field(default=None, ge=1, le=6.5)
    fasting_insulin_mu_l: float | None = Field(default=None, ge=0.5, le=300)
    glucose_mg_dl: float | None = Field(default=None, ge=20, le=1000)
    hba1c_percent: float | None = Field(default=None, ge=3, le=20)
    diabetes: bool | None = None
    metabolic_syndrome: bool | None = None
    lsm_kpa: float | None = Field(default=None, ge=1, le=80)
    cap_db_m: float | None = Field(default=None, ge=100, le=400)
    alcohol_g_day: float | None = Field(default=None, ge=0, le=1000)


def parse_clinical(document: Mapping[str, Any], *, path: str | None = None) -> ClinicalInput:
    """Check a clinical JSON object; raises E_FORMAT with the offending keys where it does not fit."""
    values = dict(document)
    if unknown := sorted(set(values) - {*ClinicalInput.model_fields, *_TWINS}):
        raise _unfit("; ".join(map(_unknown, unknown[:_MOST_NAMED])), path)
    flags = {name for name in values if isinstance(values[name], bool)} - _FLAGS
    if flags:
        raise _unfit(f"{', '.join(sorted(flags))}: a number is needed, not true or false", path)
    for name, (target, factor) in _TWINS.items():
        if not isinstance(values.get(name), int | float):
            continue
        converted = values[name] * factor
        own = values.setdefault(target, converted)
        if isinstance(own, int | float) and abs(own - converted) > TWIN_TOLERANCE * abs(converted):
            raise _unfit(f"{name} and {target} contradict each other", path)
    try:
        return ClinicalInput.model_validate(values)
    except ValidationError as fault:
        words = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        raise _unfit(words, path) from fault


def _unknown(name: str) -> str:
    known = [*ClinicalInput.model_fields, *_TWINS]
    near = [one for one in known if len(name) > 1 and one.startswith(f"{name.lower()}_")]
    near += [one for one in get_close_matches(name.lower(), known, n=3) if one not in near]
    words = f"{name[:_MOST_LETTERS]}: not a known name; "
    return words + (f"meant is perhaps {' or '.join(near)}" if near else f"known are {', '.join(known)}")


def _unfit(words: str, path: str | None) -> SteatoscopeError:
    return SteatoscopeError(
        "E_FORMAT",
        path=path,
        message="The clinical values do not fit.",
        cause=f"{words}.",
        remedy="Correct the values; 'steatoscope schema clinical' prints names, units and ranges.",
    )
