"""The check that voxels are numbers that a measurement can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError

_LARGEST: Final = 1e15


def check_finite(values: NDArray[Any], path: Path) -> None:
    """Raise E_NAN for NaN or infinite values, and for any beyond 1e15, whose squares leave single precision."""
    parts = (values.real, values.imag) if np.iscomplexobj(values) else (values,)
    for part in parts:
        low, high = float(part.min()), float(part.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise SteatoscopeError("E_NAN", path=str(path))
        if max(-low, high) > _LARGEST:
            raise SteatoscopeError(
                "E_NAN", path=str(path), cause="Values beyond 1e15 were found: no signal is so large."
            )
