"""How far probabilities are from frequencies: reliability bins, the expected calibration error, and what it must be.

The error of a finite sample is never 0, even of a model that is calibrated perfectly: by chance alone the frequency
in a bin differs from its probability (Bröcker and Smith, Weather Forecast 2007). So it stands beside the error that a
perfectly calibrated model with the same probabilities would show on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, rankdata

from steatoscope.core.measurement import Interval
from steatoscope.science.metrics.classification import expected_calibration_error
from steatoscope.science.uncertainty.bootstrap import bootstrap_interval

Binning = Literal["width", "mass"]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Patients of one range of probability: how many, their mean probability, the share with the event.

    ``interval`` is the exact binomial one of that share (Clopper and Pearson, Biometrika 1934).
    """

    count: int
    probability: float
    frequency: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """The expected calibration error of ``n`` patients with its bootstrap interval (None for fewer than two).

    ``expected`` is the mean error of a perfectly calibrated model with these probabilities, ``expected_range`` holds
    95 % of such errors: an error within it gives no reason to doubt the calibration.
    """

    n: int
    value: float
    interval: Interval | None
    expected: float
    expected_range: Interval


def bin_numbers(probability: ArrayLike, bins: int = 10, binning: Binning = "width") -> NDArray[np.intp]:
    """The bin (n,) of each probability: of equal width over 0-1, or of equally many patients with ties kept together.

    Raises ValueError for probabilities outside 0-1 or no bins.
    """
    values = np.asarray(probability, dtype=np.float64)
    if bins < 1 or values.ndim != 1 or not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("probabilities (n,) must lie in 0-1 and bins be positive")
    share = values if binning == "width" else (rankdata(values, method="min") - 1.0) / max(values.size, 1)
    return np.minimum((share * bins).astype(np.intp), bins - 1)


def reliability_bins(
    probability: ArrayLike, happened: ArrayLike, *, bins: int = 10, binning: Binning = "width", level: float = 0.95
) -> list[ReliabilityBin]:
    """The bins that hold patients, in rising order, for probabilities and events (n,).

    Their gaps weighted by count give :func:`calibration_error`. Raises ValueError for other shapes or ranges.
    """
    values, events = _pair(probability, happened)
    place = bin_numbers(values, bins, binning)
    members = [place == k for k in range(bins)]
    return [_bin(values[m], events[m], level) for m in members if m.any()]


def calibration_error(
    probability: ArrayLike, happened: ArrayLike, *, bins: int = 10, binning: Binning = "width"
) -> float:
    """Mean gap of probability and frequency over bins, weighted by patients; NaN without any."""
    values, events = _pair(probability, happened)
    if binning == "width" or not values.size:
        return expected_calibration_error(values, events, bins=bins)
    return float(_errors(values, events[None], bin_numbers(values, bins, binning), bins)[0])


def judged_calibration(
    probability: ArrayLike,
    happened: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    bins: int = 10,
    binning: Binning = "width",
    resamples: int = 1000,
    seed: int = 0,
) -> CalibrationError:
    """The error with its interval at 0.95 over ``patients`` (n,), by default one a row, and what chance alone gives.

    The percentile interval leans upwards: a drawn sample repeats patients and is less smooth than the sample itself.
    Raises ValueError where there is no patient.
    """
    values, events = _pair(probability, happened)
    if not values.size:
        raise ValueError("there is no patient")
    names = np.arange(values.size) if patients is None else np.asarray(patients)
    span = bootstrap_interval(
        lambda rows: calibration_error(values[rows], events[rows], bins=bins, binning=binning),
        names,
        resamples=resamples,
        seed=seed,
    )
    drawn = errors_if_calibrated(values, bins=bins, binning=binning, draws=resamples, seed=seed)
    low, high = (float(bound) for bound in np.percentile(drawn, [2.5, 97.5]))
    value = calibration_error(values, events, bins=bins, binning=binning)
    return CalibrationError(values.size, value, span, float(drawn.mean()), Interval(low, high, 0.95))


def errors_if_calibrated(
    probability: ArrayLike, *, bins: int = 10, binning: Binning = "width", draws: int = 1000, seed: int = 0
) -> Values:
    """Errors (draws,) where each event happens with just its given probability (n,), independently of the others."""
    values = np.asarray(probability, dtype=np.float64)
    place, rng = bin_numbers(values, bins, binning), np.random.default_rng(seed)
    each = max(1, _CELLS // max(values.size, 1))
    parts = [
        _errors(values, rng.random((min(each, draws - start), values.size)) < values, place, bins)
        for start in range(0, draws, each)
    ]
    return np.concatenate(parts)


def top_label(probabilities: ArrayLike, truth: ArrayLike) -> tuple[Values, Flags]:
    """Of classes (n, classes): the probability (n,) of the likeliest, and whether it is the true one of ``truth``."""
    rows, classes = np.asarray(probabilities, dtype=np.float64), np.asarray(truth)
    if rows.ndim != 2 or classes.shape != rows.shape[:1]:
        raise ValueError(f"probabilities (n, classes) and truth (n,) do not fit: {rows.shape} and {classes.shape}")
    best = rows.argmax(axis=1)
    return rows[np.arange(best.size), best], np.asarray(best == classes, dtype=np.bool_)


def share_interval(hits: int, cases: int, level: float = 0.95) -> Interval:
    """Exact binomial interval of a share (Clopper and Pearson, Biometrika 1934)."""
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, hits, cases - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1, cases - hits)) if hits < cases else 1.0
    return Interval(low, high, level)


def _bin(values: Values, events: Flags, level: float) -> ReliabilityBin:
    hits, count = int(events.sum()), int(values.size)
    return ReliabilityBin(count, float(values.mean()), hits / count, share_interval(hits, count, level))


def _errors(values: Values, events: Flags, place: NDArray[np.intp], bins: int) -> Values:
    """The error of each row of ``events`` (draws, n)."""
    members = np.eye(bins)[place]
    return np.asarray(np.abs((values - events) @ members).sum(axis=1) / values.size)


def _pair(probability: ArrayLike, happened: ArrayLike) -> tuple[Values, Flags]:
    values, events = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=np.bool_)
    if values.ndim != 1 or values.shape != events.shape or not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("probabilities (n,) in 0-1 and events need one shape")
    return values, events
