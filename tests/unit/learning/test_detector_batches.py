import numpy as np
import pytest

torch = pytest.importorskip("torch")

from steatoscope.learning.training.detector_batches import (  # noqa: E402
    DetectorBatches,
    padded,
    regions_of,
    targets_of,
)
from steatoscope.learning.training.detector_rescore import Evidence, fit_weights  # noqa: E402
from steatoscope.learning.training.segment_batches import CanvasPicture  # noqa: E402

CHANNELS = {1: 1}


def picture(name: str, radius: int) -> CanvasPicture:
    y, x = np.indices((96, 128))
    masks = np.zeros((2, 96, 128), dtype=np.uint8)
    masks[0] = 255
    if radius:
        masks[1] = np.where(np.hypot(x - 64, y - 48) < radius, 255, 0)
    grey = np.full((96, 128), 90, dtype=np.uint8)
    return CanvasPicture(name, grey, masks, np.full_like(masks, 255), np.full((1, 96, 128), 255, dtype=np.uint8))


def test_regions_are_boxes_of_connected_parts_without_specks():
    masks = np.zeros((2, 96, 128), dtype=np.float32)
    masks[1, 10:20, 30:50] = 1.0
    masks[1, 60:70, 60:65] = 0.8
    masks[1, 90, 90] = 1.0
    found = regions_of(masks, CHANNELS)
    assert found.boxes.tolist() == [[30, 10, 50, 20], [60, 60, 65, 70]]
    assert found.labels.tolist() == [1, 1]
    assert found.masks.sum(axis=(1, 2)).tolist() == [200, 50]
    assert regions_of(masks * 0.4, CHANNELS).boxes.shape == (0, 4)


def test_a_batch_depends_on_seed_and_step_alone_and_its_boxes_fit_its_masks():
    batches = DetectorBatches([picture("a", 20), picture("b", 0)], "us", CHANNELS, 0.5, seed=3, size=4)
    one, again, other = batches(5), batches(5), batches(6)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])
    targets = targets_of(*one[3:])
    assert len(targets) == 4
    for target, masks in zip(targets, one[1], strict=True):
        assert len(target["boxes"]) == int(masks[1].max() > 0.5)
        for box, mask in zip(target["boxes"], target["masks"], strict=True):
            rows, columns = torch.nonzero(mask, as_tuple=True)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_padding_is_taken_off_again():
    masks = np.zeros((2, 96, 128), dtype=np.float32)
    nothing = regions_of(masks, CHANNELS)
    masks[1, 10:20, 30:50] = 1.0
    targets = targets_of(*padded([regions_of(masks, CHANNELS), nothing]))
    assert [len(target["boxes"]) for target in targets] == [1, 0]
    assert targets[1]["masks"].shape == (0, 96, 128)


def test_small_regions_are_drawn_more_often():
    batches = DetectorBatches([picture("small", 6), picture("large", 40)], "us", CHANNELS, 0.0, size=400)
    drawn = batches._chosen(np.random.default_rng(0))
    # areas differ by (40 / 6) ** 2 = 44, odds by its fourth root, 2.6
    assert (drawn == 0).mean() == pytest.approx(2.58 / 3.58, abs=0.07)


def test_weights_of_evidence_find_what_tells_hits():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3)).astype(np.float32)
    hits = rng.random(400) < 1.0 / (1.0 + np.exp(-(2.0 * features[:, 1] - 1.0)))
    weights = fit_weights([Evidence(features[:200], hits[:200]), Evidence(features[200:], hits[200:])])
    assert weights[1] == pytest.approx(2.0, abs=0.5)
    assert weights[3] == pytest.approx(-1.0, abs=0.4)
    assert abs(weights[0]) < 0.4
    with pytest.raises(ValueError, match="some candidates"):
        fit_weights([Evidence(features, np.zeros(400, dtype=np.bool_))])
