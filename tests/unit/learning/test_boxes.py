import numpy as np
import pytest

from steatoscope.learning.inference import boxes as b


def random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    low = rng.uniform(0.0, 80.0, (count, 2))
    return np.concatenate([low, low + rng.uniform(1.0, 60.0, (count, 2))], axis=1).astype(np.float32)


def test_overlap_of_known_boxes():
    one = np.array([[0, 0, 2, 2], [0, 0, 0, 0]], dtype=np.float32)
    other = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6], [0, 0, 0, 0]], dtype=np.float32)
    assert b.overlaps(one, other) == pytest.approx(np.array([[1 / 7, 1, 0, 0], [0, 0, 0, 0]]))


def test_suppression_keeps_the_best_of_near_copies_and_spares_other_groups():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [0, 0, 10, 10]], dtype=np.float32)
    scores = np.array([0.5, 0.9, 0.1, 0.4], dtype=np.float32)
    assert b.suppressed(boxes, scores, 0.5).tolist() == [1, 2]
    assert b.suppressed(boxes, scores, 0.5, np.array([0, 0, 0, 1])).tolist() == [1, 3, 2]
    assert b.suppressed(boxes[:0], scores[:0], 0.5).size == 0


def test_decoding_undoes_encoding():
    rng = np.random.default_rng(0)
    goals, start = random_boxes(rng, 50), random_boxes(rng, 50)
    deltas = b.encoded(goals, start, b.REGION_WEIGHTS)
    assert b.decoded(deltas[:, None], start, b.REGION_WEIGHTS)[:, 0] == pytest.approx(goals, abs=1e-3)


def test_mirroring_twice_changes_nothing_and_clipping_stays_on_the_canvas():
    boxes = random_boxes(np.random.default_rng(1), 20)
    assert b.mirrored(b.mirrored(boxes, 256), 256) == pytest.approx(boxes, abs=1e-4)
    assert b.mirrored(np.array([[0, 1, 10, 5]], dtype=np.float32), 100).tolist() == [[90, 1, 100, 5]]
    assert b.clipped(np.array([[-5, 3, 300, 250]], dtype=np.float32), (192, 256)).tolist() == [[0, 3, 256, 192]]


def test_coding_anchors_and_suppression_equal_torchvision():
    torch = pytest.importorskip("torch")
    from steatoscope.learning.models.vision import torchvision

    detection, rng = torchvision.models.detection, np.random.default_rng(2)
    start, deltas = random_boxes(rng, 40), rng.normal(0.0, 2.0, (40, 8)).astype(np.float32)
    coder = detection._utils.BoxCoder(b.REGION_WEIGHTS)
    wanted = coder.decode(torch.from_numpy(deltas), [torch.from_numpy(start)]).numpy()
    assert b.decoded(deltas.reshape(40, 2, 4), start, b.REGION_WEIGHTS) == pytest.approx(wanted, rel=1e-4, abs=1e-3)
    goals = random_boxes(rng, 40)
    wanted = coder.encode([torch.from_numpy(goals)], [torch.from_numpy(start)])[0].numpy()
    assert b.encoded(goals, start, b.REGION_WEIGHTS) == pytest.approx(wanted, rel=1e-4, abs=1e-4)

    sizes, ratios = (12, 20), (0.6, 1.0, 1.6)
    maker = detection.anchor_utils.AnchorGenerator((sizes,), (ratios,))
    images = detection.image_list.ImageList(torch.zeros(1, 1, 32, 64), [(32, 64)])
    wanted = maker(images, [torch.zeros(1, 4, 4, 8)])[0].numpy()
    assert b.grid_anchors((4, 8), 8, b.cell_anchors(sizes, ratios)).tolist() == wanted.tolist()

    many = random_boxes(rng, 300)
    scores, groups = rng.random(300).astype(np.float32), rng.integers(0, 3, 300)
    wanted = torchvision.ops.batched_nms(*map(torch.from_numpy, (many, scores, groups)), 0.4).numpy()
    assert b.suppressed(many, scores, 0.4, groups).tolist() == wanted.tolist()
