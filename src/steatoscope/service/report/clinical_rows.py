"""Rows of the report's clinical tables: scores, criteria of steatotic liver disease, the combined estimate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from steatoscope.core.clinical_names import clinical_name
from steatoscope.core.report import ClinicalPart, CombinedPart, IntervalPart, LeftOutPart, Report
from steatoscope.science.clinical.score_values import decimals_beside
from steatoscope.service.report.formatting import fixed, loose, share, signed, spoken

NOT_COMPUTED: Final = "not computed"
SCORES_NOTE: Final = "Scores of liver fat follow a change poorly. A missing value is never filled in."
SIMULATED_TITLE: Final = "Image and clinical values together (model from simulated data)"
COMBINED_TITLE: Final = "Image and clinical values together"
SIMULATED_NOTE: Final = (
    "The model was fitted on a simulated cohort, not on patients: this is a demonstration, and no decision may rest "
    "on it. The measured value above is unchanged."
)
COMBINED_NOTE: Final = "The measured value above is unchanged."
BANDS: Final[Mapping[str | None, str]] = {
    "low": "below the band of MetALD",
    "mid": "in the band of MetALD",
    "high": "above the band of MetALD",
    None: "not known",
}
_MET: Final[Mapping[bool | None, str]] = {True: "met", False: "not met", None: "not known"}
_DIGITS: Final[Mapping[str, int]] = {"fli": 1, "hsi": 1, "liver_fat_percent": 1, "nafld_lfs": 3}
_MOST_EFFECTS: Final = 6
Row = tuple[str, ...]


def score_rows(part: ClinicalPart) -> tuple[Row, ...]:
    """Score, value, limits and interpretation; then the scores that were left out with the reason."""
    return (*map(_score, part.scores), *map(_left_out, part.omitted))


def _score(score: Mapping[str, Any]) -> Row:
    name = ", ".join(str(score[key]) for key in ("name", "title") if score.get(key))
    value = score.get("value")
    digits = _DIGITS.get(str(score.get("key")), 2)
    shown = loose(value)
    if isinstance(value, float) and "key" in score:
        shown = fixed(value, decimals_beside(value, str(score.get("cutoffs")), digits))
    unit = " %" if score.get("unit") == "%" else ""
    return name, f"{shown}{unit}", loose(score.get("cutoffs")), loose(score.get("interpretation"))


def _left_out(part: LeftOutPart) -> Row:
    reason = f"Missing: {listed(part.missing)}." if part.missing else f"{part.reason[:1].upper()}{part.reason[1:]}."
    return part.name, NOT_COMPUTED, "–", reason


def listed(keys: list[str]) -> str:
    """Clinical values by their names, each once."""
    return ", ".join(dict.fromkeys(clinical_name(key) for key in keys))


def criteria_rows(masld: Mapping[str, Any]) -> tuple[Row, ...]:
    """The criteria in words, steatosis, each risk factor, alcohol and what is missing."""
    if "class" not in masld:
        return tuple((spoken(key).capitalize(), loose(value)) for key, value in masld.items())
    risks = [(f"Risk factor: {risk['name']}", _MET[risk["met"]]) for risk in masld["risk_factors"]]
    missing = [("Missing", listed(masld["missing"]))] if masld["missing"] else []
    return (
        ("Criteria", str(masld["text"])),
        ("Steatosis", str(masld["steatosis"])),
        *risks,
        ("Alcohol intake", BANDS[masld["alcohol_band"]]),
        *missing,
    )


def combined_rows(report: Report, part: CombinedPart) -> tuple[Row, ...]:
    """The combined value beside the measured one, and what moved it."""
    measured = [("Measured on the images", f"{fixed(report.fat.value_percent)} %")] if report.fat else []
    missing = [("Values not given", listed(part.missing))] if part.missing else []
    return (
        ("Combined estimate", _with_interval(part.value_percent, part.interval)),
        *measured,
        ("Expected from clinical values alone", _with_interval(part.clinical_percent, part.clinical_interval)),
        ("Expected without any value", f"{fixed(part.base_percent)} %"),
        *_effects(part.effects),
        *missing,
    )


def _with_interval(value: float, interval: IntervalPart) -> str:
    return f"{fixed(value)} % ({share(interval.level)} interval {fixed(interval.low)} to {fixed(interval.high)} %)"


def _effects(effects: Mapping[str, float]) -> list[Row]:
    ordered = sorted(effects.items(), key=lambda pair: -abs(pair[1]))
    shown, rest = ordered[:_MOST_EFFECTS], ordered[_MOST_EFFECTS:]
    rows: list[Row] = [(f"Effect of {_effect_name(name)}", f"{signed(points)} points of fat") for name, points in shown]
    if rest:
        rows.append(("Effect of all others together", f"{signed(sum(points for _, points in rest))} points of fat"))
    return rows


def _effect_name(label: str) -> str:
    if label == "image":
        return "the image"
    return label if label[:2].isupper() else f"{label[:1].lower()}{label[1:]}"
