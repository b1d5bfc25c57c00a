import numpy as np
import pytest

from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.anomaly_control import control_features, stratum_of
from steatoscope.learning.inference.anomaly_features import PolarTissue, pooled, tissue_features
from steatoscope.learning.inference.linear import LinearModel

SHAPE = (240, 320)


def sector() -> Sector:
    y, x = np.indices(SHAPE, dtype=np.float64)
    apex = (160.0, -40.0)
    radius, angle = np.hypot(x - apex[0], y - apex[1]), np.arctan2(x - apex[0], y - apex[1])
    mask = (radius >= 60) & (radius <= 260) & (np.abs(angle) <= 0.6)
    return Sector(mask, apex, 60.0, 260.0, -0.6, 0.6, "curvilinear", 1.0)


def scene(level: float = 40.0):
    rng = np.random.default_rng(0)
    y, x = np.indices(SHAPE)
    liver = sector().mask & (y > 40) & (y < 200)
    mass = np.hypot(x - 160, y - 110) < 25
    # Speckle of 8 x 8 pixels, so that resampling does not average it away.
    speckle = np.kron(rng.normal(0.0, 8.0, (30, 40)), np.ones((8, 8)))
    grey = 100.0 + speckle + level * mass
    return np.clip(np.where(sector().mask, grey, 0), 0, 255).astype(np.uint8), liver, mass


def test_contrast_of_the_mass_is_measured_in_spreads_of_the_liver():
    frame, liver, mass = scene(40.0)
    polar = PolarTissue.of(frame, sector(), liver, mass)
    features = tissue_features(polar, mass, liver, 0.8)
    # 40 grey levels over a spread of about 8, plus the 3 that guard against division by nothing, blurred at the rim
    assert features["mass against ring"] == pytest.approx(40.0 / 11.0, rel=0.2)
    assert features["mass found"] == 1.0
    assert features["compactness"] > 0.8
    assert features["solidity"] == pytest.approx(1.0, abs=0.05)
    assert features["liver mean"] == pytest.approx(0.0, abs=0.3)


def test_gain_and_what_is_outside_the_sector_change_nothing():
    frame, liver, mass = scene()
    louder = np.where(sector().mask, frame.astype(int) + 20, 200).astype(np.uint8)
    one, other = (tissue_features(PolarTissue.of(f, sector(), liver, mass), mass, liver, 0.5) for f in (frame, louder))
    for name in one:
        assert one[name] == pytest.approx(other[name], abs=0.05), name


def test_no_mass_leaves_its_features_unknown():
    frame, liver, _ = scene()
    nothing = np.zeros(SHAPE, dtype=np.bool_)
    features = tissue_features(PolarTissue.of(frame, sector(), liver, nothing), nothing, liver, 0.0)
    assert features["mass found"] == 0.0
    assert np.isnan(features["mass mean"])
    assert np.isfinite(features["liver spread"])


def test_pooling_weighs_cells_by_the_mask():
    maps = np.arange(8.0, dtype=np.float32).reshape(2, 2, 2)
    mask = np.zeros((4, 4), dtype=np.bool_)
    mask[:2, :2] = True
    mask[:2, 2:3] = True  # half of the second cell
    assert pooled(maps, mask) == pytest.approx([(0 * 1 + 1 * 0.5) / 1.5, (4 * 1 + 5 * 0.5) / 1.5])
    assert np.isnan(pooled(maps, np.zeros((4, 4), dtype=np.bool_))).all()


def test_the_control_sees_no_tissue():
    frame, _, _ = scene()
    changed = np.where(sector().mask, 255 - frame, frame).astype(np.uint8)
    assert control_features(frame, sector(), (640, 480)) == control_features(changed, sector(), (640, 480))
    barred = frame.copy()
    barred[:20, :20] = 200
    assert control_features(barred, sector(), (640, 480)) != control_features(frame, sector(), (640, 480))
    assert stratum_of((640, 480)) == "640x480"


def test_the_linear_model_equals_scikit_learn_and_survives_json():
    pytest.importorskip("sklearn")
    from steatoscope.learning.training.anomaly_fit import Table, fitted, linear_model

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 30)
    values = rng.normal(size=(90, 5)) + labels[:, None] * np.array([1.0, 0.5, 0.0, 0.0, -1.0])
    values[rng.random(values.shape) < 0.1] = np.nan
    table = Table(tuple("abcde"), values, labels, np.array([f"g{k}" for k in range(90)]))
    model = linear_model(table, seed=0)
    again = LinearModel.of(model.document())
    wanted = fitted(table, np.arange(90), seed=0).predict_proba(values)
    for row, shares in zip(values, wanted, strict=True):
        found = again.probabilities(dict(zip("abcde", row.tolist(), strict=True)))
        assert list(found.values()) == pytest.approx(shares.tolist(), abs=1e-5)


def test_a_claim_needs_tissue_to_beat_the_control_within_sizes():
    pytest.importorskip("sklearn")
    from steatoscope.learning.training.anomaly_fit import beats, comparison

    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    groups, strata = np.array([str(k) for k in range(200)]), np.repeat(["a", "b"], 100)
    right, chance = labels.copy(), rng.integers(0, 3, 200)
    assert beats(comparison(labels, right, chance, groups, strata))
    assert not beats(comparison(labels, chance, right, groups, strata))
    assert not beats(comparison(labels, chance, chance, groups, strata))
    # A control that knows the scanner only is beaten within scanners.
    scanner = np.where(strata == "a", 0, 2)
    assert beats(comparison(labels, right, scanner, groups, strata))


def test_a_class_with_too_few_groups_is_named():
    pytest.importorskip("sklearn")
    from steatoscope.core.errors import SteatoscopeError
    from steatoscope.learning.training.anomaly_fit import Table, fitted

    labels = np.array([0] * 6 + [1] * 6 + [2] * 2)
    groups = np.array([f"g{number}" for number in range(14)])
    table = Table(("a", "b"), np.random.default_rng(0).normal(size=(14, 2)), labels, groups)
    with pytest.raises(SteatoscopeError, match="malignant") as caught:
        fitted(table, np.arange(14), seed=0)
    assert caught.value.code == "E_SUBJECTS"
