"""How the pixel decoders' kernels are compiled: cached on disk where that is possible, else for the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile to run without the interpreter lock; a read-only installation only loses the disk cache."""
    try:
        result = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        result = njit(nogil=True)(function)
    typed: Function = result
    return typed
