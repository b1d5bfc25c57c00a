"""Two reports side by side: what may be subtracted, and why the rest may not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from steatoscope.core.report import ChangePart
from steatoscope.pipeline.timeline import Visit, step

Report = Mapping[str, Any]
Hindrance = Literal["", "missing", "neither", "unit", "modality", "scale", "method"]
_FACTS: Final = (
    ("fat_percent", "%", ("fat", "value_percent")),
    ("steatosis_probability", "1", ("steatosis", "probability")),
    ("fatty_area_percent", "%", ("fatty_area", "percent_of_liver")),
    ("liver_volume_ml", "ml", ("segmentation", "liver", "volume_ml")),
)


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One value of both reports; ``difference`` is right minus left, None with its ``hindrance``."""

    name: str
    unit: str
    left: float | None
    right: float | None
    difference: float | None
    hindrance: Hindrance


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows of values, and the verdict on the change of fat where both are one patient's on one scale.

    ``obstacle`` says why there is no verdict: ``patients``, ``value``, ``simulated``, ``scale`` or ``method``.
    ``reversed_order`` tells that the left study is of a later day: the change runs from right to left.
    """

    rows: tuple[ComparedRow, ...]
    change: ChangePart | None
    obstacle: str
    reversed_order: bool


def compare_reports(
    left: Report, right: Report, visits: tuple[Visit | None, Visit | None], *, same: bool
) -> Comparison:
    """Compare two report documents; ``visits`` are their fat values with dates, ``same``: of one patient."""
    obstacle = _obstacle(visits, same)
    one, other = visits
    if obstacle or one is None or other is None:
        return Comparison(_rows(left, right), None, obstacle, False)
    turned = other.on < one.on
    change = step(other, one).change if turned else step(one, other).change
    return Comparison(_rows(left, right), change, "", turned)


def _obstacle(visits: tuple[Visit | None, Visit | None], same: bool) -> str:
    one, other = visits
    if one is None or other is None:
        return "value"
    if not same:
        return "patients"
    for name in ("simulated", "scale", "method"):
        if getattr(one, name) != getattr(other, name):
            return name
    return ""


def _rows(left: Report, right: Report) -> tuple[ComparedRow, ...]:
    facts = [_fact(name, unit, keys, left, right) for name, unit, keys in _FACTS]
    ours, theirs = (_measured(report) for report in (left, right))
    names = list(dict.fromkeys([*ours, *theirs]))
    return tuple([row for row in facts if row] + [_row(name, ours.get(name), theirs.get(name)) for name in names])


def _fact(name: str, unit: str, keys: tuple[str, ...], left: Report, right: Report) -> ComparedRow | None:
    one, other = _dig(left, keys), _dig(right, keys)
    if one is None and other is None:
        return None
    hindrance = _fact_hindrance(name, left, right) if one is not None and other is not None else "missing"
    return ComparedRow(name, unit, one, other, _minus(other, one) if not hindrance else None, hindrance)


def _fact_hindrance(name: str, left: Report, right: Report) -> Hindrance:
    if name == "liver_volume_ml":
        return ""
    differing: tuple[Hindrance, ...] = ("scale", "method")
    return next((key for key in differing if _dig(left, ("fat", key)) != _dig(right, ("fat", key))), "")


def _row(name: str, one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> ComparedRow:
    shown = one or other or {}
    left, right = (None if part is None else part["value"] for part in (one, other))
    hindrance = _hindrance(one, other)
    return ComparedRow(
        name, str(shown.get("unit", "")), left, right, None if hindrance else _minus(right, left), hindrance
    )


def _hindrance(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Hindrance:
    given = [part is not None and part["value"] is not None for part in (one, other)]
    if one is None or other is None or not all(given):
        return "missing" if any(given) else "neither"
    differing: tuple[Hindrance, ...] = ("modality", "unit", "method")
    return next((name for name in differing if one[name] != other[name]), "")


def _measured(report: Report) -> dict[str, dict[str, Any]]:
    return {part["name"]: {**part, "modality": report["modality"]} for part in report.get("measurements", [])}


def _dig(report: Report, keys: tuple[str, ...]) -> Any:
    node: Any = report
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else float(one) - float(other)
