"""Which criteria of steatotic liver disease are met: MASLD, MetALD, ALD (Rinella, J Hepatol 2023).

The words are "criteria met for", never "diagnosis": a clinician classifies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from steatoscope.science.clinical.masld_risk import CmrfLimits, RiskFactor, risk_factors, treatments_not_stated
from steatoscope.science.clinical.score_values import with_derived

Band = Literal["low", "mid", "high"]
SldClass = Literal[
    "unknown", "no_sld", "specific", "specific_and_masld", "ald", "masld", "metald", "cryptogenic", "ald_type",
    "not_classifiable", "uncertain",
]  # fmt: skip
_ALCOHOL_G_DAY: Final = {"F": (20.0, 50.0), "M": (30.0, 60.0)}
CRITERIA: Final[Mapping[str, str]] = {
    "uncertain": "steatosis is not certain by imaging: whether criteria are met stays open",
    "no_sld": "no steatotic liver disease by imaging: criteria are not applied",
    "specific": "criteria met for steatotic liver disease of a specific cause",
    "specific_and_masld": "criteria met for steatotic liver disease of a specific cause, together with MASLD",
    "ald": "criteria met for ALD (alcohol-related liver disease)",
    "masld": "criteria met for MASLD (metabolic dysfunction-associated steatotic liver disease)",
    "metald": "criteria met for MetALD (MASLD with raised alcohol intake)",
    "cryptogenic": "criteria met for cryptogenic steatotic liver disease, or possible MASLD on clinical judgement",
    "ald_type": "criteria met for the ALD type without a cardiometabolic risk factor: for a clinician to classify",
}


@dataclass(frozen=True, slots=True)
class SldAnswer:
    """The class (see :data:`CRITERIA`; "unknown" and "not_classifiable" meet none), and what it rests on.

    ``missing`` names the values that were not given and could change it; a treatment that is not stated counts as
    none. ``band`` is the alcohol band, None where it is unknown. ``if_present`` is, for "uncertain", the class that
    would hold if steatosis is present, else None.
    """

    kind: SldClass
    risks: tuple[RiskFactor, ...]
    band: Band | None
    missing: tuple[str, ...]
    if_present: SldClass | None = None

    @property
    def criteria_met(self) -> str | None:
        """What is met in words, None where nothing can be said."""
        return CRITERIA.get(self.kind)


def classify_sld(
    values: Mapping[str, Any], steatosis: bool | Literal["uncertain"] | None, limits: CmrfLimits | None = None
) -> SldAnswer:
    """The criteria that checked clinical values meet, given steatosis by imaging (None: not known).

    "uncertain" stands for a measurement whose uncertainty covers both presence and absence.

    ``limits`` defaults to the general ones, or to the lower ones of BMI and waist where ``asian_cutoffs`` is set.
    """
    known = with_derived(values)
    rules = limits or (CmrfLimits.asian() if known.get("asian_cutoffs") else CmrfLimits())
    risks = risk_factors(known, rules)
    band = alcohol_band(known)
    missing = _missing(known, risks, band)
    if steatosis == "uncertain":
        return SldAnswer("uncertain", risks, band, missing, _steatotic(known, risks, band))
    return SldAnswer(_kind(known, steatosis, risks, band), risks, band, missing)


def _kind(
    known: Mapping[str, Any], steatosis: bool | None, risks: tuple[RiskFactor, ...], band: Band | None
) -> SldClass:
    if steatosis is None:
        return "unknown"
    if not steatosis:
        return "no_sld"
    return _steatotic(known, risks, band)


def _steatotic(known: Mapping[str, Any], risks: tuple[RiskFactor, ...], band: Band | None) -> SldClass:
    positive = any(risk.met for risk in risks)
    if known.get("other_cause", "none") != "none":
        return "specific_and_masld" if positive else "specific"
    if band == "high":
        return "ald"
    if band is None or (not positive and any(risk.met is None for risk in risks)):
        return "not_classifiable"
    if positive:
        return "masld" if band == "low" else "metald"
    return "cryptogenic" if band == "low" else "ald_type"


def alcohol_band(known: Mapping[str, Any]) -> Band | None:
    """The alcohol band by sex: women 20-50, men 30-60 g a day are "mid"; None where intake or a needed sex is unknown.

    Without a sex the band is given where both sexes' limits agree.
    """
    intake = known.get("alcohol_g_day")
    if intake is None:
        return None
    sexes = ("F" if known["female"] else "M",) if "female" in known else tuple(_ALCOHOL_G_DAY)
    bands = {_band(float(intake), *_ALCOHOL_G_DAY[sex]) for sex in sexes}
    return bands.pop() if len(bands) == 1 else None


def _band(intake: float, low: float, high: float) -> Band:
    if intake < low:
        return "low"
    return "mid" if intake <= high else "high"


def _missing(known: Mapping[str, Any], risks: tuple[RiskFactor, ...], band: Band | None) -> tuple[str, ...]:
    """What could change the answer; values of further risk factors cannot where one is met already."""
    names = [] if "alcohol_g_day" in known else ["alcohol_g_day"]
    if band is None and "alcohol_g_day" in known:
        names.append("sex (F or M)")
    if not any(risk.met for risk in risks):
        names += [name for risk in risks for name in risk.missing]
        names += treatments_not_stated(known)
    return tuple(dict.fromkeys(names if "other_cause" in known else [*names, "other_cause"]))
