"""Readings of clinical values in FHIR Observations: what is taken of each, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

from steatoscope.core.clinical_input import TWIN_TOLERANCE, clinical_unfit
from steatoscope.core.clinical_names import clinical_name
from steatoscope.pipeline.clinical_codes import LOINC, UNITS, converted

_LOINC_SYSTEM: Final = "http://loinc.org"
_DONE: Final = frozenset({"final", "amended", "corrected"})
_NOT_DONE: Final = frozenset({"registered", "preliminary", "cancelled", "entered-in-error", "unknown"})
_BOUNDS: Final = frozenset({"<", "<=", ">=", ">", "ad"})
Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """One observed value in our unit with its instant, None where it has none."""

    key: str
    value: float
    when: datetime | None


@dataclass(slots=True)
class LeftReadings:
    """Readings that were not taken: the names of the values by the reason."""

    reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, key: str) -> None:
        """Note a value that is not taken."""
        names = self.reasons.setdefault(reason, [])
        if (name := clinical_name(key)) not in names:
            names.append(name)

    def told(self) -> tuple[str, ...]:
        """One sentence a reason."""
        return tuple(f"Not taken, {reason}: {', '.join(names)}." for reason, names in self.reasons.items())


def readings(one: Resource, left: LeftReadings, path: str | None) -> Iterator[Reading]:
    """The readings of one Observation and its components; raises E_FORMAT for a unit that does not fit."""
    when = instant(one.get("effectiveDateTime") or part_of(one, "effectivePeriod").get("end") or one.get("issued"))
    status = str(one.get("status", "final"))
    for part in (one, *listed(one.get("component"))):
        code = next((code for code in codes(part.get("code"), _LOINC_SYSTEM) if code in LOINC), None)
        if code is None:
            continue
        if status not in _DONE:
            left.add(f"status {status if status in _NOT_DONE else 'not known'}", LOINC[code])
            continue
        yield from _reading(LOINC[code], code, part_of(part, "valueQuantity"), when, left, path)
        if LOINC[code] == "ast_u_l":
            yield from _upper_limit(part, when)


def _reading(
    key: str, code: str, quantity: Mapping[str, Any], when: datetime | None, left: LeftReadings, path: str | None
) -> Iterator[Reading]:
    value, unit = quantity.get("value"), str(quantity.get("code") or quantity.get("unit") or "")
    if comparator := quantity.get("comparator"):
        left.add(f"a bound ({comparator})" if comparator in _BOUNDS else "a bound", key)
    elif not _is_number(value):
        left.add("no number", key)
    else:
        fitted = converted(key, float(value), unit)
        if fitted is None:
            raise clinical_unfit(
                f"{key} (LOINC {code}): unit {unit!r} does not fit, known are {', '.join(UNITS[key])}", path
            )
        yield Reading(key, fitted, when)


def _upper_limit(part: Mapping[str, Any], when: datetime | None) -> Iterator[Reading]:
    """The upper limit of normal of AST, where the laboratory gives its reference range in a fitting unit."""
    for span in listed(part.get("referenceRange")):
        high = part_of(span, "high")
        value, unit = high.get("value"), str(high.get("code") or high.get("unit") or "")
        fitted = converted("ast_u_l", float(value), unit) if _is_number(value) and value else None
        if fitted is not None:
            yield Reading("ast_uln_u_l", fitted, when)
            return


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def newest(found: list[Reading], path: str | None) -> dict[str, Reading]:
    """The newest reading of each value; raises E_FORMAT where two of one instant contradict each other."""
    kept: dict[str, Reading] = {}
    for reading in found:
        other = kept.setdefault(reading.key, reading)
        if _order(reading.when) > _order(other.when):
            kept[reading.key] = reading
        elif reading.when == other.when and abs(reading.value - other.value) > TWIN_TOLERANCE * abs(other.value):
            raise clinical_unfit(f"{reading.key}: {other.value:g} and {reading.value:g} of one time contradict", path)
    return kept


def _order(when: datetime | None) -> datetime:
    return when or datetime.min.replace(tzinfo=UTC)


def last(found: list[Reading]) -> datetime | None:
    """The instant of the newest reading, None where none has one."""
    return max((reading.when for reading in found if reading.when is not None), default=None)


def instant(text: Any) -> datetime | None:
    """A FHIR date or time; a year or month alone counts from its first day."""
    if not isinstance(text, str):
        return None
    padded = f"{text}-01-01" if len(text) == 4 else f"{text}-01" if len(text) == 7 else text
    try:
        when = datetime.fromisoformat(padded)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def codes(concept: Any, system: str) -> Iterator[str]:
    """The codes of a CodeableConcept whose system holds ``system``."""
    for coding in listed(concept.get("coding") if isinstance(concept, Mapping) else None):
        if system in str(coding.get("system", "")) and coding.get("code"):
            yield str(coding["code"])


def listed(node: Any) -> list[Mapping[str, Any]]:
    """The objects of a JSON list; empty for anything else."""
    return [one for one in node if isinstance(one, Mapping)] if isinstance(node, Sequence) else []


def part_of(node: Resource, name: str) -> Mapping[str, Any]:
    """An object within an object; empty where there is none."""
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}
