"""What each group of readings adds to the steatosis model's value: exact Shapley effects in points of fat.

The value is the median of a hurdle distribution of two linear scores: not additive in the readings. Readings that
measure one thing are a group, and every one of the 2^8 sets of groups is evaluated; a group that is absent has the
training patients' mean readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_steatosis_path import PathHeads
from steatoscope.science.explain.shapley import shapley_effects

Values = NDArray[np.float64]

NETWORK_GROUPS: Final = ("network_cortex", "network_liver")
SHOWN: Final[Mapping[str, str]] = {
    "liver_against_cortex": "plain_difference",
    "depth_profile": "plain_slope_all",
    "free_parenchyma": "plain_slope_free",
    "liver_against_tissue": "plain_liver",
    "far_field": "plain_far_liver",
    "grey_spread": "plain_contrast_spread",
}


_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "far_field": ("far_", "free_far"),
    "free_parenchyma": ("free_", "slope_free"),
    "liver_against_cortex": ("difference", "kidney", "sinus", "darkest"),
    "grey_spread": ("contrast_",),
    "liver_against_tissue": ("liver",),
}


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """One group: the reading that stands for it (grey levels; of a network its share of the scores), its effect."""

    name: str
    value: float
    effect_points: float


@dataclass(frozen=True, slots=True)
class ValueAccount:
    """The value in percent where all readings have their training means, and effects that add up to the rest."""

    start_percent: float
    effects: tuple[GroupEffect, ...]


def value_account(path: PathHeads, readings: Mapping[str, Values]) -> ValueAccount:
    """The account of one view's value from its readings, by :func:`group_of`."""
    detection, severity = (_by_group(stack.parts(readings)) for stack in (path.detection, path.severity))
    groups = list(dict.fromkeys((*detection, *severity)))

    def value(present: Mapping[str, float]) -> float:
        scores = (
            stack.base + sum(parts.get(name, 0.0) * share for name, share in present.items())
            for stack, parts in ((path.detection, detection), (path.severity, severity))
        )
        return path.judge.value(*scores)

    absent = dict.fromkeys(groups, 0.0)
    effects = shapley_effects(value, dict.fromkeys(groups, 1.0), absent)
    shares = {name: detection.get(name, 0.0) + severity.get(name, 0.0) for name in groups}
    found = (GroupEffect(name, _shown(name, readings, shares[name]), points) for name, points in effects.items())
    return ValueAccount(value(absent), tuple(found))


def group_of(reading: str) -> str:
    """The group of a reading, or of a difference of two: eight groups, each of what a reader of the picture names."""
    if " - " in reading:
        return "network_cortex"
    kind, _, name = reading.partition("_")
    if kind in ("middle", "deep"):
        return "network_liver"
    return next((group for group, starts in _GROUPS.items() if name.startswith(starts)), "depth_profile")


def _by_group(parts: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for reading, (_, share) in parts.items():
        found[group_of(reading)] = found.get(group_of(reading), 0.0) + share
    return found


def _shown(group: str, readings: Mapping[str, Values], share: float) -> float:
    return share if group in NETWORK_GROUPS else float(readings[SHOWN[group]][0])
