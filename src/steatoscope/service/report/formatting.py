"""Numbers and loose values as the report prints them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from steatoscope.core.report import IntervalPart
from steatoscope.service.report.wording import (
    COUNTS,
    DECIMALS,
    DIGITS,
    FEATURE_UNITS,
    NOT_MEASURED,
    SIGNIFICANT,
    UNITS,
    WITHOUT_VALUE,
)

LONGEST_TEXT: Final = 700
_MINUS: Final = "−"
_ONE_OF_MANY: Final = re.compile(r"(?<![\d.,])1 (slice|frame|image|picture|region|row|voxel|echo(?=es))(?:e?s)\b")


def fixed(value: float, digits: int = 1) -> str:
    """A number with a fixed count of decimals, a true minus sign and no negative zero."""
    text = f"{value:.{digits}f}"
    if float(text) == 0.0:
        return text.removeprefix("-")
    return text.replace("-", _MINUS)


def compact(value: float) -> str:
    """A number in up to four significant digits, without an exponent where it is readable."""
    if value != 0.0 and math.isfinite(value) and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}".replace("-", _MINUS)
    text = f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return "0" if text == "-0" else text.replace("-", _MINUS)


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign."""
    text = fixed(value, digits)
    return text if text.startswith(_MINUS) or float(text) == 0.0 else f"+{text}"


def share(fraction: float) -> str:
    """A probability (0-1) in whole percent; values that would round to certainty are shown as bounds."""
    if 0.0 < fraction < 0.005:
        return "< 1 %"
    if 0.995 < fraction < 1.0:
        return "> 99 %"
    return f"{100.0 * fraction:.0f} %"


def unit_label(unit: str) -> str:
    """The printed form of a unit."""
    return UNITS.get(unit, unit)


def number_text(value: float, unit: str, name: str = "") -> str:
    """A number with the decimals that its measurement (``name``), or else its unit, is read with."""
    if name in SIGNIFICANT:
        return f"{value:.{SIGNIFICANT[name]}g}".replace("-", _MINUS)
    if unit in COUNTS:
        return fixed(value, 0)
    digits = DECIMALS.get(name, DIGITS.get(unit_label(unit)))
    return compact(value) if digits is None else fixed(value, digits)


def quantity(value: float | None, unit: str, name: str = "") -> str:
    """A value with its unit and sensible decimals; None is "not measured", never 0."""
    if value is None:
        return NOT_MEASURED
    return f"{number_text(value, unit, name)} {unit_label(unit)}".strip()


def interval_text(interval: IntervalPart | None, unit: str, name: str = "") -> str:
    """An interval such as ``"8.1 to 16.5 % (90 %)"``; empty where there is none."""
    if interval is None:
        return ""
    label = unit_label(unit)
    low, high = (number_text(v, unit, name) for v in (interval.low, interval.high))
    return f"{f'{low} to {high} {label}'.strip()} ({share(interval.level)})"


def singular(text: str) -> str:
    """The text with counts of one told in the singular: ``"1 slices"`` becomes ``"1 slice"``."""
    return _ONE_OF_MANY.sub(r"1 \1", text)


def clip(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text on one line, cut with an ellipsis where it is longer than ``longest`` characters."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def loose(value: Any) -> str:
    """A JSON value of any shape in words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return compact(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{spoken(str(key))} {loose(item)}" for key, item in value.items()) or "–"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(loose(item) for item in value) or "–"
    return str(value)


def spoken(name: str) -> str:
    """A key such as ``criteria_met`` as words."""
    return name.replace("_", " ")


def feature_value(name: str, value: float) -> str:
    """The value of a feature in words, with its unit where it has one; empty where the number would say nothing."""
    if name in WITHOUT_VALUE:
        return ""
    if name in FEATURE_UNITS:
        digits, unit = FEATURE_UNITS[name]
        return f"{fixed(value, digits)} {unit}"
    return compact(float(f"{value:.3g}"))
