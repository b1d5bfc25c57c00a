"""What R2 and R3 say of a run is true of that run: its folds, patients, scale and copies, in notes and on the card."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from grading_kit import R2, R3  # noqa: E402

from steatoscope.learning.evaluation import r2, r3  # noqa: E402
from steatoscope.learning.evaluation.grading_manifest import compared_with  # noqa: E402
from steatoscope.learning.evaluation.grading_run import GradingRun  # noqa: E402
from steatoscope.learning.evaluation.grading_start import Start  # noqa: E402
from steatoscope.learning.training.grading_card import Evaluated, grading_card  # noqa: E402
from steatoscope.learning.training.grading_folds import Fold, GradingPlan  # noqa: E402

ROW = {"auc_moderate": 1.0, "auc_moderate_ci": [1.0, 1.0]}


def _run(plan: GradingPlan, known: int, *, simulated: bool = True) -> GradingRun:
    """A run of which only the sizes matter: equal test parts, the next part validates."""
    parts = np.array_split(np.arange(known), plan.folds)
    everyone = np.arange(known)
    folds = [
        Fold(k, np.setdiff1d(everyone, np.concatenate([parts[k], parts[k - 1]])), parts[k - 1], parts[k])
        for k in range(plan.run_folds)
    ]
    source = SimpleNamespace(name="own")
    data: Any = SimpleNamespace(names=tuple(map(str, everyone)), simulated=simulated, scale="pdff", source=source)
    bank: Any = SimpleNamespace(weights={"source": "a file"})
    return GradingRun(plan, Start(), 0, data, folds, bank, {})


def test_notes_of_a_small_run_say_nothing_of_the_full_one() -> None:
    notes = " ".join(r2.notes_of(_run(r2.PLANS["small"], 20)))
    assert "1 of 10 folds by patient; patients in a fold: 16 to learn from, 2 to validate, 2 to test" in notes
    assert "18 of 20 are never tested" in notes
    assert "computed once: 1." in notes
    assert "mirrored" not in " ".join(r2.notes_of(_run(replace(r2.PLANS["small"], variants=0), 20)))
    other = " ".join(r3.notes_of(_run(r3.PLANS["small"], 21)))
    assert "1 of 5 folds by patient" in other
    assert "No intervals at 90 %" in other


def test_notes_of_a_full_run_say_how_many_were_tested() -> None:
    notes = " ".join(r2.notes_of(_run(r2.PLANS["full"], 45)))
    assert "10 folds by patient; patients in a fold: 35 to 37 to learn from, 4 to 5 to validate, 4 to 5 to" in notes
    assert "Each patient is tested once" in notes
    other = " ".join(r3.notes_of(_run(r3.PLANS["full"], 40)))
    assert "that validate (8) choose" in other
    assert "Intervals at 90 % take the residuals" in other
    assert "No intervals" in " ".join(r3.notes_of(_run(r3.PLANS["full"], 10))), "eight others are too few"


@pytest.mark.parametrize("recipe", [R2, R3])
def test_comparability_is_of_the_runs_own_subjects_and_scale(recipe: Any) -> None:
    told = compared_with(recipe.theirs, _run(recipe.plans["small"], 20))
    assert "Here: 20 simulated subjects (own)" in told
    assert "scale pdff, encoder lite0." in told
    assert "40 patients" not in told
    assert "histology" not in told
    assert "simulated" not in compared_with(recipe.theirs, _run(recipe.plans["small"], 20, simulated=False))


class _Source(SimpleNamespace):
    """Twenty patients of two frames, as a card asks of them."""

    def __len__(self) -> int:
        return 40


def _card(tested: Evaluated | None) -> str:
    subjects = np.repeat(np.arange(20), 2)
    source = _Source(name="own", subjects=subjects, samples=(), citation="", licence="")
    return grading_card("r2-grading", "Grades.", ROW, source, {"encoder": "lite0", "source": "a file"}, tested)


def test_a_card_says_who_was_tested_and_gives_no_interval_of_a_few() -> None:
    few = _card(_run(r2.PLANS["small"], 20).tested)
    assert "Tested: 2 of 20 patients in 1 of 10 folds, plan small." in few
    assert "an interval over them means nothing" in few
    assert "1.000 |" in few
    assert "1.000 to 1.000" not in few
    many = _card(_run(r2.PLANS["full"], 20).tested)
    assert "Tested: 20 of 20 patients in 10 of 10 folds, plan full." in many
    assert "1.000 (1.000 to 1.000)" in many
    assert "Tested" not in _card(None)
    assert "95 % patient bootstrap" in _card(None)
