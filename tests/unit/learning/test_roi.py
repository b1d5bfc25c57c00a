import numpy as np
import pytest

from steatoscope.learning.inference.roi import pasted, pyramid_align, roi_align


def test_pooling_a_ramp_gives_the_bin_middles():
    ramp = np.stack([np.tile(np.arange(40.0), (30, 1)), np.tile(np.arange(30.0)[:, None], (1, 40))]).astype(np.float32)
    pooled = roi_align(ramp, np.array([[8.0, 4.0, 36.0, 18.0]]), 7, 0.5)
    # A linear map sampled within its bounds: the mean of a bin is its middle.
    assert pooled[0, 0, 3] == pytest.approx(4.0 + 14.0 / 7 * (np.arange(7) + 0.5), abs=1e-4)
    assert pooled[0, 1, :, 2] == pytest.approx(2.0 + 7.0 / 7 * (np.arange(7) + 0.5), abs=1e-4)
    assert roi_align(ramp, np.zeros((0, 4)), 7, 0.5).shape == (0, 2, 7, 7)


def test_a_pasted_mask_covers_its_box_and_nothing_else():
    found = pasted(np.ones((28, 28), dtype=np.float32), np.array([10.0, 20.0, 50.0, 40.0]), (60, 80))
    rows, columns = np.nonzero(found > 0.5)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 39, 10, 49)
    assert found[:18].max() == 0.0
    half = np.zeros((28, 28), dtype=np.float32)
    half[:, :14] = 1.0
    columns = np.nonzero(pasted(half, np.array([10.0, 20.0, 50.0, 40.0]), (60, 80)) > 0.5)[1]
    assert (columns.min(), columns.max()) == (10, 29)


def test_pooling_equals_the_torch_operator_on_every_level():
    torch = pytest.importorskip("torch")
    from steatoscope.learning.models.vision import torchvision

    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(5, 192 // s, 256 // s)).astype(np.float32) for s in (4, 8, 16)]
    low = rng.uniform(0, 150, (60, 2))
    boxes = np.concatenate([low, low + np.exp(rng.uniform(0, 5, (60, 2)))], axis=1).clip(0, [256, 192, 256, 192])
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)].astype(np.float32)
    pool = torchvision.ops.MultiScaleRoIAlign(["a", "b", "c"], 7, 2, canonical_scale=96, canonical_level=4)
    named = {name: torch.from_numpy(one)[None] for name, one in zip("abc", maps, strict=True)}
    wanted = pool(named, [torch.from_numpy(boxes)], [(192, 256)]).numpy()
    assert pyramid_align(maps, (4, 8, 16), boxes, 7, 96.0) == pytest.approx(wanted, abs=2e-5)
