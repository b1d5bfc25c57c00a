"""One score a patient: conformal limits hold for patients who are exchangeable, and images of one patient are not.

Ten frames of a patient in a calibration set count as ten witnesses where there is one, and the limit comes out too
small (Dunn, J Am Stat Assoc 2023).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steatoscope.core.errors import SteatoscopeError


def check_one_each(patients: ArrayLike, rows: int) -> None:
    """Raise SteatoscopeError ``E_REPEATED`` where a patient has several rows, ValueError where their number differs."""
    names = np.asarray(patients)
    if names.shape != (rows,):
        raise ValueError(f"patients need shape ({rows},), not {names.shape}")
    known, counts = np.unique(names, return_counts=True)
    if rows and int(counts.max()) > 1:
        often = int(counts.argmax())
        raise SteatoscopeError("E_REPEATED", cause=f"Patient '{known[often]}' has {counts[often]} rows.")


def worst_of_each(scores: ArrayLike, patients: ArrayLike) -> NDArray[np.float64]:
    """The largest score (m,) of each patient of rows (n,), patients in sorted order.

    A limit from these covers all images of a new patient at once. Raises ValueError for scores that are not finite.
    """
    values, names = np.asarray(scores, dtype=np.float64), np.asarray(patients)
    if values.ndim != 1 or values.shape != names.shape or not np.isfinite(values).all():
        raise ValueError("finite scores and patients need one shape (n,)")
    known, place = np.unique(names, return_inverse=True)
    worst = np.full(known.size, -np.inf)
    np.maximum.at(worst, place, values)
    return worst
