"""The localiser's network, samples and training, on made-up pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from steatoscope.learning.inference.us_steatosis_view import GRID  # noqa: E402
from steatoscope.learning.models.heatmap_unet import HeatmapEnsemble, HeatmapUNet, heat_maps, null_logit  # noqa: E402
from steatoscope.learning.training import us_steatosis_localiser as localiser  # noqa: E402
from steatoscope.learning.training.us_steatosis_samples import (  # noqa: E402
    HALF,
    BoxSample,
    gaussian_target,
    moved,
    varied_box_sample,
    warped,
    without_kidney,
)
from steatoscope.learning.training.us_steatosis_settings import COPIES, changes, varied  # noqa: E402

Y, X = np.indices(GRID, dtype=np.float64)
FAN = (np.hypot(X - 104, Y - 2) < 118) & (np.abs(np.arctan2(X - 103.9, Y - 2.1)) < 0.93)


def sample(seed=0, patient=0):
    rng = np.random.default_rng(seed)
    grey = 90.0 + rng.normal(0, 8, GRID)
    liver, kidney = (105.0 + rng.uniform(-6, 6), 60.0 + rng.uniform(-5, 5)), (75.0, 75.0)
    grey += 60.0 * (np.hypot(X - liver[0], Y - liver[1]) < 9) - 60.0 * (np.hypot(X - kidney[0], Y - kidney[1]) < 9)
    return BoxSample(patient, np.where(FAN, grey, 0).astype(np.float32), FAN.astype(np.float32), liver, kidney)


def test_maps_are_probabilities_and_the_empty_cell_takes_the_rest():
    logits = torch.zeros(2, 4, *HALF)
    logits[1, 1] = -20.0
    liver, kidney = heat_maps(logits)
    assert torch.allclose(liver.sum((1, 2)), torch.ones(2))
    assert float(kidney[0].sum()) == pytest.approx(0.5, abs=1e-4)
    assert float(kidney[1].sum()) < 1e-6
    assert null_logit(100) == pytest.approx(np.log(100))


def test_network_is_small_and_halves_the_picture():
    network = HeatmapUNet().eval()
    assert network(torch.zeros(1, 4, *GRID)).shape == (1, 4, *HALF)
    assert 300_000 < sum(p.numel() for p in network.parameters()) < 400_000


def test_ensemble_is_the_mean_of_its_members():
    torch.manual_seed(0)
    members = [HeatmapUNet().eval() for _ in range(2)]
    picture = torch.randn(1, 4, *GRID)
    liver, kidney, probability = HeatmapEnsemble(members)(picture)
    one, two = (heat_maps(member(picture)) for member in members)
    assert torch.allclose(liver, (one[0] + two[0]) / 2)
    assert torch.allclose(probability, ((one[1] + two[1]) / 2).sum((1, 2)))
    assert torch.allclose(kidney.sum((1, 2)), probability)


def test_target_is_a_normalised_gaussian_at_the_box():
    target = gaussian_target((104.5, 60.5))
    assert target.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.unravel_index(target.argmax(), target.shape) == (30, 52)


def test_a_moved_sample_keeps_its_boxes_on_the_tissue():
    rng = np.random.default_rng(1)
    one = replace(
        sample(), grey=np.where(np.hypot(X - 105, Y - 60) < 3, 255, 0).astype(np.float32), liver=(105.0, 60.0)
    )
    for _ in range(5):
        matrix = moved(rng)
        grey = warped(one.grey, matrix)
        place = matrix[:, :2] @ np.array(one.liver) + matrix[:, 2]
        rows, columns = np.nonzero(grey > 100)
        assert (columns.mean(), rows.mean()) == pytest.approx(tuple(place), abs=1.0)


def test_the_kidney_leaves_the_sector():
    one = sample()
    turned = without_kidney(one, np.random.default_rng(0))
    dark = (turned < 60) & (one.inside > 0.5)
    before = ((one.grey < 60) & (one.inside > 0.5)).sum()
    assert before > 150
    assert dark.sum() < 0.25 * before


def test_samples_say_whether_a_kidney_is_in_view():
    rng = np.random.default_rng(0)
    drawn = [varied_box_sample(sample(), rng) for _ in range(60)]
    assert 2 <= sum(not one[3] for one in drawn) <= 20
    assert drawn[0][0].shape == (4, *GRID)


def test_folds_spread_fat():
    fats = list(range(40))
    folds = np.array(localiser.fold_of(fats, 0))
    assert np.bincount(folds).tolist() == [8] * 5
    assert max(abs(np.mean(np.array(fats)[folds == k]) - 19.5) for k in range(5)) < 3


def test_training_finds_the_boxes_and_pairs_see_only_their_patients(tmp_path, monkeypatch):
    monkeypatch.setattr(localiser, "TUNING", replace(localiser.TUNING, steps=14, peak_rate=1e-2))
    monkeypatch.setattr(localiser, "BATCH", 4)
    seen = []
    real = localiser.tuned

    def spied(start, samples, seed, path):
        seen.append({one.patient for one in samples})
        return real(start, samples, seed, path) if seed == 0 else HeatmapUNet()

    monkeypatch.setattr(localiser, "tuned", spied)
    folds = [0, 1, 2, 3, 4]
    torch.manual_seed(0)
    members = localiser.pair_members([sample(i, i) for i in range(5)], folds, HeatmapUNet(), tmp_path)
    assert seen[0] == {2, 3, 4}
    assert len(members) == 10
    channels = torch.from_numpy(varied_box_sample(sample(3), np.random.default_rng(1))[0])[None]
    again = real(HeatmapUNet(), [], 0, tmp_path / "pair_01.pt")
    assert torch.equal(members[0, 1](channels), again(channels))


def test_scanner_settings_keep_black_and_repeat():
    frames = np.random.default_rng(0).integers(0, 200, (10, 40, 50)).astype(np.uint8)
    frames[:, :5] = 0
    found = changes(3, 0)
    assert len(found) == 10 + COPIES
    once, twice = found["copy 1"](frames), found["copy 1"](frames)
    assert once.shape == (2, 40, 50)
    assert np.array_equal(once, twice)
    assert not once[:, :5].any()
    assert not np.array_equal(varied(frames, np.random.default_rng(0)), varied(frames, np.random.default_rng(1)))
