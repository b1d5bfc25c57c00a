"""The five cardiometabolic risk factors of MASLD (Rinella, J Hepatol 2023), each met, not met or unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class CmrfLimits:
    """Limits of the risk factors; waist and HDL as (men, women).

    Restatements differ in whether a waist at the limit counts and whether an HDL at the limit does:
    ``waist_at_limit`` and ``hdl_at_limit`` choose (default: waist above, HDL at or below).
    """

    bmi: float = 25.0
    waist_cm: tuple[float, float] = (94.0, 80.0)
    waist_at_limit: bool = False
    glucose_mg_dl: float = 100.0
    glucose_2h_mg_dl: float = 140.0
    hba1c_percent: float = 5.7
    systolic_mmhg: float = 130.0
    diastolic_mmhg: float = 85.0
    triglycerides_mg_dl: float = 150.0
    hdl_mg_dl: tuple[float, float] = (40.0, 50.0)
    hdl_at_limit: bool = True

    @classmethod
    def asian(cls) -> CmrfLimits:
        """BMI from 23, waist from 90 cm (men) and 80 cm (women); the waist limits are not verified."""
        return replace(cls(), bmi=23.0, waist_cm=(90.0, 80.0), waist_at_limit=True)


@dataclass(frozen=True, slots=True)
class RiskFactor:
    """One risk factor: ``met`` is None where it is unknown; ``missing`` then names the values that would tell."""

    name: str
    met: bool | None
    missing: tuple[str, ...]


def risk_factors(known: Mapping[str, Any], limits: CmrfLimits) -> tuple[RiskFactor, ...]:
    """The five risk factors of checked values that hold ``female`` where the sex is known.

    A factor is met where one of its signs is. It is not met where what is measured for it was given and is not met:
    BMI and waist, one of the glucose values, both pressures, triglycerides, HDL. Else it is unknown.
    """
    lipids = _flag(known, "lipid_treatment")
    body = (_above(known, "bmi_kg_m2", limits.bmi), _waist(known, limits))
    pressures = tuple(_above(known, key, getattr(limits, key)) for key in ("systolic_mmhg", "diastolic_mmhg"))
    triglycerides = _above(known, "triglycerides_mg_dl", limits.triglycerides_mg_dl)
    return (
        _factor("BMI or waist", body),
        _sugar(known, limits),
        _factor("blood pressure or its treatment", pressures, _flag(known, "antihypertensive_treatment")),
        _factor("triglycerides or lipid treatment", (triglycerides,), lipids),
        _factor("HDL or lipid treatment", (_hdl(known, limits),), lipids),
    )


def treatments_not_stated(known: Mapping[str, Any]) -> tuple[str, ...]:
    """Treatments that count as a sign of a risk factor and were not stated."""
    return tuple(
        key for key in ("diabetes_treatment", "antihypertensive_treatment", "lipid_treatment") if key not in known
    )


Sign = tuple[str, bool | None]


def _factor(name: str, measured: Sequence[Sign], *treated: Sign) -> RiskFactor:
    """Met by any sign; not met where all that is measured was given and is not met."""
    if any(met for _, met in (*measured, *treated)):
        return RiskFactor(name, True, ())
    missing = tuple(key for key, met in measured if met is None)
    return RiskFactor(name, None if missing else False, missing)


def _above(known: Mapping[str, Any], key: str, limit: float) -> Sign:
    return key, (known[key] >= limit if key in known else None)


def _flag(known: Mapping[str, Any], key: str) -> Sign:
    return key, (bool(known[key]) if key in known else None)


def _sexed(known: Mapping[str, Any], limits: tuple[float, float]) -> tuple[float, ...]:
    """The limit of the patient's sex, or both where it is unknown."""
    return (limits[1] if known["female"] else limits[0],) if "female" in known else limits


def _agreed(answers: set[bool]) -> bool | None:
    return answers.pop() if len(answers) == 1 else None


def _waist(known: Mapping[str, Any], limits: CmrfLimits) -> Sign:
    if "waist_cm" not in known:
        return "waist_cm", None
    waist = known["waist_cm"]
    spans = _sexed(known, limits.waist_cm)
    return "sex (F or M)", _agreed({waist > cut or (limits.waist_at_limit and waist == cut) for cut in spans})


def _hdl(known: Mapping[str, Any], limits: CmrfLimits) -> Sign:
    if "hdl_mg_dl" not in known:
        return "hdl_mg_dl", None
    value = known["hdl_mg_dl"]
    cuts = _sexed(known, limits.hdl_mg_dl)
    return "sex (F or M)", _agreed({value < cut or (limits.hdl_at_limit and value == cut) for cut in cuts})


def _sugar(known: Mapping[str, Any], limits: CmrfLimits) -> RiskFactor:
    """One fasting or two-hour glucose or one HbA1c is enough to say that the factor is not met."""
    name = "glucose, HbA1c or diabetes"
    measured = [
        _above(known, key, getattr(limits, key)) for key in ("glucose_mg_dl", "glucose_2h_mg_dl", "hba1c_percent")
    ]
    flags = [_flag(known, key) for key in ("diabetes", "diabetes_treatment", "impaired_fasting_glucose")]
    if any(met for _, met in (*measured, *flags)):
        return RiskFactor(name, True, ())
    given = any(met is False for _, met in measured)
    return RiskFactor(name, False if given else None, () if given else ("glucose_mg_dl or hba1c_percent",))
