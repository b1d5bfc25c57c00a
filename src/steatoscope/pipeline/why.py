"""Why a CT or MR value is what it is: a start and additions that add up to the reported value, in points of fat."""

from __future__ import annotations

from steatoscope.core.report import Contribution, ExplanationPart, StartPart
from steatoscope.science.clinical.baseline import CT_REFERENCE, MEAN_LIVER_HU
from steatoscope.science.quantify.ct_equations import EQUATIONS, FatEquivalent

MAP_FILE = "map-fat.nii.gz"
_DIGITS = 6


def ct_explanation(liver_hu: float, fat: FatEquivalent) -> ExplanationPart:
    """From the reference population's mean attenuation (HU) to the patient's, and what the cut at 0-100 % adds."""
    equation = EQUATIONS[fat.equation]
    start = equation.fat_percent(MEAN_LIVER_HU)
    parts = [_part("liver_hu", liver_hu, fat.raw_percent - start)]
    if abs(fat.value_percent - fat.raw_percent) > 0.05:
        parts.append(_part("cut_to_range", fat.raw_percent, fat.value_percent - fat.raw_percent))
    text = f"{fat.equation} at {MEAN_LIVER_HU:g} HU, the mean of the {CT_REFERENCE}"
    return ExplanationPart(heatmap=MAP_FILE, contributions=parts, start=_start(start, text))


def mr_explanation(value_percent: float, uncorrected_percent: float | None, t1_factor: float) -> ExplanationPart:
    """The fat fraction before the correction for T1 bias, and what the correction takes away; else nothing to tell."""
    if uncorrected_percent is None:
        return ExplanationPart(heatmap=MAP_FILE, contributions=[])
    part = _part("t1_bias", t1_factor, value_percent - uncorrected_percent)
    start = _start(uncorrected_percent, "the fat fraction of the fit, before the correction for T1 bias")
    return ExplanationPart(heatmap=MAP_FILE, contributions=[part], start=start)


def _part(feature: str, value: float, points: float) -> Contribution:
    return Contribution(feature=feature, value=round(value, _DIGITS), effect_points=round(points, _DIGITS))


def _start(value: float, text: str) -> StartPart:
    return StartPart(value_percent=round(value, _DIGITS), text=text)
