"""Benchmark ``phantom``: bias and limits of agreement against the known fat of simulated livers.

It shows that measurements undo the physics that the simulators put in. It says nothing about patients.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import UsageError
from steatoscope.learning.evaluation.phantom_readings import (
    MOST_FAT_PERCENT,
    Reading,
    ReadUS,
    Subject,
    ct_readings,
    draw_cohort,
    mr_readings,
    read_with_first_model,
    us_readings,
)
from steatoscope.science.metrics.agreement import bland_altman, regression_slope
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

MODALITIES: Final = ("ct", "mr", "us")
METRICS: Final = ("bias", "limits_low", "limits_high", "slope")
_FEWEST: Final = 2


def run_phantom_benchmark(
    seed: int = 0,
    n: int = 12,
    modalities: Sequence[str] = MODALITIES,
    *,
    read_us: ReadUS | None = None,
) -> dict[str, Any]:
    """Measure ``n`` simulated livers of 0-40 % PDFF on their true masks; the same seed gives the same document.

    Rows are named by modality, scale and setting; units are points of fat on that scale, HU for ``liver_hu``.
    Refused scans are counted (``refused`` a row, ``left_out`` in all) and do not enter the figures, which are None
    where fewer than two are left. ``read_us`` turns a clip into percent on the histology scale, None where it refuses;
    by default the first ultrasound model. Intervals are percentile bootstraps over subjects at 0.95. Raises UsageError
    for an unknown modality or fewer than two subjects.
    """
    unknown = sorted(set(modalities) - set(MODALITIES))
    if unknown or not modalities:
        raise UsageError(f"modalities must be some of {', '.join(MODALITIES)}, not {', '.join(unknown) or 'none'}")
    if n < _FEWEST:
        raise UsageError(f"a cohort needs at least {_FEWEST} subjects, not {n}")
    scans = list(_scans(draw_cohort(seed, n), modalities, read_us or read_with_first_model))
    left_out = sum(any(reading.measured is None for reading in scan) for scan in scans)
    readings = [reading for scan in scans for reading in scan]
    return {
        "name": "phantom",
        "data": _words(n, seed, left_out, len(scans)),
        "n_subjects": n,
        "n_images": len(scans),
        "left_out": left_out,
        "results": {f"{row} (simulated)": _score(found) for row, found in _by_row(readings).items()},
        "cases": [_case(reading) for reading in readings],
    }


def _scans(cohort: Iterable[Subject], modalities: Sequence[str], read_us: ReadUS) -> Iterator[list[Reading]]:
    for subject in cohort:
        if "ct" in modalities:
            yield from ct_readings(subject)
        if "mr" in modalities:
            yield from mr_readings(subject)
        if "us" in modalities:
            yield from us_readings(subject, read_us)


def _words(n: int, seed: int, left_out: int, scans: int) -> str:
    cohort = f"simulated cohort (seed {seed}) of {n} livers with 0-{MOST_FAT_PERCENT:g} % PDFF, true masks"
    return f"{cohort}; {left_out} of {scans} scans refused by the method and left out" if left_out else cohort


def _by_row(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    rows: dict[str, list[Reading]] = {}
    for reading in readings:
        rows.setdefault(reading.row, []).append(reading)
    return dict(sorted(rows.items()))


def _score(readings: Sequence[Reading]) -> dict[str, Any]:
    """The figures of one row, each with its interval; None where undefined."""
    kept = [(r.measured, r.truth, r.subject) for r in readings if r.measured is not None]
    scored: dict[str, Any] = {"n": len(kept), "refused": len(readings) - len(kept)}
    if len(kept) < _FEWEST:
        return dict.fromkeys(METRICS) | scored
    measured, truth, subjects = (np.array(column, dtype=np.float64) for column in zip(*kept, strict=True))
    spans = bootstrap_intervals(lambda rows: _figures(measured[rows], truth[rows]), subjects)
    result: dict[str, Any] = {}
    for metric, value in _figures(measured, truth).items():
        result[metric] = value if math.isfinite(value) else None
        if metric in spans:
            result[f"{metric}_ci"] = [spans[metric].low, spans[metric].high]
    return result | scored


def _figures(measured: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, float]:
    found = bland_altman(measured, truth)
    return {
        "bias": found.bias,
        "limits_low": found.limits_low,
        "limits_high": found.limits_high,
        "slope": regression_slope(measured, truth),
    }


def _case(reading: Reading) -> dict[str, Any]:
    return {
        "row": reading.row,
        "subject": reading.subject,
        "truth": reading.truth,
        "measured": reading.measured,
    }
