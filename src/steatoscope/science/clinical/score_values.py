"""What a clinical score is made of, and the values that scores share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_NUMBER: Final = re.compile(r"[-−]?\d+(?:\.\d+)?")
_MOST_DIGITS: Final = 6
ADULT_YEARS: Final = 18.0
OLDER_YEARS: Final = 65.0
FASTING_GLUCOSE_MG_DL: Final = 100.0
Values = Mapping[str, Any]

#: how a missing value is told where it may be given in more than one way
MISSING_AS: Final[Mapping[str, str]] = {
    "female": "sex (F or M)",
    "hyperglycaemia": "impaired_fasting_glucose or glucose_mg_dl",
}


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """One published score: ``compute`` takes values with every name of ``needs``, ``read`` says what a value means.

    ``bars`` gives the reason why the score is not valid for this patient, or an empty text; ``remark`` a caution that
    goes with the reading. ``verified`` is False where the formula could not be checked against its source.
    """

    key: str
    name: str
    title: str
    unit: str
    formula: str
    source: str
    validity: str
    needs: tuple[str, ...]
    compute: Callable[[Values], float]
    cutoffs: Callable[[Values], str]
    read: Callable[[float, Values], str]
    bars: Callable[[Values], str] = lambda _: ""
    remark: Callable[[Values], str] = lambda _: ""
    verified: bool = True


def with_derived(values: Values) -> dict[str, Any]:
    """The values that are known, with those that follow from them: ``female``, ``diabetes``, ``hyperglycaemia``.

    Hyperglycaemia is diabetes or impaired fasting glucose, from a flag or from a fasting glucose of 100 mg/dL or more.
    Nothing is imputed: what does not follow stays away.
    """
    known = {name: value for name, value in values.items() if value is not None}
    sex = str(known.get("sex", ""))[:1].upper()
    if sex in ("F", "M"):
        known["female"] = sex == "F"
    if known.get("diabetes_treatment") or known.get("insulin_treated"):
        known.setdefault("diabetes", True)
    if known.get("diabetes"):
        known["hyperglycaemia"] = True
    elif "impaired_fasting_glucose" in known:
        known["hyperglycaemia"] = bool(known["impaired_fasting_glucose"])
    elif "glucose_mg_dl" in known:
        known["hyperglycaemia"] = known["glucose_mg_dl"] >= FASTING_GLUCOSE_MG_DL
    return known


def is_older(values: Values) -> bool:
    """Whether the raised lower limits for patients of 65 years and more hold."""
    return float(values.get("age_years", 0.0)) >= OLDER_YEARS


def decimals_beside(value: float, limits: str, digits: int) -> int:
    """Decimals to tell a value with: ``digits``, and more where it would else not be read on its side of a limit.

    ``limits`` is the text of the cut-offs; 0.497 beside "< 0.5 low" needs three, as 0.50 is not below.
    """
    marks = [float(found.replace("−", "-")) for found in _NUMBER.findall(limits)]
    more = (some for some in range(digits, _MOST_DIGITS) if all(_same_side(value, mark, some) for mark in marks))
    return next(more, _MOST_DIGITS)


def _same_side(value: float, mark: float, digits: int) -> bool:
    shown = round(value, digits)
    return (shown > mark) == (value > mark) and (shown < mark) == (value < mark)


def between(value: float, low: float, high: float, words: tuple[str, str, str], *, shut: tuple[bool, bool]) -> str:
    """The words for a value below ``low``, between, and above ``high``.

    ``shut`` tells whether the low limit itself counts as low, and the high limit itself as high.
    """
    if value < low or (shut[0] and value == low):
        return words[0]
    return words[2] if value > high or (shut[1] and value == high) else words[1]
