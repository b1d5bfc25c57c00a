"""What the JSON sidecar (BIDS, dcm2niix) and the name of a NIfTI file tell about an MR acquisition."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import MRFacts
from steatoscope.imaging.io.names import stem, words

Part = Literal["mag", "phase", "real", "imag"]
MapKind = Literal["pdff", "r2star"]

_MAX_SIDECAR: Final = 1 << 20
_ECHO: Final = re.compile(r"(?:^|_)(?:echo-?\d+|e\d+)(?=_|$)", re.IGNORECASE)
_PART: Final = re.compile(r"_(?:part-)?(mag|magnitude|ph|phase|real|imag|imaginary)(?=_|$)", re.IGNORECASE)
_PART_NAMES: Final[Mapping[str, Part]] = {
    "m": "mag",
    "mag": "mag",
    "magnitude": "mag",
    "p": "phase",
    "ph": "phase",
    "phase": "phase",
    "r": "real",
    "real": "real",
    "i": "imag",
    "imag": "imag",
    "imaginary": "imag",
}
_MS_ABOVE: Final = 0.2
_GAUSS_ABOVE: Final = 20.0


@dataclass(frozen=True, eq=False)
class Sidecar:
    """The fields of a sidecar; empty where there is none."""

    path: Path | None
    fields: Mapping[str, Any]

    @property
    def echo_times_s(self) -> tuple[float, ...]:
        """Echo times in seconds; empty where missing or not positive. Values above 0.2 are taken as ms."""
        return echo_times_in_seconds(_numbers(self.fields.get("EchoTime")))

    @property
    def field_strength_t(self) -> float | None:
        """Field strength in tesla, None where missing."""
        values = _numbers(self.fields.get("MagneticFieldStrength"))
        return field_in_tesla(values[0]) if values else None

    @property
    def facts(self) -> MRFacts:
        """Acquisition facts; BIDS repetition times are in seconds."""
        repetition = _first(self.fields, "RepetitionTimeExcitation", "RepetitionTime")
        texts = (self.fields.get(name) for name in ("SeriesDescription", "ProtocolName", "SequenceName"))
        maker = self.fields.get("Manufacturer")
        return MRFacts(
            repetition_time_ms=None if repetition is None else repetition * 1000.0,
            flip_angle_deg=_first(self.fields, "FlipAngle"),
            series_text=" ".join(text for text in texts if isinstance(text, str)),
            field_strength_t=self.field_strength_t,
            manufacturer=maker if isinstance(maker, str) else None,
        )


def echo_times_in_seconds(values: tuple[float, ...]) -> tuple[float, ...]:
    """Echo times in seconds from values in seconds or, above 0.2, milliseconds; empty unless all are positive."""
    if not values or not all(math.isfinite(value) and value > 0.0 for value in values):
        return ()
    factor = 1e-3 if max(values) > _MS_ABOVE else 1.0
    return tuple(value * factor for value in values)


def field_in_tesla(value: float) -> float | None:
    """Field strength in tesla from tesla or, above 20, gauss; None unless positive and finite."""
    if not math.isfinite(value) or value <= 0.0:
        return None
    return value / 1e4 if value > _GAUSS_ABOVE else value


def read_sidecar(path: Path) -> Sidecar:
    """The sidecar of a NIfTI file: of its own name, else without the part, else without the echo in the name.

    Raises E_FORMAT where the sidecar is there but is not a JSON object.
    """
    own = stem(path)
    for name in dict.fromkeys((own, _PART.sub("", own), _ECHO.sub("", own), _ECHO.sub("", _PART.sub("", own)))):
        candidate = path.with_name(f"{name}.json")
        if candidate.is_file():
            return Sidecar(candidate, _load(candidate))
    return Sidecar(None, {})


def part_of(path: Path, sidecar: Sidecar) -> Part:
    """Which part of the complex signal a file holds: by its name, else by ImageType in the sidecar, else magnitude."""
    match = _PART.search(stem(path))
    if match:
        return _PART_NAMES[match.group(1).lower()]
    kinds = sidecar.fields.get("ImageType")
    for kind in kinds if isinstance(kinds, list) else ():
        if isinstance(kind, str) and kind.lower() in _PART_NAMES:
            return _PART_NAMES[kind.lower()]
    return "mag"


def series_of(path: Path) -> str:
    """Folder and name without echo and part: equal for all files of one acquisition."""
    return str(path.parent / _ECHO.sub("", _PART.sub("", stem(path))))


def map_kind(path: Path, sidecar: Sidecar) -> MapKind | None:
    """Whether a file is a fat-fraction or R2* map by its name or series description."""
    text = " ".join((stem(path), sidecar.facts.series_text))
    found = set(words(text))
    squeezed = re.sub(r"[^a-z0-9*]", "", text.lower())
    if found & {"pdff", "ff", "ffmap"} or "fatfrac" in squeezed or "pdff" in squeezed:
        return "pdff"
    if "r2star" in squeezed or "r2*" in squeezed:
        return "r2star"
    return None


def _load(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MAX_SIDECAR:
            raise ValueError("too large")
        fields = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise _bad_sidecar(path) from fault
    if not isinstance(fields, dict):
        raise _bad_sidecar(path)
    return fields


def _bad_sidecar(path: Path) -> SteatoscopeError:
    return SteatoscopeError("E_FORMAT", path=str(path), cause="The sidecar is not a JSON object.")


def _numbers(value: Any) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values):
        return ()
    return tuple(float(one) for one in values)


def _first(fields: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        values = _numbers(fields.get(name))
        if values and math.isfinite(values[0]):
            return values[0]
    return None
