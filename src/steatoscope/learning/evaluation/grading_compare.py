"""Two rows of a grading recipe on the same test patients: paired differences with their intervals and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.grading_scores import Graded
from steatoscope.science.metrics.comparison_models import compare_models

RESAMPLES: Final = 1000
LEAST: Final = 10


def compared(
    graded: Mapping[str, Graded], pairs: Sequence[tuple[str, str]], words: Mapping[str, str], seed: int
) -> dict[str, Any]:
    """First minus second for every pair of rows that are both there: steatosis by its probability, fat by its value.

    Steatosis is left out where the test patients all have it or none has, fat where a row gives none, and everything
    where fewer than ten patients were tested: their resamples say nothing.
    """
    return {
        f"{words[one]} against {words[other]}": _pair(graded[one], graded[other], seed)
        for one, other in pairs
        if one in graded and other in graded and len(graded[one].patient) >= LEAST
    }


def _pair(one: Graded, other: Graded, seed: int) -> dict[str, Any]:
    if not np.array_equal(one.patient, other.patient):
        raise ValueError("the rows are not of the same patients")
    found: dict[str, Any] = {}
    if 0 < one.steatosis.sum() < len(one.steatosis):
        found["steatosis"] = compare_models(
            1.0 - one.probability[:, 0], 1.0 - other.probability[:, 0], one.steatosis, one.patient, seed=seed,
            resamples=RESAMPLES,
        )  # fmt: skip
    if np.isfinite(one.fat).all() and np.isfinite(other.fat).all():
        found["fat_percent"] = compare_models(
            one.fat, other.fat, one.true_fat, one.patient, seed=seed, resamples=RESAMPLES
        )  # fmt: skip
    return found
