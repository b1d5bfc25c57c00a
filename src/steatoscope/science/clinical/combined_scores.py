"""What each source is worth: errors and coverage of image, clinical values and both, with intervals over patients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.clinical.combined_fit import METHODS, Cohort
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

Floats = NDArray[np.float64]
AS_MEASURED: Final = "image_as_measured"
_RESAMPLES: Final = 1000


def cohort_figures(cohort: Cohort, found: Mapping[str, Floats], *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Mean absolute error, bias, coverage and mean width of each method of ``combined_fit``, each with ``_ci``.

    All methods are scored on the rows that have an image, where any has one. ``image_as_measured`` is the image's own
    value; "image" is that value with the fat distribution of the cohort. Intervals are 95 %, over patients.
    ``gain_combined`` holds how much smaller the error of both together is than that of "image" and of "clinical".
    """
    imaged = np.isfinite(cohort.image_percent)
    rows = np.flatnonzero(imaged) if imaged.any() else np.arange(imaged.size)
    truth, people = cohort.fat_percent[rows], cohort.patients[rows]
    spans = {name: found[name][rows] for name in METHODS if np.isfinite(found[name][rows]).all()}
    figures = {name: _figures(span, truth, people, seed) for name, span in spans.items()}
    if imaged.any():
        own = np.abs(cohort.image_percent[rows] - truth)
        figures[AS_MEASURED] = _with_intervals(lambda k: {"mae": float(own[k].mean())}, people, seed)
        figures["gain_combined"] = _gain(spans, truth, people, seed)
    return figures


def _figures(span: Floats, truth: Floats, people: NDArray[np.str_], seed: int) -> dict[str, Any]:
    gaps, inside = span[:, 0] - truth, (span[:, 1] <= truth) & (truth <= span[:, 2])
    widths = span[:, 2] - span[:, 1]

    def statistics(k: NDArray[np.intp]) -> dict[str, float]:
        return {
            "mae": float(np.abs(gaps[k]).mean()),
            "bias": float(gaps[k].mean()),
            "coverage": float(inside[k].mean()),
            "width": float(widths[k].mean()),
        }

    return _with_intervals(statistics, people, seed)


def _gain(spans: Mapping[str, Floats], truth: Floats, people: NDArray[np.str_], seed: int) -> dict[str, Any]:
    errors = {name: np.abs(span[:, 0] - truth) for name, span in spans.items()}

    def statistics(k: NDArray[np.intp]) -> dict[str, float]:
        both = float(errors["combined"][k].mean())
        return {f"mae_over_{name}": float(errors[name][k].mean()) - both for name in ("image", "clinical")}

    return _with_intervals(statistics, people, seed)


def _with_intervals(statistics: Any, people: NDArray[np.str_], seed: int) -> dict[str, Any]:
    values = statistics(np.arange(people.size))
    spans = bootstrap_intervals(statistics, people, resamples=_RESAMPLES, seed=seed)
    found: dict[str, Any] = {}
    for name, value in values.items():
        found[name] = round(value, 4)
        if name in spans:
            found[f"{name}_ci"] = [round(spans[name].low, 4), round(spans[name].high, 4)]
    return found
