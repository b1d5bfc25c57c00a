"""The benchmark ``clinical``: worked examples reproduced, conditions labelled as simulated, figures with intervals."""

from __future__ import annotations

import pytest

from steatoscope.learning.evaluation.trust_clinical import Sizes, condition_rows, run_clinical
from steatoscope.learning.evaluation.trust_clinical_examples import PATIENT, PRINTED, example_cases


def test_every_printed_value_is_reproduced() -> None:
    cases = example_cases()
    assert len(cases) == len(PRINTED)
    assert all(case["reproduced"] for case in cases)


def test_a_changed_patient_is_not_reproduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATIENT, "ast_u_l", 37.0)
    assert sum(case["reproduced"] for case in example_cases()) == 1  # FLI alone does not use AST


def test_a_condition() -> None:
    rows = condition_rows(4.0, 0.2, Sizes(repeats=3, train=60, test=60), seed=0)
    assert all(name.startswith("simulated, ") for name in rows)
    both = rows["simulated, image error 4 points, 20 % missing: both"]
    assert {"mae", "mae_ci", "coverage", "coverage_ci", "coverage_from_5_5", "gain_over_image_ci"} <= set(both)
    assert 0.75 < both["coverage"] < 1.0  # 180 test patients
    assert condition_rows(4.0, 0.2, Sizes(repeats=3, train=60, test=60), seed=0) == rows


def test_the_document_says_that_nothing_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steatoscope.learning.evaluation.trust_clinical.QUICK", Sizes(2, 40, 20))
    document = run_clinical(None, seed=1, quick=True)
    assert document["data"].startswith("simulated cohorts")
    assert document["n_subjects"] == 6 * 2 * 20
    assert document["results"]["worked examples"] == {"scores": 9, "reproduced": 9}
    assert any("no clinical values" in note for note in document["evidence"].notes)
