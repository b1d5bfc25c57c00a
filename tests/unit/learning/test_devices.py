"""What is trained runs on another device than the processor: no tensor of a loss is left behind.

The device is torch's "meta", which has no values but refuses, as a GPU would, to mix its tensors with the processor's.
(The segmenter's network turns autocast off, which that device does not know: a convolution stands in for it.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from steatoscope.learning.models.heatmap_unet import CHANNELS, HeatmapUNet  # noqa: E402
from steatoscope.learning.models.hmrs_cnn import HmrsCNN, TwoBranchHmrsCNN  # noqa: E402
from steatoscope.learning.models.plain_cnn import PlainCNN  # noqa: E402
from steatoscope.learning.training import grading_fit, hmrs, r5_fit, us_steatosis_localiser  # noqa: E402
from steatoscope.learning.training.grading_nets import headed  # noqa: E402
from steatoscope.learning.training.segment import segmentation_loss  # noqa: E402

N = 4
GRADE, FAT = torch.arange(N), torch.linspace(0.0, 60.0, N)
MAPS, VIEWS = torch.rand(N, 1280, 2, 2), torch.rand(N, 3, 1280, 2, 2)
PICTURE = torch.rand(N, CHANNELS, 32, 32)
HEAT, KIDNEY = torch.rand(N, 16, 16), torch.rand(N, 16, 16)


def _graded(network: Any) -> Callable[..., Any]:
    return grading_fit._loss(network, grading_fit.class_weights(np.array([0, 1, 1, 3])))


def _headed(kind: str, *inputs: Any) -> tuple[Any, Callable[..., Any], tuple[Any, ...]]:
    network = PlainCNN() if kind == "plain" else headed(kind, "efficientnet-lite0", 0, 10.0)
    return network, _graded(network), (*inputs, GRADE, FAT)


CASES: dict[str, Callable[[], tuple[Any, Callable[..., Any], tuple[Any, ...]]]] = {
    "r2": lambda: _headed("r2", MAPS),
    "r3 attention": lambda: _headed("attention", MAPS),
    "r3 fusion": lambda: _headed("fusion", VIEWS, torch.ones(N, 3)),
    "r3 plain": lambda: _headed("plain", torch.rand(N, 1, 112, 112)),
    "r4": lambda: (HmrsCNN(4), hmrs._squared, (torch.rand(N, 1, 360, 360), FAT[:, None])),
    "r4 two branches": lambda: (
        TwoBranchHmrsCNN(4), hmrs._squared, (torch.rand(N, 1, 360, 360), torch.rand(N, 1, 360, 360), FAT[:, None]),
    ),
    "r5": lambda: (
        r5_fit.AnomalyHeads(1280), r5_fit._loss(torch.ones(3)), (MAPS, GRADE % 3, torch.rand(N, 1, 8, 8)),
    ),
    "segmenter": lambda: (
        torch.nn.Conv2d(1, 2, 1), segmentation_loss,
        (torch.rand(N, 1, 64, 64), torch.rand(N, 2, 64, 64), torch.ones(N, 2, 64, 64)),
    ),
    "localiser, masks": lambda: (HeatmapUNet(), us_steatosis_localiser._mask_loss, (PICTURE, HEAT)),
    "localiser, boxes": lambda: (
        HeatmapUNet(), us_steatosis_localiser._box_loss, (PICTURE, HEAT, KIDNEY, torch.ones(N)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_loss_runs_where_the_network_is(name: str) -> None:
    network, loss_of, batch = CASES[name]()
    network.train().to("meta")
    loss = loss_of(network, *(part.to("meta") for part in batch))
    assert loss.device.type == "meta"
    loss.backward()
    assert all(part.grad.device.type == "meta" for part in network.parameters() if part.grad is not None)


def test_a_tensor_that_is_left_behind_would_be_noticed() -> None:
    network, loss_of, batch = CASES["r2"]()
    with pytest.raises(RuntimeError, match="meta"):
        loss_of(network.to("meta"), *batch)
