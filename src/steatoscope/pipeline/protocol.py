"""What a study was acquired with, as far as its report tells: scanner and protocol, to judge changes between visits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from steatoscope.science.clinical.repeatability import Repeatability

PROTOCOL: Final = ("kvp", "kernel", "slice_thickness_mm", "field_strength_t", "echoes", "bipolar", "spectrum")
_SAME: Final = 0.02


def scanner_of(config: Mapping[str, Any] | None) -> str | None:
    """Manufacturer, model and field strength as one name; None where the header named no maker."""
    config = config or {}
    if not config.get("manufacturer"):
        return None
    field = config.get("field_strength_t")
    parts = [config["manufacturer"], config.get("scanner"), f"{field:g} T" if isinstance(field, int | float) else None]
    return " ".join(str(part) for part in parts if part)


def protocol_of(config: Mapping[str, Any] | None) -> dict[str, str]:
    """Facts of the acquisition that a change can come from, where the report names them."""
    config = config or {}
    return {name: _text(config[name]) for name in PROTOCOL if config.get(name) not in (None, "")}


def protocol_differs(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the facts that both reports name and that differ; numbers within 2 % are the same."""
    return tuple(name for name in PROTOCOL if name in one and name in other and not _alike(one[name], other[name]))


def repeatability_config(own: Repeatability) -> dict[str, Any]:
    """A model's repeatability as a report's configuration keeps it."""
    return {"points": own.points, "basis": own.basis, "lower_bound": own.lower_bound}


def repeatability_in(config: Mapping[str, Any] | None) -> Repeatability | None:
    """The repeatability that :func:`repeatability_config` kept in a report; None where there is none."""
    found = (config or {}).get("repeatability")
    if not isinstance(found, Mapping) or not isinstance(found.get("points"), int | float):
        return None
    return Repeatability(float(found["points"]), str(found.get("basis", "")), bool(found.get("lower_bound", True)))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _alike(one: str, other: str) -> bool:
    try:
        first, second = float(one), float(other)
    except ValueError:
        return one == other
    return abs(first - second) <= _SAME * max(abs(first), abs(second))
