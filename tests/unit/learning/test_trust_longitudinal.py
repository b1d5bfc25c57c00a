from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from steatoscope.learning.evaluation import trust_longitudinal, trust_normality
from steatoscope.learning.evaluation.report import take_evidence
from steatoscope.learning.evaluation.report_markdown import markdown
from steatoscope.learning.evaluation.trust_longitudinal_series import (
    METHODS,
    Method,
    Plan,
    draw_plans,
    follow,
    measure_ct_fat,
    real_multiples,
    repeats,
)
from steatoscope.learning.evaluation.trust_normality import pair_wins
from steatoscope.science.clinical.change import FALLING, NO_TREND, RISING

EXACT = Method("exact", "MR", "pdff", 1.8, lambda fat, _seed, _repeat: fat)


def test_plans_are_half_still_and_half_of_two_to_four_times_the_repeatability() -> None:
    rng = np.random.default_rng(0)
    plans = draw_plans(rng, EXACT, real_multiples(rng, 200))
    sizes = np.array([abs(plan.change) for plan in plans]) / EXACT.coefficient
    assert (sizes == 0.0).sum() == 100
    assert sizes[sizes > 0].min() >= 2.0
    assert sizes.max() <= 4.0 + 1e-9
    ends = [end for plan in plans for end in (plan.start, plan.start + plan.change)]
    assert 2.0 - 1e-9 <= min(ends) <= max(ends) <= 34.0 + 1e-9
    assert {np.sign(plan.change) for plan in plans} == {-1.0, 0.0, 1.0}


@pytest.mark.parametrize(("change", "verdict"), [(0.0, NO_TREND), (9.0, RISING), (-9.0, FALLING)])
def test_series_without_any_chance_are_judged_right(change: float, verdict: str) -> None:
    (answer,) = follow(EXACT, [Plan(7, 15.0, change, abs(change))], EXACT.coefficient, 0)
    assert answer is not None
    assert answer.slope == verdict == trust_longitudinal.expected(answer)
    assert answer.values[-1] - answer.values[0] == pytest.approx(change)


def test_chance_between_visits_gives_about_five_percent_of_false_alarms() -> None:
    plans = [Plan(seed, 15.0, 0.0, 0.0) for seed in range(1500)]
    alarms = np.mean([answer is not None and answer.slope != NO_TREND for answer in follow(EXACT, plans, 0.0, 1)])
    assert alarms == pytest.approx(0.05, abs=0.017)


def test_the_same_body_is_scanned_again_with_other_noise() -> None:
    one, again, other = (measure_ct_fat(12.0, seed, repeat) for seed, repeat in ((3, 0), (3, 0), (3, 1)))
    assert one == again != other
    assert one == pytest.approx(12.0, abs=3.0)
    found = repeats(METHODS[1], 0, 3)
    assert found.shape == (3, 2)
    assert np.abs(found[:, 0] - found[:, 1]).max() < 3.0


def test_the_benchmark_counts_and_labels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trust_longitudinal, "METHODS", METHODS[1:])
    monkeypatch.setattr(trust_longitudinal, "QUICK_SERIES", 4)
    monkeypatch.setattr(trust_longitudinal, "QUICK_NEAR", 1)
    monkeypatch.setattr(trust_longitudinal, "phantom_repeats", lambda _seed, _n: np.zeros((0, 2)))
    document = trust_longitudinal.run_longitudinal(None, seed=0, out=tmp_path, quick=True)
    assert all("(simulated)" in row for row in document["results"])
    row = document["results"]["CT ct_pdff_equiv, all (simulated)"]
    assert row["n"] == trust_longitudinal.QUICK_SERIES
    assert row["right_ci"][0] <= row["right"] <= row["right_ci"][1]
    assert document["configuration"] == {"quick": True, "seed": 0, "series_per_method": document["n_subjects"]}
    assert "Quick run: a small configuration" in markdown(*take_evidence(document))
    near = document["results"]["CT ct_pdff_equiv, change of 1 times the repeatability (simulated)"]
    assert near["miss"] == pytest.approx(1.0 - near["right"])


def test_pairs_leave_the_healthy_one_out_of_the_fit() -> None:
    rng = np.random.default_rng(0)
    healthy = np.array([True] * 12 + [False] * 5)
    table = np.vstack([rng.normal(0.0, 1.0, (12, 2)), rng.normal(9.0, 1.0, (5, 2))])
    assert pair_wins(table, healthy, ("a", "b")).tolist() == np.ones((12, 5)).tolist()
    same = np.vstack([table[:12], rng.normal(0.0, 1.0, (200, 2))])
    wins = pair_wins(same, np.array([True] * 12 + [False] * 200), ("a", "b"))
    assert 0.2 < wins.mean() < 0.8


@pytest.mark.parametrize("quick", [False, True])
def test_the_distance_says_that_it_is_quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick: bool) -> None:
    people = [SimpleNamespace(fat=0.4 * k, frames=np.zeros((1, 2, 2))) for k in range(30)]
    rng = np.random.default_rng(0)
    names = ("a", "b", *trust_normality.LOCALISED)
    model = SimpleNamespace(document={"distribution": {"features": names[:2]}}, folder=None)
    monkeypatch.setattr(trust_normality, "_folder", lambda data: data)
    monkeypatch.setattr(trust_normality, "read_byra2018", lambda _folder: people)
    monkeypatch.setattr(trust_normality, "load_us_steatosis", lambda: model)
    monkeypatch.setattr(trust_normality, "_scores", lambda *_: {name: rng.normal() for name in (*names, "score")})
    monkeypatch.setattr(trust_normality, "_card_figures", lambda _folder: {"n": 1})
    document = trust_normality.run_normality(tmp_path, seed=3, out=tmp_path, quick=quick)
    assert document["configuration"] == {"quick": quick, "seed": 3, "patients": 20 if quick else 30}
