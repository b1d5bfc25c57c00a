"""The patient beside healthy people: each quantity on its own scale, by the built-in references or a site's own."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from steatoscope.core.errors import QualityCode
from steatoscope.core.image import Study
from steatoscope.core.report import BaselineItem, BaselinePart
from steatoscope.pipeline.baseline_doubt import DISTANCE, without_doubtful
from steatoscope.pipeline.baseline_items import Patient, make_item, person_words, volume_items
from steatoscope.pipeline.baseline_own import own_head, own_items
from steatoscope.pipeline.findings import Findings
from steatoscope.science.clinical.baseline import LOG_SD, MEDIAN_PDFF_PERCENT, PDFF_REFERENCE, pdff_z
from steatoscope.science.clinical.healthy_limits import (
    CT_FAT,
    DIFFERENCE_RANGE_HU,
    DIFFERENCE_SOURCE,
    FAT_LIMITS,
    HU_LIMITS,
    INDEX_LIMITS,
    LIVER_HU,
)
from steatoscope.science.clinical.reference import PERCENTILES
from steatoscope.science.clinical.site_reference import Person, SiteReference

TWO_MEASURES: Final = (
    "This score and the distance from the healthy set are two different measures: the score says how fatty the image "
    "looks, the distance how unusual all its readings are together."
)
NO_REFERENCE: Final = "none: no healthy reference on this scale"
_MEASURED: Final[tuple[str, ...]] = (
    "liver_hu",
    "spleen_hu",
    "liver_minus_spleen_hu",
    "heterogeneity",
    "r2star",
    "hepatorenal_index",
)


def compared(
    study: Study, findings: Findings, clinical: Mapping[str, Any], reference: SiteReference | None
) -> tuple[BaselinePart | None, tuple[QualityCode, ...]]:
    """The baseline with its items, and a remark where a given reference was not applied.

    ``findings.fat`` must not be None. The part of the findings stays as it is; a site's own reference of the same scale
    takes its place.
    """
    patient = _patient(study, findings, clinical)
    items = [*_built_in(patient), *findings.baseline_items]
    notes: tuple[QualityCode, ...] = ()
    main = findings.baseline
    if reference is not None:
        own, notes = own_items(patient, reference)
        replaced = {item.quantity for item in own}
        items = [*own, *(item for item in items if item.quantity not in replaced)]
        main = own_head(own, main)
    items = without_doubtful(items, findings.measurements)
    if main is None and not items:
        return None, notes
    if main is None:
        words = "There is no reference population on the scale of this fat value."
        main = BaselinePart(reference=NO_REFERENCE, percentile=None, z=None, healthy_upper_limit=None, text=words)
    measured_apart = main.z is not None and main.percentile is None and any(item.quantity == DISTANCE for item in items)
    text = f"{main.text} {TWO_MEASURES}" if measured_apart else main.text
    return main.model_copy(update={"items": items, "text": text}), notes


def _patient(study: Study, findings: Findings, clinical: Mapping[str, Any]) -> Patient:
    measured = {m.name: m for m in findings.measurements if m.value is not None and np.isfinite(m.value)}
    values = {name: float(measured[name].value) for name in _MEASURED if name in measured}  # type: ignore[arg-type]
    units = {name: measured[name].unit for name in values}
    for name, part in (("liver_volume", findings.segmentation.liver), ("spleen_volume", findings.segmentation.spleen)):
        if part is not None and part.volume_ml is not None:
            values[name], units[name] = part.volume_ml, "mL"
    fat = findings.fat
    if fat is not None:
        values["fat"], units["fat"] = fat.value_percent, "%"
    simulated = any(note.code == "W_SIMULATED" for note in (*study.notes, *findings.notes))
    return Patient(values, units, fat.scale if fat else "", study.scan.modality, _person(study, clinical), simulated)


def _person(study: Study, clinical: Mapping[str, Any]) -> Person:
    sex = str(clinical.get("sex") or study.patient.sex or "")[:1].upper()
    return Person(
        sex=sex if sex in ("F", "M") else None,
        age_years=clinical.get("age_years", study.patient.age_years),
        height_cm=clinical.get("height_cm"),
        weight_kg=clinical.get("weight_kg"),
    )


def _built_in(patient: Patient) -> list[BaselineItem]:
    found: list[BaselineItem] = []
    if "fat" in patient.values:
        found += _fat(patient)
    if patient.modality == "CT":
        found += _attenuation(patient)
    if "hepatorenal_index" in patient.values:
        value, limits = patient.values["hepatorenal_index"], INDEX_LIMITS
        words = (
            f"The hepatorenal index of {value:.2f} is {_beside(value, limits[0][0])} {limits[0][0]:g}: {limits[0][1]}."
        )
        found.append(make_item("hepatorenal_index", patient, "published limits", limits, text=words))
    return [*found, *volume_items(patient.values, patient.person)]


def _fat(patient: Patient) -> list[BaselineItem]:
    value, limits = patient.values["fat"], FAT_LIMITS.get(patient.scale, ())
    if patient.scale == "pdff":
        z = pdff_z(value)
        quantiles = [
            (p, MEDIAN_PDFF_PERCENT * float(np.exp(LOG_SD * NormalDist().inv_cdf(p / 100)))) for p in PERCENTILES
        ]
        words = f"The reference is not split by age or sex.{person_words(patient.person)}"
        return [make_item("fat", patient, PDFF_REFERENCE, limits, z=z, quantiles=quantiles, text=words)]
    if patient.scale == "ct_pdff_equiv":
        chosen = CT_FAT[patient.person.sex]
        words = f"Mean {chosen.mean:g}, SD {chosen.sd:g} %.{person_words(patient.person, general=True)}"
        quantiles = _normal_quantiles(chosen.mean, chosen.sd)
        return [make_item("fat", patient, chosen.name, limits, z=chosen.z(value), quantiles=quantiles, text=words)]
    if not limits:
        return []
    words = (
        f"The value is {_beside(value, limits[0][0])} {limits[0][0]:g} %: {limits[0][1]}. No population on this scale."
    )
    return [make_item("fat", patient, "published limit", limits, text=words)]


def _attenuation(patient: Patient) -> list[BaselineItem]:
    found = []
    if "liver_hu" in patient.values:
        value = patient.values["liver_hu"]
        passed = [text for limit, text in HU_LIMITS if value < limit]
        words = (
            f"Below {len(passed)} of {len(HU_LIMITS)} published limits." if passed else "Above every published limit."
        )
        quantiles = _normal_quantiles(LIVER_HU.mean, LIVER_HU.sd)
        z = LIVER_HU.z(value)
        item = make_item("liver_hu", patient, LIVER_HU.name, HU_LIMITS, z=z, quantiles=quantiles, text=words)
        found.append(item.model_copy(update={"upper_limit": None, "upper_limit_source": None}))
    if "liver_minus_spleen_hu" in patient.values:
        value, (low, high) = patient.values["liver_minus_spleen_hu"], DIFFERENCE_RANGE_HU
        place = "below" if value < low else "above" if value > high else "within"
        words = (
            f"The difference of {value:.1f} HU lies {place} the range of {low:g} to {high:g} HU: {DIFFERENCE_SOURCE}."
        )
        span = [(0.0, low), (100.0, high)]
        found.append(make_item("liver_minus_spleen_hu", patient, DIFFERENCE_SOURCE, (), quantiles=span, text=words))
    return found


def _normal_quantiles(mean: float, sd: float) -> list[tuple[float, float]]:
    return [(p, mean + sd * NormalDist().inv_cdf(p / 100.0)) for p in PERCENTILES]


def _beside(value: float, limit: float) -> str:
    return "at or above" if value >= limit else "below"
