from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steatoscope.learning.catalogue import open_model
from steatoscope.learning.inference.byra2018_data import read_byra2018
from steatoscope.learning.inference.us_reference import NAME, belongs_to, healthy_set, repeatability
from steatoscope.learning.inference.us_steatosis import load_us_steatosis


def test_the_shipped_reference_belongs_to_the_shipped_model() -> None:
    reference = open_model(NAME)
    assert belongs_to(reference, open_model("us-steatosis"))
    assert not belongs_to(reference, open_model("us-first"))
    known = set(load_us_steatosis().document["healthy"])
    normal = healthy_set(reference)
    assert set(normal.features) <= known
    assert normal.healthy.size == 12
    assert np.all(np.diff(normal.healthy) >= 0)


def test_its_repeatability_is_a_lower_bound_with_its_basis() -> None:
    reference = open_model(NAME)
    found = repeatability(reference.settings)
    assert found is not None
    assert found.lower_bound
    low, high = reference.settings["repeatability"]["rc_ci95"]
    assert low < found.points < high
    assert found.points == pytest.approx(1.96 * 2**0.5 * reference.settings["repeatability"]["wsd_points"], rel=1e-3)
    assert "lower bound" in found.basis
    assert repeatability({}) is None


@pytest.mark.realdata
def test_a_healthy_patient_measured_now_lies_where_the_set_says(data_dir: Path) -> None:
    from steatoscope.learning.training.us_reference import _read

    patient = next(one for one in read_byra2018(data_dir / "us" / "byra2018") if one.fat < 5.0)
    normal = healthy_set(open_model(NAME))
    distance = normal.distance(_read(patient.frames, load_us_steatosis()).healthy_z)
    assert distance is not None
    # the patient is in the set: nearer than when left out, so not among the furthest
    assert normal.share_further(distance) > 1.5 / 13
