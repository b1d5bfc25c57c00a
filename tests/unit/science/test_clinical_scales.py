"""The display bridge between histology and PDFF goes through the published cut points and back."""

import pytest

from steatoscope.core.measurement import Interval
from steatoscope.science.clinical.scales import histology_from_pdff, pdff_equivalent, pdff_from_histology


@pytest.mark.parametrize(("histology", "pdff"), [(0, 0), (5, 5.4), (33, 15.4), (66, 20.4)])
def test_cut_points(histology: float, pdff: float) -> None:
    assert pdff_from_histology(histology) == pytest.approx(pdff)
    assert histology_from_pdff(pdff) == pytest.approx(histology)


@pytest.mark.parametrize(("pdff", "expected"), [(10.4, 5 + 5 * 2.8), (18.4, 33 + 3 * 6.6)])
def test_slopes_between_the_cut_points(pdff: float, expected: float) -> None:
    assert histology_from_pdff(pdff) == pytest.approx(expected, abs=1e-9)


def test_interval_is_converted_and_marked() -> None:
    part = pdff_equivalent(33.0, Interval(5.0, 66.0, 0.9))
    assert part.interval is not None
    assert (part.interval.low, part.value_percent, part.interval.high) == pytest.approx((5.4, 15.4, 20.4))
    assert "approximate" in part.conversion
