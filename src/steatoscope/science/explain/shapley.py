"""Shapley effects: what each named input adds to a value, against the same value at a background.

Shapley (1953); Štrumbelj and Kononenko (J Mach Learn Res 2010) for models; "interventional" in the words of Janzing,
Minorics and Blöbaum (AISTATS 2020): an absent input takes its background value, whatever the others are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import factorial
from typing import Final

import numpy as np
from numpy.typing import NDArray

Value = Callable[[Mapping[str, float]], float]
_MOST: Final = 14


def shapley_effects(value: Value, features: Mapping[str, float], background: Mapping[str, float]) -> dict[str, float]:
    """The exact Shapley effect of each feature, in the unit of ``value``, in the order of ``features``.

    ``value`` takes a mapping with every name of ``features``; ``background`` holds the value of each name where it is
    absent. The effects add up to ``value(features) - value(background)``. Every one of the 2^n coalitions is evaluated
    once. Raises ValueError for more than 14 features or a feature without a background.
    """
    return grouped_effects(value, features, background, {name: (name,) for name in features})


def grouped_effects(
    value: Value,
    features: Mapping[str, float],
    background: Mapping[str, float],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, float]:
    """Shapley effects of groups of features that are present or absent together (Owen 1977, games of unions).

    ``groups`` names the features of each group; a feature in no group keeps its own value throughout. Raises
    ValueError as :func:`shapley_effects` and where a feature is in two groups or is not known.
    """
    _check(features, background, groups)
    members = list(groups.values())

    def worth(coalition: int) -> float:
        mixed = dict(features)
        for place, names in enumerate(members):
            if not coalition >> place & 1:
                mixed |= {name: background[name] for name in names}
        return float(value(mixed))

    worths = np.array([worth(coalition) for coalition in range(1 << len(members))])
    return dict(zip(groups, shapley_of_worths(worths).tolist(), strict=True))


def shapley_of_worths(worths: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Shapley value (n,) of a game given by the worth of every coalition (2^n,); bit i of the index is player i."""
    players = int(worths.size).bit_length() - 1
    if worths.shape != (1 << players,):
        raise ValueError(f"a game needs the worth of 2^n coalitions, not of {worths.shape}")
    coalitions = np.arange(worths.size)
    sizes = np.bitwise_count(coalitions)
    orders = factorial(players)
    weights = np.array([factorial(k) * factorial(max(players - k - 1, 0)) / orders for k in range(players + 1)])
    without = [coalitions[coalitions >> player & 1 == 0] for player in range(players)]
    return np.array(
        [
            float(np.sum(weights[sizes[rest]] * (worths[rest | 1 << player] - worths[rest])))
            for player, rest in enumerate(without)
        ]
    )


def _check(features: Mapping[str, float], background: Mapping[str, float], groups: Mapping[str, Sequence[str]]) -> None:
    if len(groups) > _MOST:
        raise ValueError(f"exact Shapley effects are for up to {_MOST} features or groups, not {len(groups)}")
    named = [name for names in groups.values() for name in names]
    if len(named) != len(set(named)):
        raise ValueError("a feature is in one group only")
    unknown = [name for name in named if name not in features]
    bare = [name for name in named if name not in background]
    if unknown or bare:
        raise ValueError(f"features without a value: {unknown}; without a background: {bare}")
