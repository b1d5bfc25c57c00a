from __future__ import annotations

import math

import numpy as np
import pytest

from steatoscope.core.errors import UsageError
from steatoscope.core.measurement import Interval
from steatoscope.science.clinical.grades import (
    LABELS,
    PROFILES,
    borderline,
    grade_for,
    grade_part,
    grade_probabilities,
    grade_set,
    profile_for_scale,
    sd_from_interval,
    steatosis_probability,
)


def test_limits_are_those_of_the_contract() -> None:
    assert {name: profile.limits for name, profile in PROFILES.items()} == {
        "pooled2024": (5.5, 15.5, 20.5),
        "tang2013": (6.4, 17.4, 22.1),
        "japan2022": (5.2, 11.3, 17.1),
        "mrs_pisa": (3.12, 8.77, 13.69),
        "ship2017": (5.1, 14.1, 28.0),
        "histology_nash": (5.0, 33.0, 66.0),
    }


@pytest.mark.parametrize(
    ("value", "profile", "label"),
    [
        (-3.0, "pooled2024", "normal"),
        (5.499, "pooled2024", "normal"),
        (5.5, "pooled2024", "mild"),
        (15.5, "pooled2024", "moderate"),
        (20.5, "pooled2024", "severe"),
        (3.12, "mrs_pisa", "normal"),
        (3.13, "mrs_pisa", "mild"),
        (13.69, "mrs_pisa", "moderate"),
        (4.9, "histology_nash", "normal"),
        (5.0, "histology_nash", "mild"),
        (33.0, "histology_nash", "mild"),
        (34.0, "histology_nash", "moderate"),
        (66.0, "histology_nash", "moderate"),
        (67.0, "histology_nash", "severe"),
    ],
)
def test_values_at_limits(value: float, profile: str, label: str) -> None:
    assert grade_for(value, profile) == (label, LABELS.index(label))


def test_histology_never_shares_limits_with_other_scales() -> None:
    assert profile_for_scale("histology", None) == "histology_nash"
    assert profile_for_scale("histology", "tang2013") == "histology_nash"
    for scale in ("pdff", "mrs_pdff", "dixon_sff", "ct_pdff_equiv", "us_model"):
        assert profile_for_scale(scale, None) == "pooled2024"
        assert profile_for_scale(scale, "histology_nash") == "pooled2024"
        assert profile_for_scale(scale, "ship2017") == "ship2017"
    with pytest.raises(UsageError, match="unknown grade profile 'nope'"):
        profile_for_scale("pdff", "nope")


def test_probabilities_match_a_simulation() -> None:
    draws = np.random.default_rng(7).normal(12.0, 4.0, 200_000)
    expected = [float(np.mean([grade_for(v, "pooled2024")[1] == i for v in draws[:20_000]])) for i in range(4)]
    found = grade_probabilities(12.0, 4.0, "pooled2024")
    assert list(found) == list(LABELS)
    assert math.isclose(sum(found.values()), 1.0, abs_tol=1e-12)
    # Twenty thousand draws: standard error at most 0.0036.
    np.testing.assert_allclose(list(found.values()), expected, atol=0.015)
    assert steatosis_probability(found) == pytest.approx(1.0 - found["normal"])


def test_an_interval_gives_the_same_probabilities_as_its_sd() -> None:
    interval = Interval(12.0 - 1.6448536269514722 * 3.0, 12.0 + 1.6448536269514722 * 3.0, 0.9)
    assert sd_from_interval(interval) == pytest.approx(3.0)
    assert grade_probabilities(12.0, interval, "tang2013") == pytest.approx(grade_probabilities(12.0, 3.0, "tang2013"))


def test_no_error_gives_one_certain_grade() -> None:
    assert grade_probabilities(16.0, 0.0, "pooled2024") == {"normal": 0, "mild": 0, "moderate": 1, "severe": 0}


@pytest.mark.parametrize(
    ("shares", "level", "expected"),
    [
        ((0.1, 0.7, 0.15, 0.05), 0.9, ["normal", "mild", "moderate"]),
        ((0.0, 0.95, 0.05, 0.0), 0.9, ["mild"]),
        ((0.5, 0.4, 0.1, 0.0), 0.9, ["normal", "mild"]),
        ((0.02, 0.03, 0.45, 0.5), 0.95, ["moderate", "severe"]),
    ],
)
def test_smallest_set(shares: tuple[float, ...], level: float, expected: list[str]) -> None:
    assert grade_set(dict(zip(LABELS, shares, strict=True)), level) == expected


def test_borderline_is_half_the_repeatability() -> None:
    found = borderline(6.3, "pooled2024", 1.8)
    assert found is not None
    assert found.code == "W_BORDERLINE"
    assert "S0/S1" in found.message
    assert borderline(6.5, "pooled2024", 1.8) is None
    assert borderline(6.3, "pooled2024", None) is None
    moderate = borderline(19.0, "pooled2024", 4.0)
    assert moderate is not None
    assert "S2/S3" in moderate.message


def test_part_is_derivable_from_the_percentage() -> None:
    part = grade_part(10.0, 2.0, "pooled2024")
    assert (part.label, part.index, part.limits) == ("mild", 1, [5.5, 15.5, 20.5])
    assert part.set == ["mild"]
    assert part.probabilities["mild"] > 0.98
    own = grade_part(10.0, 2.0, "pooled2024", probabilities=dict(zip(LABELS, (0.5, 0.45, 0.05, 0.0), strict=True)))
    assert own.set == ["normal", "mild"]
