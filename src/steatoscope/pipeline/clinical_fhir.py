"""Clinical values from a FHIR R4 Bundle: Patient, Observation, Condition and medication resources of one patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from steatoscope.core.clinical_input import clinical_unfit
from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.clinical_codes import ATC, ICD10, SNOMED
from steatoscope.pipeline.clinical_dates import ClinicalRead
from steatoscope.pipeline.clinical_readings import (
    LeftReadings,
    Resource,
    codes,
    instant,
    last,
    listed,
    newest,
    part_of,
    readings,
)

_SNOMED_SYSTEM: Final = "http://snomed.info/sct"
_ATC_SYSTEM: Final = "http://www.whocc.no/atc"
_UNSURE: Final = frozenset({"refuted", "entered-in-error", "provisional", "differential", "unconfirmed"})
_OVER: Final = frozenset({"inactive", "remission", "resolved"})
_GENDERS: Final = {"male": "M", "female": "F", "other": "O"}
_MEDICATION: Final = frozenset({"MedicationStatement", "MedicationRequest"})
_DAYS_A_YEAR: Final = 365.25
_PERSON: Final = frozenset({"sex", "age_years"})


def fhir_values(bundle: Resource, path: str | None = None) -> ClinicalRead:
    """Clinical values by name from a Bundle, remarks on what could not be taken, and the days of the readings.

    Of several readings of one value the newest counts. Raises E_FORMAT for another resource, a Bundle with nothing that
    can be taken, a unit that does not fit or readings of one instant that contradict each other; E_MIXED for several
    patients.
    """
    if bundle.get("resourceType") != "Bundle":
        raise clinical_unfit(f"resourceType is {bundle.get('resourceType')!r}; a Bundle is needed", path)
    resources = [entry.get("resource") for entry in listed(bundle.get("entry"))]
    kept = [resource for resource in resources if isinstance(resource, Mapping)]
    _check_one_patient(bundle, kept, path)
    left = LeftReadings()
    found = [reading for one in _of(kept, "Observation") for reading in readings(one, left, path)]
    chosen = newest(found, path)
    values: dict[str, Any] = {key: reading.value for key, reading in chosen.items()}
    for name, stated in _stated(kept):
        values.setdefault(name, stated)
    _add_person(values, kept, last(found))
    if not values:
        raise clinical_unfit(" ".join(("The Bundle holds no value that can be taken.", *left.told()))[:-1], path)
    days = {key: one.when.date().isoformat() if one.when else None for key, one in chosen.items()}
    return ClinicalRead(values, (*left.told(), *_person_alone(values)), days)


def _person_alone(values: Mapping[str, Any]) -> tuple[str, ...]:
    return () if values.keys() - _PERSON else ("No value besides age and sex was found in the Bundle.",)


def _of(resources: list[Resource], *kinds: str) -> Iterator[Resource]:
    return (resource for resource in resources if resource.get("resourceType") in kinds)


def _check_one_patient(bundle: Resource, resources: list[Resource], path: str | None) -> None:
    same = {
        entry.get("fullUrl"): entry["resource"].get("id") for entry in listed(bundle.get("entry")) if _is_patient(entry)
    }
    named = {str(one["id"]) for one in _of(resources, "Patient") if one.get("id")}
    for resource in resources:
        reference = part_of(resource, "subject").get("reference")
        if isinstance(reference, str) and resource.get("resourceType") != "Patient":
            named.add(str(same.get(reference) or reference.rsplit("/", 1)[-1]))
    if len(named) > 1 or sum(1 for _ in _of(resources, "Patient")) > 1:
        raise SteatoscopeError(
            "E_MIXED",
            path=path,
            message="The clinical values belong to several patients.",
            cause=f"The Bundle speaks of {max(len(named), 2)} patients.",
            remedy="Give a Bundle of one patient.",
        )


def _is_patient(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("resource"), Mapping) and entry["resource"].get("resourceType") == "Patient"


def _stated(resources: list[Resource]) -> Iterator[tuple[str, bool | str]]:
    """What active conditions and medicines state; what is not there stays unknown, never false."""
    for one in _of(resources, "Condition"):
        if _status(one, "clinicalStatus") in _OVER or _status(one, "verificationStatus") in _UNSURE:
            continue
        yield from (SNOMED[code] for code in codes(one.get("code"), _SNOMED_SYSTEM) if code in SNOMED)
        for code in codes(one.get("code"), "icd-10"):
            yield from (found for start, found in ICD10.items() if code.startswith(start))
    for one in _of(resources, *_MEDICATION):
        if one.get("status") == "active":
            for code in codes(one.get("medicationCodeableConcept"), _ATC_SYSTEM):
                yield from ((name, True) for start, name in ATC.items() if code.startswith(start))


def _status(one: Resource, name: str) -> str:
    codings = listed(part_of(one, name).get("coding"))
    return str(codings[0].get("code", "")) if codings else ""


def _add_person(values: dict[str, Any], resources: list[Resource], day: datetime | None) -> None:
    """Sex, and age on the day of the newest reading; without any day the age stays unknown."""
    for one in _of(resources, "Patient"):
        if one.get("gender") in _GENDERS:
            values["sex"] = _GENDERS[one["gender"]]
        born = instant(one.get("birthDate"))
        if born is not None and day is not None:
            values.setdefault("age_years", round(_years(born.date(), day.date()), 1))


def _years(born: date, day: date) -> float:
    return (day - born).days / _DAYS_A_YEAR
