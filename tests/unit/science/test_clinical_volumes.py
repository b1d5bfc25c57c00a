from __future__ import annotations

import pytest

from steatoscope.science.clinical.volumes import (
    EQUATIONS,
    bsa_dubois,
    bsa_mosteller,
    expected_liver_ml,
    ratio_reading,
)


def test_worked_example_of_a_man_of_175_cm_and_95_kg() -> None:
    assert bsa_mosteller(175.0, 95.0) == pytest.approx(2.148966, abs=1e-6)
    assert bsa_dubois(175.0, 95.0) == pytest.approx(2.104270, abs=1e-6)
    expected = {"urata1995": 1520.0, "vauthey2002": 1928.9, "feng2017": 1505.2, "korea": 1480.9}
    assert expected_liver_ml(175.0, 95.0) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("name", "volume"), [("urata1995", 1273.6), ("vauthey2002", 1486.7), ("feng2017", 1240.6), ("korea", 1169.1)]
)
def test_volumes_at_a_body_surface_of_1_8(name: str, volume: float) -> None:
    assert EQUATIONS[name].volume_ml(1.8) == pytest.approx(volume, abs=0.05)


@pytest.mark.parametrize(
    ("ratio", "words"), [(0.7, "small"), (0.8, "usual"), (1.2, "usual"), (1.25, "slightly large"), (1.31, "enlarged")]
)
def test_readings_of_the_ratio(ratio: float, words: str) -> None:
    assert ratio_reading(ratio) == words
