"""Every column that the recipes write is explained, and the explanation holds on every scale."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from steatoscope.learning.evaluation import grading_scores, hmrs_scores, r1_scores
from steatoscope.learning.evaluation.grading_scores import Graded, scored
from steatoscope.learning.evaluation.hmrs_scores import HISTOLOGY, figures, grading_for
from steatoscope.learning.evaluation.r1_scores import Truth, calibration_row
from steatoscope.learning.evaluation.r5_scores import FindingReading, _figures
from steatoscope.learning.evaluation.report_rows import GLOSSARY, SHARES
from steatoscope.learning.recipes import RECIPES
from steatoscope.learning.training.r5_pictures import CLASSES

COUNT = 16
RNG = np.random.default_rng(0)
FAT = np.repeat([1.0, 15.0, 45.0, 80.0], COUNT // 4) + RNG.uniform(0.0, 2.0, COUNT)
GRADE = np.repeat(np.arange(4), COUNT // 4)
PAGE = Path(__file__).parents[3] / "docs" / "results" / "laboratory.md"


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of columns are asked for, not their intervals."""
    for module in (grading_scores, hmrs_scores, r1_scores):
        monkeypatch.setattr(module, "RESAMPLES", 10)


def _graded(scale: str) -> dict[str, object]:
    probability = RNG.dirichlet(np.ones(4), COUNT)
    numbers = np.arange(COUNT)
    found = Graded(probability, probability, FAT, numbers, numbers % 4, GRADE, FAT, (1.0,), scale)
    return scored(found, classes=True)


def _findings() -> dict[str, float]:
    class _Set:
        labels = np.arange(COUNT) % len(CLASSES)

    counts = np.stack([np.ones(COUNT), np.full(COUNT, 2.0), np.where(_Set.labels > 0, 2.0, 0.0)], axis=1)
    reading = FindingReading(RNG.random((COUNT, 3)), counts, np.ones(COUNT))
    return _figures(_Set(), reading, np.arange(COUNT))  # type: ignore[arg-type]


def _written() -> set[str]:
    page = PAGE.read_text(encoding="utf-8")
    shown = {name.strip() for line in re.findall(r"^\| \|(.*)\|$", page, re.M) for name in line.split("|")}
    assert len(shown) > 30
    rows = [
        *map(_graded, ("histology", "pdff")),
        *(figures(FAT, FAT, np.arange(COUNT), one) for one in (HISTOLOGY, grading_for("pdff"))),
        calibration_row(np.sqrt(FAT), RNG.random(COUNT), Truth.of(GRADE, FAT, 4, 1, 0)),
        _findings(),
        *(row for recipe in RECIPES.values() for row in recipe.published.values()),
    ]
    return shown | {name for row in rows for name in row if not name.endswith("_ci")}


def test_every_column_of_the_recipes_has_a_legend() -> None:
    assert sorted(_written() - GLOSSARY.keys()) == []


def test_the_area_of_steatosis_is_by_grade_and_says_so() -> None:
    assert "graded above normal" in GLOSSARY["auc"]
    assert "histology" in GLOSSARY["auc"]
    assert "auc_moderate" in _graded("pdff")
    assert "moderate or severe" in GLOSSARY["auc_moderate"]


@pytest.mark.parametrize("name", ["accuracy_4", "auc", "recall_mild", "f1_benign", "macro_auc", "set_coverage_90"])
def test_shares_are_known_as_such(name: str) -> None:
    assert name in SHARES


@pytest.mark.parametrize("name", ["bias", "qwk", "ece_line", "mae_percent", "pearson", "million", "nll"])
def test_what_is_no_share_is_not(name: str) -> None:
    assert name in GLOSSARY
    assert name not in SHARES
