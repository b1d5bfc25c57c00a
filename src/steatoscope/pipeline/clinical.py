"""The clinical part of a report: scores, criteria of steatotic liver disease, the combined estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import PatientFacts
from steatoscope.core.report import ClinicalPart, CombinedPart, GradePart, IntervalPart, LeftOutPart
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.science.clinical.combined_fit import shipped_model
from steatoscope.science.clinical.masld import SldAnswer, classify_sld
from steatoscope.science.clinical.scores import Score, clinical_scores

if TYPE_CHECKING:
    from steatoscope.core.measurement import Interval
    from steatoscope.science.clinical.combined import CombinedModel

PERSON: Final = frozenset({"age_years", "sex"})
FEWEST_COMBINED: Final = 2
_DIGITS: Final = 6
_AGE_APART: Final = 1.5


@dataclass(frozen=True, slots=True)
class Imaging:
    """What the images said: a fat estimate and its grade, or why there is none."""

    fat: FatEstimate | None
    grade: GradePart | None
    refusal: SteatoscopeError | None = None


def clinical_part(
    stated: Mapping[str, Any], header: PatientFacts, imaging: Imaging, model: CombinedModel | None = None
) -> tuple[ClinicalPart | None, tuple[QualityCode, ...]]:
    """The clinical part and remarks from the stated clinical values; None where they hold no more than age and sex.

    Age and sex come from the image header where they are not stated. ``model`` replaces the combined model that goes
    with the product.
    """
    notes = _differences(stated, header)
    if not {name for name, value in stated.items() if value is not None} - PERSON:
        return None, notes
    values = _completed(stated, header)
    scores, left = clinical_scores(values)
    answer = classify_sld(values, _steatosis(imaging.grade))
    return ClinicalPart(
        scores=[_score(score) for score in scores],
        masld=_masld(answer, imaging),
        omitted=[LeftOutPart(**{**asdict(one), "missing": list(one.missing)}) for one in left],
        combined=_combined(values, imaging, model or shipped_model()),
    ), notes


def _steatosis(grade: GradePart | None) -> bool | Literal["uncertain"] | None:
    """Whether there is steatosis by imaging; uncertain where the grades that are kept hold both answers."""
    if grade is None:
        return None
    return "uncertain" if "normal" in grade.set and len(grade.set) > 1 else grade.index >= 1


def _completed(stated: Mapping[str, Any], header: PatientFacts) -> dict[str, Any]:
    values = dict(stated)
    if values.get("age_years") is None:
        values["age_years"] = header.age_years
    if values.get("sex") is None:
        values["sex"] = header.sex
    return values


def _differences(stated: Mapping[str, Any], header: PatientFacts) -> tuple[QualityCode, ...]:
    """A remark where the stated age or sex is not that of the image header: the values may be another patient's."""
    age, sex = stated.get("age_years"), str(stated.get("sex") or "")[:1].upper()
    apart = []
    if age is not None and header.age_years is not None and abs(float(age) - header.age_years) > _AGE_APART:
        apart.append("The age differs.")
    if sex in ("F", "M") and header.sex in ("F", "M") and sex != header.sex:
        apart.append("The sex differs.")
    return (warning("W_CLINICAL", " ".join(apart)),) if apart else ()


def _score(score: Score) -> dict[str, Any]:
    return {**asdict(score), "value": round(score.value, _DIGITS)}


def _masld(answer: SldAnswer, imaging: Imaging) -> dict[str, Any]:
    return {
        "criteria_met": answer.criteria_met,
        "missing": list(answer.missing),
        "class": answer.kind,
        "class_if_present": answer.if_present,
        "text": _told(answer, imaging),
        "steatosis": _steatosis_words(imaging),
        "risk_factors": [{"name": risk.name, "met": risk.met} for risk in answer.risks],
        "alcohol_band": answer.band,
    }


def _told(answer: SldAnswer, imaging: Imaging) -> str:
    if answer.if_present is not None:
        present = replace(answer, kind=answer.if_present, if_present=None)
        held = f"If steatosis is present: {present.criteria_met or _open(present)}."
        return f"{_sentence(answer.criteria_met)} {held} A clinician classifies."
    if answer.criteria_met is not None:
        return f"{_sentence(answer.criteria_met)} A clinician classifies."
    if answer.kind == "unknown":
        code = f" ({imaging.refusal.code})" if imaging.refusal else ""
        return f"Steatosis is not known, as the images gave no fat value{code}: the criteria cannot be applied."
    return _sentence(_open(answer))


def _open(answer: SldAnswer) -> str:
    if answer.band is None:
        return "not classifiable: the alcohol intake, or the sex that its limits depend on, is not known"
    return "not classifiable: no risk factor is met by what was given, and others are not known"


def _sentence(words: str | None) -> str:
    return f"{(words or '')[:1].upper()}{(words or '')[1:]}."


def _steatosis_words(imaging: Imaging) -> str:
    grade = imaging.grade
    if grade is None:
        return "not known"
    words = f"{'present' if grade.index else 'absent'} by imaging (S{grade.index}, profile {grade.profile})"
    unsure = _steatosis(grade) == "uncertain"
    return f"{words}; not certain, the grade may be {' or '.join(grade.set)}" if unsure else words


def _combined(values: Mapping[str, Any], imaging: Imaging, model: CombinedModel) -> CombinedPart | None:
    """None without a fat value, on a scale that the model does not speak of, or with too few clinical values."""
    from steatoscope.science.clinical.combined import combined_estimate

    fat = imaging.fat
    if fat is None or imaging.refusal is not None or not model.fits(fat.scale):
        return None
    found = combined_estimate(model, values, model.reading(fat.value_percent, fat.sd), fat.level)
    if len(set(found.used) - {"age_years", "female"}) < FEWEST_COMBINED:
        return None
    return CombinedPart(
        value_percent=round(found.value_percent, 2),
        interval=_interval(found.interval),
        clinical_percent=round(found.clinical_percent, 2),
        clinical_interval=_interval(found.clinical_interval),
        base_percent=round(found.base_percent, 2),
        scale=fat.scale,  # type: ignore[arg-type]
        model=model.name,
        source=model.source,
        simulated=model.simulated,
        used=list(found.used),
        missing=list(found.missing),
        effects={label: round(points, 3) for label, points in found.effects.items()},
    )


def _interval(interval: Interval) -> IntervalPart:
    return IntervalPart(low=round(interval.low, 2), high=round(interval.high, 2), level=interval.level)
