"""How the kernels of the fat-water fit are compiled: cached on disk where that is possible, else for the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

# Fused multiply-add and no signed zeros: no reordering, so that results do not depend on vector width or NaN handling.
_MATH = {"contract", "nsz", "arcp"}


def compiled(*, inline: bool = False) -> Callable[[Function], Function]:
    """Compile a function to run without the interpreter lock; a read-only installation only loses the disk cache."""
    options: dict[str, Any] = {"nogil": True, "fastmath": _MATH, "inline": "always" if inline else "never"}

    def decorate(function: Function) -> Function:
        try:
            result = njit(cache=True, **options)(function)
        except RuntimeError:
            result = njit(**options)(function)
        typed: Function = result
        return typed

    return decorate
