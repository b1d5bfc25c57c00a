"""The clinical form: values with units in their names, checked against plausible ranges."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from steatoscope.core.clinical_checks import body_mass_index, contradiction
from steatoscope.core.errors import SteatoscopeError

TWIN_TOLERANCE = 0.05
_MOST_NAMED = 5
_MOST_LETTERS = 40
#: other names of a value: the name in our unit, the factor to it and what is added (HbA1c: the IFCC master equation)
TWINS: Final[Mapping[str, tuple[str, float, float]]] = {
    "triglycerides_mmol_l": ("triglycerides_mg_dl", 88.57, 0.0),
    "glucose_mmol_l": ("glucose_mg_dl", 18.016, 0.0),
    "glucose_2h_mmol_l": ("glucose_2h_mg_dl", 18.016, 0.0),
    "hdl_mmol_l": ("hdl_mg_dl", 38.67, 0.0),
    "fasting_insulin_pmol_l": ("fasting_insulin_mu_l", 1.0 / 6.0, 0.0),
    "albumin_g_l": ("albumin_g_dl", 0.1, 0.0),
    "hba1c_mmol_mol": ("hba1c_percent", 0.09148, 2.152),
    "alt_ukat_l": ("alt_u_l", 60.0, 0.0),
    "ast_ukat_l": ("ast_u_l", 60.0, 0.0),
    "ggt_ukat_l": ("ggt_u_l", 60.0, 0.0),
}
_SEXES: Final[Mapping[str, str | None]] = {
    "f": "F", "female": "F", "m": "M", "male": "M", "o": "O", "other": "O",
    "": None, "u": None, "unknown": None,
}  # fmt: skip
OtherCause = Literal["none", "drug", "hepatitis_c", "wilson", "lal_deficiency", "monogenic", "other"]


class ClinicalInput(BaseModel):
    """Clinical values of one patient; a missing value stays missing and is never imputed.

    Ranges reject typing errors (clinical reference, section 6). SI twins such as ``triglycerides_mmol_l`` are accepted
    and converted. ``glucose_mg_dl`` is fasting. ``other_cause`` is a known cause of fatty liver other than metabolic
    ones and alcohol. ``sex`` is taken as F, M, O, female, male or other in either case; U and unknown count as not
    stated. ``asian_cutoffs`` asks for the lower limits of BMI and waist.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    age_years: float | None = Field(default=None, ge=0, le=120)
    sex: Literal["F", "M", "O"] | None = None
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
    glucose_2h_mg_dl: float | None = Field(default=None, ge=20, le=1000)
    hba1c_percent: float | None = Field(default=None, ge=3, le=20)
    systolic_mmhg: float | None = Field(default=None, ge=50, le=300)
    diastolic_mmhg: float | None = Field(default=None, ge=20, le=200)
    diabetes: bool | None = None
    impaired_fasting_glucose: bool | None = None
    diabetes_treatment: bool | None = None
    insulin_treated: bool | None = None
    antihypertensive_treatment: bool | None = None
    lipid_treatment: bool | None = None
    metabolic_syndrome: bool | None = None
    asian_cutoffs: bool | None = None
    other_cause: OtherCause | None = None
    lsm_kpa: float | None = Field(default=None, ge=1, le=80)
    cap_db_m: float | None = Field(default=None, ge=100, le=400)
    alcohol_g_day: float | None = Field(default=None, ge=0, le=1000)

    @field_validator("sex", mode="before")
    @classmethod
    def _sex(cls, given: Any) -> Any:
        """F, M or O from a letter or a word in either case; U and unknown are not stated."""
        return sex_letter(given) if isinstance(given, str) else given


#: names that take true or false
FLAGS: Final = frozenset(name for name, info in ClinicalInput.model_fields.items() if info.annotation == bool | None)
#: names that take a word
WORDS: Final = frozenset({"sex", "other_cause"})


def sex_letter(given: str) -> str | None:
    """F, M or O from a letter or a word in either case, None for U and unknown; another text as it is."""
    return _SEXES.get(given.strip().lower(), given)


def parse_clinical(document: Mapping[str, Any], *, path: str | None = None) -> ClinicalInput:
    """Check a clinical JSON object; raises E_FORMAT with the offending keys where it does not fit.

    Twins are converted, and the body mass index is computed from height and weight where it is not given.
    """
    values = dict(document)
    if unknown := sorted(set(values) - {*ClinicalInput.model_fields, *TWINS}):
        raise clinical_unfit("; ".join(map(_unknown, unknown[:_MOST_NAMED])), path)
    if flags := sorted({name for name in values if isinstance(values[name], bool)} - FLAGS):
        raise clinical_unfit(f"{', '.join(flags)}: a number is needed, not true or false", path)
    _take_twins(values, path)
    if values.get("bmi_kg_m2") is None and (computed := body_mass_index(values)) is not None:
        values["bmi_kg_m2"] = computed
    if words := contradiction(values):
        raise clinical_unfit(words, path)
    try:
        return ClinicalInput.model_validate(values)
    except ValidationError as fault:
        words = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        raise clinical_unfit(words, path) from fault


def _take_twins(values: dict[str, Any], path: str | None) -> None:
    for name, (target, factor, added) in TWINS.items():
        if not isinstance(values.get(name), int | float):
            continue
        converted = values[name] * factor + added
        own = values[target] = converted if values.get(target) is None else values[target]
        if isinstance(own, int | float) and abs(own - converted) > TWIN_TOLERANCE * abs(converted):
            raise clinical_unfit(f"{name} and {target} contradict each other", path)


def _unknown(name: str) -> str:
    known = [*ClinicalInput.model_fields, *TWINS]
    near = [one for one in known if len(name) > 1 and one.startswith(f"{name.lower()}_")]
    near += [one for one in get_close_matches(name.lower(), known, n=3) if one not in near]
    words = f"{name[:_MOST_LETTERS]}: not a known name; "
    return words + (f"meant is perhaps {' or '.join(near)}" if near else f"known are {', '.join(known)}")


def clinical_unfit(words: str, path: str | None) -> SteatoscopeError:
    """The error of clinical values that do not fit, with ``words`` as its cause."""
    return SteatoscopeError(
        "E_FORMAT",
        path=path,
        message="The clinical values do not fit.",
        cause=f"{words}.",
        remedy="Correct the values; 'steatoscope schema clinical' prints names, units and ranges.",
    )
