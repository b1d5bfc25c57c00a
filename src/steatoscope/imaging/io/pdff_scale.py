"""Whether a fat-fraction map runs to 1, 100 or 1000."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Floats
from steatoscope.imaging.io.names import stem, words

_UNIT_TOP: Final[Mapping[str, float]] = {
    "%": 100.0,
    "percent": 100.0,
    "percentage": 100.0,
    "1": 1.0,
    "fraction": 1.0,
    "ratio": 1.0,
    "unitless": 1.0,
    "permille": 1000.0,
    "permil": 1000.0,
    "‰": 1000.0,
    "0.1%": 1000.0,
    "0.1 %": 1000.0,
}
_TOPS: Final = (1.0, 100.0, 1000.0)
_OVERSHOOT: Final = 1.05
_FAT_FROM: Final = 0.7
_FAT_SHARE: Final = 0.01
_BODY_SHARE: Final = 0.3


def to_percent(data: Floats, fields: Mapping[str, Any], path: Path) -> Floats:
    """A fat-fraction map of any scale, in percent, float32.

    The scale is taken from ``Units`` in the sidecar, else from a unit in the file name, else from the values, but from
    values only where the map is not masked to an organ (over 30 % of voxels filled) and shows adipose tissue (1 % of
    the filled voxels between 70 and 105 % of the top): the values of a masked lean liver fit every scale. A map that
    exceeds 105 can only run to 1000. Raises E_SCALE where this decides nothing.
    """
    top = _from_units(fields) or _from_name(path) or _from_values(data)
    if top is None:
        raise SteatoscopeError("E_SCALE", path=str(path))
    _check_stated(data, top, path)
    return (data * np.float32(100.0 / top)).astype(np.float32)


def _check_stated(data: Floats, top: float, path: Path) -> None:
    """A stated scale that the values contradict is as unclear as none."""
    filled = data[data > 0.0]
    high = float(np.percentile(filled, 99.9)) if filled.size else top
    if high > 1.5 * top or (top > 1.0 and high <= _OVERSHOOT):
        cause = f"The map is said to run to {top:g}, but its values reach {high:.3g}."
        raise SteatoscopeError("E_SCALE", path=str(path), cause=cause)


def _from_units(fields: Mapping[str, Any]) -> float | None:
    unit = fields.get("Units", fields.get("Unit"))
    return _UNIT_TOP.get(unit.strip().lower()) if isinstance(unit, str) else None


def _from_name(path: Path) -> float | None:
    tops = {_UNIT_TOP[word] for word in words(stem(path)) if word.isalpha() and word in _UNIT_TOP}
    return tops.pop() if len(tops) == 1 else None


def _from_values(data: Floats) -> float | None:
    filled = data[data > 0.0]
    if not filled.size:
        return None
    high = float(np.percentile(filled, 99.9))
    if 100.0 * _OVERSHOOT < high <= 1000.0 * _OVERSHOOT:
        return 1000.0
    if filled.size < _BODY_SHARE * data.size:
        return None
    fitting = [top for top in _TOPS if high <= top * _OVERSHOOT and np.mean(filled > _FAT_FROM * top) >= _FAT_SHARE]
    return fitting[0] if len(fitting) == 1 else None
