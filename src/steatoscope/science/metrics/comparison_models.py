"""All comparisons of two models on the same subjects at once, as JSON-ready data with their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steatoscope.science.metrics.agreement import paired
from steatoscope.science.metrics.classification import auc
from steatoscope.science.metrics.comparison import Difference, delong, mcnemar, paired_bootstrap, signed_rank
from steatoscope.science.uncertainty.bootstrap import Rows, rows_by_patient

Statistic = Callable[[Rows, NDArray[np.float64]], float]
CLUSTERED: Final = "several rows a patient: DeLong, McNemar and the signed rank test need one row a patient"


def compare_models(
    first: ArrayLike,
    second: ArrayLike,
    truth: ArrayLike,
    patients: ArrayLike,
    *,
    cut: float = 0.5,
    seed: int = 0,
    resamples: int = 2000,
) -> dict[str, Any]:
    """Two models' answers (n,) on the same rows, first minus second; ``patients`` (n,) names the patient of each row.

    Boolean ``truth`` takes scores: differences of AUC and of accuracy at ``cut``, DeLong and McNemar. Other truth
    takes values in its own unit: differences of MAE, RMSE and bias, and the signed rank test of absolute errors. Every
    difference has a 95 % paired bootstrap interval over patients. Tests that need independent rows are left out, and
    ``left_out`` says why, where a patient has several. Raises ValueError where the values do not pair.
    """
    one, other = paired(first, second)
    known = np.asarray(truth)
    names = np.asarray(patients)
    if known.shape != one.shape or names.shape != one.shape:
        raise ValueError(f"truth and patients need shape {one.shape}, not {known.shape} and {names.shape}")
    single = len(rows_by_patient(names)) == names.size
    of_classes = known.dtype == np.bool_
    measures = _scores(known, cut) if of_classes else _errors(np.asarray(known, dtype=np.float64))
    found: dict[str, Any] = {"n": int(one.size), "patients": len(rows_by_patient(names)), "differences": {}}
    for name, measure in measures.items():
        gap = paired_bootstrap(
            _of(measure, one), _of(measure, other), names, seed=seed, resamples=resamples
        )  # fmt: skip
        found["differences"][name] = _words(gap)
    if not single:
        return found | {"left_out": CLUSTERED}
    return found | (_class_tests(known, one, other, cut) if of_classes else _error_tests(known, one, other))


def _of(measure: Statistic, values: NDArray[np.float64]) -> Callable[[Rows], float]:
    return lambda rows: measure(rows, values)


def _scores(truth: NDArray[np.bool_], cut: float) -> Mapping[str, Statistic]:
    return {
        "auc": lambda rows, values: auc(truth[rows], values[rows]),
        "accuracy": lambda rows, values: float(np.mean((values[rows] >= cut) == truth[rows])),
    }


def _errors(truth: NDArray[np.float64]) -> Mapping[str, Statistic]:
    return {
        "mae": lambda rows, values: float(np.mean(np.abs(values[rows] - truth[rows]))),
        "rmse": lambda rows, values: float(np.sqrt(np.mean((values[rows] - truth[rows]) ** 2))),
        "bias": lambda rows, values: float(np.mean(values[rows] - truth[rows])),
    }


def _class_tests(
    truth: NDArray[np.bool_], first: NDArray[np.float64], second: NDArray[np.float64], cut: float
) -> dict[str, Any]:
    right = mcnemar((first >= cut) == truth, (second >= cut) == truth)
    found: dict[str, Any] = {
        "mcnemar": {"only_first_right": right.only_first, "only_second_right": right.only_second, "p": right.p}
    }
    if min(truth.sum(), (~truth).sum()) >= 2:
        test = delong(truth, first, second)
        found["delong"] = {"auc": [test.first, test.second], "z": _finite(test.z), **_words(test.difference)}
    return found


def _error_tests(truth: NDArray[Any], first: NDArray[np.float64], second: NDArray[np.float64]) -> dict[str, Any]:
    return {"signed_rank": {"p": signed_rank(np.abs(first - truth), np.abs(second - truth))}}


def _words(gap: Difference) -> dict[str, Any]:
    span = None if gap.interval is None else [gap.interval.low, gap.interval.high]
    return {"value": _finite(gap.value), "ci95": span, "p": _finite(gap.p)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
