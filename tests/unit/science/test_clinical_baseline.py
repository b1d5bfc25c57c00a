from __future__ import annotations

import pytest

from steatoscope.science.clinical.baseline import ct_baseline, pdff_at_percentile, pdff_baseline, pdff_z


@pytest.mark.parametrize(
    ("pdff", "z", "percentile"),
    [(1.0, -0.746688, 22.76), (5.5, 0.958060, 83.10), (10.0, 1.555897, 94.01), (20.0, 2.249044, 98.77)],
)
def test_published_vectors(pdff: float, z: float, percentile: float) -> None:
    part = pdff_baseline(pdff)
    assert pdff_z(pdff) == pytest.approx(z, abs=1e-6)
    assert part.z == pytest.approx(round(z, 3), abs=1e-9)
    assert part.percentile is not None
    assert part.percentile == pytest.approx(percentile, abs=0.0501)
    assert part.percentile == round(part.percentile, 1)
    assert part.healthy_upper_limit == 5.5
    assert "not healthy-only" in part.reference


@pytest.mark.parametrize(
    ("percentile", "pdff"),
    [(5, 0.407), (25, 1.075), (50, 2.11), (75, 4.142), (90, 7.601), (95, 10.930), (97.5, 14.979)],
)
def test_published_percentiles(percentile: float, pdff: float) -> None:
    assert pdff_at_percentile(percentile) == pytest.approx(pdff, abs=0.001)


def test_zero_and_negative_values_are_finite() -> None:
    assert pdff_baseline(0.0).z == pdff_baseline(-2.0).z == pytest.approx(-3.0493, abs=1e-3)
    assert "less than 1 of 100" in pdff_baseline(0.0).text
    assert "below the healthy upper limit" in pdff_baseline(0.0).text


def test_ct_counts_people_with_denser_livers() -> None:
    part = ct_baseline(35.0, 17.9)
    assert part.z == pytest.approx(-2.0)
    assert part.percentile == pytest.approx(97.7)
    assert "at or above the healthy upper limit" in part.text
    assert "cannot exclude mild steatosis" not in part.text
    assert "below the healthy upper limit of 5.5 %; CT cannot exclude" in ct_baseline(60.0, 3.4).text
    assert "healthy upper limit" not in ct_baseline(60.0).text
