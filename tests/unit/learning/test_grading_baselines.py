"""Baselines of the grading recipes on sets that lack one side of steatosis, or lack it in a training part."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steatoscope.learning.evaluation.grading_baselines import _learned

pytestmark = pytest.mark.usefixtures("few_resamples")


def _row(grade: list[int], tests: list[list[int]]) -> dict[str, Any]:
    """Figures of a linear baseline whose one feature is the grade."""
    data: Any = SimpleNamespace(
        names=[f"p{k}" for k in range(len(grade))], grade=np.array(grade), fat=20.0 * np.array(grade), scale="pdff"
    )
    everyone = np.arange(len(grade))
    folds = [(np.setdiff1d(everyone, test), np.array(test)) for test in tests]
    tested = np.sort(np.concatenate([test for _, test in folds]))
    return _learned("linear", data.grade[:, None].astype(float), data, folds, tested, 0)


def test_without_a_normal_patient_the_figures_of_steatosis_stay_blank() -> None:
    row = _row([1, 1, 1, 1, 3, 3, 3, 3], [[0, 4], [1, 5]])
    assert "auc" not in row
    assert (row["auc_moderate"], row["accuracy_4"]) == (1.0, 1.0)


def test_a_training_part_of_one_grade_tells_that_grade() -> None:
    row = _row([0, 0, 0, 0, 3, 3], [[0, 4, 5]])
    assert row["accuracy_4"] == pytest.approx(1 / 3, abs=1e-4)
    assert row["auc"] == 0.5
