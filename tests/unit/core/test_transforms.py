"""A recorded transform replays to the same array."""

import numpy as np
import pytest

from steatoscope.core.transforms import apply, replay, transform


@transform("test.scale")
def scale(array: np.ndarray, factor: float) -> np.ndarray:
    return array * factor


@transform("test.crop")
def crop(array: np.ndarray, rows: int) -> np.ndarray:
    return array[:rows]


def test_replay_gives_the_same_array() -> None:
    start = np.arange(12.0).reshape(4, 3)
    first, one = apply("test.scale", start, factor=2.5)
    second, two = apply("test.crop", first, rows=2)
    assert np.array_equal(replay(start, [one, two]), second)
    assert np.array_equal(start, np.arange(12.0).reshape(4, 3))


def test_order_matters_and_is_kept() -> None:
    _, one = apply("test.crop", np.ones((4, 1)), rows=1)
    assert (one.name, dict(one.parameters)) == ("test.crop", {"rows": 1})


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        transform("test.scale")(scale)
