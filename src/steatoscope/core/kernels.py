"""How numerical kernels are compiled: cached on disk where that is possible, else for the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

# Fused multiply-add and no signed zeros: no reordering, so that results do not depend on vector width or NaN handling.
FUSED: Final = frozenset({"contract", "nsz", "arcp"})


def compiled(*, inline: bool = False, fused: bool = False) -> Callable[[Function], Function]:
    """Compile a function to run without the interpreter lock; a read-only installation only loses the disk cache.

    ``fused`` allows fused multiply-add and drops signed zeros; ``inline`` puts the code into its callers.
    """
    options: dict[str, Any] = {"nogil": True, "inline": "always" if inline else "never"}
    if fused:
        options["fastmath"] = set(FUSED)

    def decorate(function: Function) -> Function:
        try:
            result = njit(cache=True, **options)(function)
        except RuntimeError:
            result = njit(**options)(function)
        typed: Function = result
        return typed

    return decorate
