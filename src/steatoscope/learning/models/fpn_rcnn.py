"""Faster and Mask R-CNN of torchvision on MobileNetV3 or ResNet-50 pyramids, cut into parts that can be exported.

Ren et al. 2015, He et al. 2017, Lin et al. 2017. As with :mod:`.rcnn`, a whole detector does not export beside plain
torch operators: the dense part and the region heads are graphs of their own, with decoding and pooling between them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from steatoscope.learning.models.encoder_weights import load_weights
from steatoscope.learning.models.vision import torchvision


class FpnRCNN(nn.Module):
    """Pictures (n, 1, rows, columns), normalised, to boxes, labels, scores and, with ``masks``, region masks.

    ``labels`` counts kinds of region without the background. ``light`` takes MobileNetV3-Large with two pyramid levels
    and pooling, otherwise ResNet-50 with four and pooling; ``weights`` ("random", "hub" or a file of ImageNet weights)
    are its, and ``record`` says which they were. Sides are used as they come: nothing is resized.
    """

    def __init__(self, labels: int = 1, *, masks: bool = True, light: bool = False, weights: str = "random") -> None:
        super().__init__()
        backbone, levels, self.record = _pyramid(light=light, weights=weights)
        detection = torchvision.models.detection
        sizes = ((16, 32, 64, 128, 256),) * levels if light else ((16,), (32,), (64,), (128,), (256,))
        anchors = detection.anchor_utils.AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
        settings: dict[str, Any] = {
            "num_classes": labels + 1,
            "rpn_anchor_generator": anchors,
            "box_roi_pool": torchvision.ops.MultiScaleRoIAlign([str(i) for i in range(levels - 1)], 7, 2),
            "rpn_pre_nms_top_n_test": 200,
            "rpn_post_nms_top_n_test": 100,
            "rpn_pre_nms_top_n_train": 400,
            "rpn_post_nms_top_n_train": 200,
            "box_batch_size_per_image": 64,
            "box_detections_per_img": 20,
        }
        if masks:
            settings["mask_roi_pool"] = torchvision.ops.MultiScaleRoIAlign([str(i) for i in range(levels - 1)], 14, 2)
        made = (detection.MaskRCNN if masks else detection.FasterRCNN)(backbone, **settings)
        self.labels = labels
        self.backbone, self.rpn, self.roi_heads = made.backbone, made.rpn, made.roi_heads

    def pyramid(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """Feature maps by level, finest first."""
        maps: OrderedDict[str, Tensor] = self.backbone(x.expand(-1, 3, -1, -1))
        return maps

    def losses(self, x: Tensor, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of proposals, boxes and masks; a target holds ``boxes``, ``labels`` from 1 and ``masks``."""
        maps, images = self.pyramid(x), _images(x)
        proposals, first = self.rpn(images, maps, targets)
        _, second = self.roi_heads(maps, proposals, images.image_sizes, targets)
        return {**first, **second}

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        """Detections of each picture: ``boxes``, ``labels``, ``scores`` and ``masks``."""
        maps, images = self.pyramid(x), _images(x)
        proposals, _ = self.rpn(images, maps)
        found, _ = self.roi_heads(maps, proposals, images.image_sizes)
        return list(found)


class PyramidPart(nn.Module):
    """What runs once a picture: pyramid maps, objectness and box deltas, level by level."""

    def __init__(self, network: FpnRCNN) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps, objectness logits and deltas of every level, in this order."""
        maps = list(self.network.pyramid(x).values())
        objectness, deltas = self.network.rpn.head(maps)
        return (*maps, *objectness, *deltas)


class RegionPart(nn.Module):
    """Pooled regions (k, 256, 7, 7) to class logits (k, labels + 1) and box deltas (k, 4 (labels + 1))."""

    def __init__(self, network: FpnRCNN) -> None:
        super().__init__()
        self.heads = network.roi_heads

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and deltas."""
        logits, deltas = self.heads.box_predictor(self.heads.box_head(regions))
        return logits, deltas


def _pyramid(*, light: bool, weights: str) -> tuple[Any, int, dict[str, Any]]:
    """A backbone with a feature pyramid of 256 channels, how many levels it gives, and what its weights were."""
    utils = torchvision.models.detection.backbone_utils
    standard = "DEFAULT" if weights == "hub" else None
    if light:
        trunk = torchvision.models.mobilenet_v3_large(weights=standard)
        record = load_weights(trunk, "mobilenet-v3-large", weights)
        return utils._mobilenet_extractor(trunk, fpn=True, trainable_layers=6), 3, record
    trunk = torchvision.models.resnet50(weights=standard)
    record = load_weights(trunk, "resnet50", weights)
    return utils._resnet_fpn_extractor(trunk, trainable_layers=5), 5, record


def _images(x: Tensor) -> Any:
    size = (int(x.shape[-2]), int(x.shape[-1]))
    return torchvision.models.detection.image_list.ImageList(x, [size] * len(x))


def detection_target(rows: int, columns: int) -> dict[str, Tensor]:
    """One square region in the middle of a picture, as an example of a target."""
    box = torch.tensor([[columns * 0.3, rows * 0.3, columns * 0.7, rows * 0.7]])
    mask = torch.zeros(1, rows, columns, dtype=torch.uint8)
    mask[0, int(rows * 0.3) : int(rows * 0.7), int(columns * 0.3) : int(columns * 0.7)] = 1
    return {"boxes": box, "labels": torch.ones(1, dtype=torch.int64), "masks": mask}
