"""Suppression and RoIAlign in plain torch against hand calculation and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from steatoscope.learning.models.lite_unet import LiteUNet  # noqa: E402
from steatoscope.learning.models.vision import nms, roi_align, torchvision  # noqa: E402


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    inner = sides.prod()
    return float(inner / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner))


def test_suppression_agrees_with_its_definition() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 80, (120, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 30, (120, 2))], axis=1).astype(np.float32)
    scores = rng.random(120).astype(np.float32)
    expected: list[int] = []
    for i in np.argsort(-scores):
        if all(_iou(boxes[i], boxes[j]) <= 0.4 for j in expected):
            expected.append(int(i))
    assert nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.4).tolist() == expected
    assert torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.4).tolist() == expected


def test_roi_align_of_a_plane_is_the_plane_at_bin_centres() -> None:
    rows, columns = np.indices((40, 60), dtype=np.float32)
    plane = torch.from_numpy(3.0 * columns + 2.0 * rows)[None, None]
    x0, y0, x1, y1 = 8.0, 6.0, 36.0, 20.0
    found = roi_align(plane, torch.tensor([[0.0, x0, y0, x1, y1]]), 7)[0, 0].numpy()
    centres_x = x0 + (np.arange(7) + 0.5) * (x1 - x0) / 7
    centres_y = y0 + (np.arange(7) + 0.5) * (y1 - y0) / 7
    np.testing.assert_allclose(found, 3.0 * centres_x[None] + 2.0 * centres_y[:, None], atol=1e-3)


def test_roi_align_keeps_the_order_of_boxes_and_takes_lists() -> None:
    maps = torch.stack([torch.full((1, 8, 8), float(i)) for i in range(3)])
    boxes = torch.tensor([[2.0, 1, 1, 5, 5], [0.0, 1, 1, 5, 5], [1.0, 1, 1, 5, 5]])
    assert roi_align(maps, boxes, 2)[:, 0, 0, 0].tolist() == [2.0, 0.0, 1.0]
    listed = [torch.tensor([[1.0, 1, 5, 5]])] * 3
    assert roi_align(maps, listed, 2)[:, 0, 0, 0].tolist() == [0.0, 1.0, 2.0]
    assert roi_align(maps, torch.zeros(0, 5), 2).shape == (0, 1, 2, 2)


def test_the_unet_answers_at_the_picture_s_resolution_and_keeps_early_stages_frozen() -> None:
    network = LiteUNet(2, pretrained=False).train()
    logits = network(torch.randn(2, 1, 64, 96))
    assert logits.shape == (2, 2, 64, 96)
    logits.sum().backward()
    assert all(p.grad is None for p in network.frozen_parameters())
    assert all(p.grad is not None for p in network.decoder.parameters())
    assert not network.encoder.bn1.training
    assert [m.shape[1] for m in network.encode(torch.randn(1, 1, 64, 64))] == [16, 24, 40, 112, 320]


def test_imagenet_weights_fit_the_encoder() -> None:
    one, other = (LiteUNet(1, pretrained=flag).encoder.conv_stem.weight for flag in (True, False))
    assert one.shape == other.shape
    assert not torch.equal(one, other)
    assert 0.05 < float(one.detach().std()) < 2.0
