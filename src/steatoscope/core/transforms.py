"""Records of what was done to an image, so that the same steps can be replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Transform = Callable[..., Array]

_REGISTRY: dict[str, Transform] = {}


@dataclass(frozen=True, slots=True)
class TransformRecord:
    """One applied transform: its registered name and JSON-ready parameters."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def transform(name: str) -> Callable[[Transform], Transform]:
    """Register a pure function ``f(array, **parameters) -> array`` under a name, so that records can be replayed."""

    def register(function: Transform) -> Transform:
        if name in _REGISTRY:
            raise ValueError(f"transform {name!r} is registered twice")
        _REGISTRY[name] = function
        return function

    return register


def apply(name: str, array: Array, **parameters: Any) -> tuple[Array, TransformRecord]:
    """Apply a registered transform and return its result with the record of it."""
    return _REGISTRY[name](array, **parameters), TransformRecord(name, parameters)


def replay(array: Array, records: Sequence[TransformRecord]) -> Array:
    """Repeat recorded transforms in order; the same array gives the same result."""
    for record in records:
        array = _REGISTRY[record.name](array, **record.parameters)
    return np.asarray(array)
