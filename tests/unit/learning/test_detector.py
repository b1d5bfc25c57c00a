from dataclasses import replace

import numpy as np
import pytest

from steatoscope.learning.inference.detector_scores import EVIDENCE, box_means, components, evidence, rescored

CANVAS = (96, 128)
WEIGHTS = (0.7, 0.5, 1.0, 1.0, 0.5, 0.2, 0.1, 0.0, 0.1, 0.0, 1.0, 1.0)


def test_components_are_boxes_of_what_is_above_the_limit():
    probability = np.zeros(CANVAS, dtype=np.float32)
    probability[10:20, 30:45] = 0.6
    probability[50:52, 60:62] = 0.9  # a speck
    assert components(probability, 0.5).tolist() == [[30, 10, 45, 20]]
    assert components(probability, 0.7).shape == (0, 4)


def test_box_means_are_means():
    values = np.random.default_rng(0).random(CANVAS).astype(np.float32)
    boxes = np.array([[3, 5, 40, 60], [0, 0, 128, 96], [127.5, 95.5, 128, 96]])
    wanted = [values[5:60, 3:40].mean(), values.mean(), values[95, 127]]
    assert box_means(values, boxes) == pytest.approx(wanted, abs=1e-5)


def test_evidence_of_a_box_that_fits_its_segment():
    segment, organ = np.zeros(CANVAS, dtype=np.float32), np.ones(CANVAS, dtype=np.float32)
    segment[20:40, 30:60] = 0.8
    boxes = np.array([[30, 20, 60, 40], [30, 20, 45, 30], [80, 60, 100, 80]], dtype=np.float32)
    found = dict(zip(EVIDENCE, evidence(np.array([0.5, 0.5, 0.25]), boxes, segment, organ).T, strict=True))
    assert found["box score, logit"] == pytest.approx([0.0, 0.0, np.log(1 / 3)], abs=1e-5)
    assert found["segment in box"] == pytest.approx([0.8, 0.8, 0.0], abs=1e-6)
    assert found["segment part overlap"] == pytest.approx([1.0, 0.25, 0.0], abs=1e-6)
    assert found["segment in box minus around"] == pytest.approx([0.8 - 0.8 / 2.25, 0.8 - 0.8 * 0.695, 0.0], abs=0.06)
    assert found["segment soft overlap"] == pytest.approx([480 / 450, 120 / (112.5 + 360), 0.0], abs=0.07)
    assert found["share of best box score"] == pytest.approx([1.0, 1.0, 0.5])
    assert rescored(np.array([[1.0, 2.0]]), (0.5, -1.0, 0.25)) == pytest.approx(1 / (1 + np.exp(1.25)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A detector with random weights, as torch and as ONNX graphs."""
    torch = pytest.importorskip("torch")
    from steatoscope.learning.models.rcnn import LiteRCNN, RCNNPlan
    from steatoscope.learning.training.detector import DetectorTask
    from steatoscope.learning.training.detector_export import detector_of, detector_settings, export_detector

    torch.manual_seed(0)
    plan = RCNNPlan(segments=2, labels=2, width=16, hidden=24, candidates=30, proposals=20, score=0.05)
    network = LiteRCNN(plan, pretrained=False).eval()
    for parameter in network.roi_heads.box_predictor.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    files = export_detector(network, CANVAS, tmp_path_factory.mktemp("graphs"))
    task = DetectorTask("us", ("liver", "mass"), {"mass": 1, "other": 0})
    plain = replace(detector_settings(network, task), canvas=CANVAS, components=(),
                    flip=False)  # fmt: skip
    return network, replace(detector_of(network, task, files), settings=plain)


def canvas_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=CANVAS).astype(np.float32)


def test_the_graphs_detect_what_torch_detects(trained):
    torch = pytest.importorskip("torch")
    from steatoscope.learning.inference.roi import pasted

    network, detector = trained
    for seed in range(3):
        canvas = canvas_of(seed)
        with torch.no_grad():
            wanted = network(torch.from_numpy(canvas)[None, None])[0]
        found = detector.detect(canvas)
        assert len(found) == len(wanted["scores"]) > 3
        assert [d.score for d in found] == pytest.approx(wanted["scores"].tolist(), abs=1e-3)
        assert np.array([d.box for d in found]) == pytest.approx(wanted["boxes"].numpy(), abs=1e-3)
        assert [d.label for d in found] == [("mass", "other")[k - 1] for k in wanted["labels"].tolist()]
        for one, mask in zip(found, wanted["masks"].numpy(), strict=True):
            own = pasted(mask[0], np.array(one.box), CANVAS) > 0.5
            assert (own != one.mask).mean() < 1e-3


def test_a_mirrored_canvas_gives_mirrored_regions(trained):
    _, detector = trained
    both = replace(detector, settings=replace(detector.settings, flip=True, rescore=WEIGHTS,
                                              components=(0.5,), score=0.01))  # fmt: skip
    canvas = canvas_of(7)
    one, other = both.detect(canvas), both.detect(canvas[:, ::-1])
    assert len(one) == len(other) > 0
    turned = [(128 - d.box[2], d.box[1], 128 - d.box[0], d.box[3]) for d in other]
    assert np.array([d.box for d in one]) == pytest.approx(np.array(turned), abs=2e-2)
    assert [d.score for d in one] == pytest.approx([d.score for d in other], abs=1e-4)


def test_the_organ_limits_the_regions(trained):
    _, detector = trained
    allowed = np.zeros(CANVAS, dtype=np.bool_)
    assert detector.detect(canvas_of(1), allowed) == []
    allowed[:, :64] = True
    limited = detector.detect(canvas_of(1), allowed)
    assert all(d.mask[allowed].sum() >= 0.5 * d.mask.sum() for d in limited)
    with pytest.raises(ValueError, match="shape"):
        detector.detect(np.zeros((10, 10), dtype=np.float32))


def test_the_same_canvas_gives_the_same_answer(trained):
    _, detector = trained
    one, other = detector.detect(canvas_of(2)), detector.detect(canvas_of(2))
    assert [(d.box, d.score) for d in one] == [(d.box, d.score) for d in other]
    assert all(np.array_equal(a.features, b.features) for a, b in zip(one, other, strict=True))
