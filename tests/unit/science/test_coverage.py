"""How much of a liver is in view: shares of an adult's liver, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.science.quantify.coverage import in_view, share_in_view

GRID = Geometry.from_spacing((10.0, 10.0, 10.0))  # one voxel is 1 mL


@pytest.mark.parametrize(
    ("volume_ml", "share"),
    [(344.0, (20, 49)), (2.0, (1, 1)), (1400.0, (81, 100)), (2500.0, (100, 100))],  # 344 / 1720, 344 / 700, ...
)
def test_the_share_is_that_of_a_small_and_of_a_large_adult_liver_and_never_0(volume_ml, share):
    assert share_in_view(volume_ml) == share


def test_the_words_hold_volume_and_share():
    liver = np.ones((3, 10, 10), dtype=bool)
    assert in_view(liver, GRID) == "300 mL are in view, about 17 to 43 % of an adult's liver (700 to 1720 mL)."


def test_nothing_is_said_where_the_size_is_unknown():
    unknown = Geometry.from_spacing((1.0, 1.0, 1.0), known=False)
    assert in_view(np.ones((3, 10, 10), dtype=bool), unknown) == ""
    assert in_view(np.zeros((3, 10, 10), dtype=bool), GRID) == ""
