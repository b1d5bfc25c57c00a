"""A small Mask R-CNN on the lite0 U-Net: its decoder is the feature pyramid (Ren et al. 2015; He et al. 2017).

One trunk segments and detects: the segmentation head keeps the decoder's maps meaningful where boxes are few, and its
maps add proposals at run time. Losses, anchors and sampling are torchvision's region proposal network and RoI heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steatoscope.learning.models.lite_unet import DECODER_CHANNELS, LiteUNet
from steatoscope.learning.models.vision import torchvision

LEVELS = ("16", "8", "4")
DECODER_LEVELS = {"16": 0, "8": 1, "4": 2}


@dataclass(frozen=True, slots=True)
class RCNNPlan:
    """Sizes of the detector; ``anchors`` are square roots of areas in canvas pixels at strides 4, 8 and 16.

    ``labels`` counts kinds of region without the background. A region is pooled from the map whose stride fits its
    size: ``canonical`` pixels and more from stride 16, half of it from stride 8.
    """

    segments: int
    labels: int = 1
    width: int = 64
    hidden: int = 128
    anchors: tuple[tuple[int, ...], ...] = ((12, 20), (32, 48), (72, 108))
    ratios: tuple[float, ...] = (0.6, 1.0, 1.6)
    canonical: int = 96
    proposals: int = 60
    candidates: int = 100
    proposal_nms: float = 0.7
    score: float = 0.01
    nms: float = 0.3
    most: int = 10


class LiteRCNN(nn.Module):
    """Grey canvases (n, 1, rows, columns) to segment logits, proposals, boxes, scores and masks."""

    def __init__(self, plan: RCNNPlan, *, pretrained: bool = True) -> None:
        super().__init__()
        self.plan = plan
        self.unet = LiteUNet(plan.segments, pretrained=pretrained)
        self.lateral = nn.ModuleDict(
            {name: nn.Conv2d(DECODER_CHANNELS[place], plan.width, 1) for name, place in DECODER_LEVELS.items()}
        )
        self.rpn = _proposal_network(plan)
        self.roi_heads = _region_heads(plan)
        # Autocast may compute these in bfloat16; boxes, scores and losses stay in float32.
        heads = self.roi_heads
        for module in (self.rpn.head, heads.box_head, heads.box_predictor, heads.mask_head, heads.mask_predictor):
            module.register_forward_hook(_as_float)

    def trunk(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Segment logits at half resolution and the pyramid by stride, finest first, all float32."""
        maps = self.unet.decode(self.unet.encode(x))
        segments = self.unet.head(maps[-1]).float()
        pyramid = {name: self.lateral[name](maps[DECODER_LEVELS[name]]).float() for name in reversed(LEVELS)}
        return segments, pyramid

    def losses(self, x: Tensor, targets: list[dict[str, Tensor]]) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of proposals, boxes and masks, and segment logits at the picture's resolution.

        A target holds ``boxes`` (k, 4), ``labels`` (k,) from 1 and ``masks`` (k, rows, columns) uint8.
        """
        segments, pyramid = self.trunk(x)
        images = _image_list(x)
        proposals, first = self.rpn(images, pyramid, targets)
        _, second = self.roi_heads(pyramid, proposals, images.image_sizes, targets)
        return {**first, **second}, F.interpolate(segments, scale_factor=2.0, mode="bilinear", align_corners=False)

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        """Detections of each picture: ``boxes``, ``labels``, ``scores``, ``masks`` (k, 1, 28, 28) probabilities."""
        _, pyramid = self.trunk(x)
        images = _image_list(x)
        proposals, _ = self.rpn(images, pyramid)
        found, _ = self.roi_heads(pyramid, proposals, images.image_sizes)
        return list(found)


class DensePart(nn.Module):
    """What runs once a picture: segment probabilities at half resolution, pyramid, objectness and box deltas."""

    OUTPUTS = ("segments", *(f"{kind}_{n}" for kind in ("map", "objectness", "delta") for n in reversed(LEVELS)))

    def __init__(self, network: LiteRCNN) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Tensors named by ``OUTPUTS``."""
        segments, pyramid = self.network.trunk(x)
        maps = list(pyramid.values())
        objectness, deltas = self.network.rpn.head(maps)
        return (torch.sigmoid(segments), *maps, *objectness, *deltas)


class BoxPart(nn.Module):
    """Pooled regions (k, width, 7, 7) to class logits, box deltas and features for the grader."""

    OUTPUTS = ("logits", "deltas", "features")

    def __init__(self, network: LiteRCNN) -> None:
        super().__init__()
        self.heads = network.roi_heads

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (k, labels + 1), deltas (k, 4 (labels + 1)) and features (k, hidden)."""
        features = self.heads.box_head(regions)
        logits, deltas = self.heads.box_predictor(features)
        return logits, deltas, features


class MaskPart(nn.Module):
    """Pooled regions (k, width, 14, 14) to mask probabilities (k, labels, 28, 28), without the background's."""

    OUTPUTS = ("masks",)

    def __init__(self, network: LiteRCNN) -> None:
        super().__init__()
        self.heads = network.roi_heads

    def forward(self, regions: Tensor) -> Tensor:
        """Probabilities of each label's mask."""
        logits = self.heads.mask_predictor(self.heads.mask_head(regions))
        return torch.sigmoid(logits[:, 1:])


def _proposal_network(plan: RCNNPlan) -> Any:
    detection = torchvision.models.detection
    anchors = detection.anchor_utils.AnchorGenerator(plan.anchors, (plan.ratios,) * len(plan.anchors))
    counts = anchors.num_anchors_per_location()
    return detection.rpn.RegionProposalNetwork(
        anchors,
        detection.rpn.RPNHead(plan.width, counts[0]),
        fg_iou_thresh=0.6,
        bg_iou_thresh=0.3,
        batch_size_per_image=96,
        positive_fraction=0.5,
        pre_nms_top_n={"training": plan.candidates, "testing": plan.candidates},
        post_nms_top_n={"training": plan.proposals, "testing": plan.proposals},
        nms_thresh=plan.proposal_nms,
    )


def _region_heads(plan: RCNNPlan) -> Any:
    detection, names = torchvision.models.detection, list(reversed(LEVELS))
    masks = detection.mask_rcnn

    def pool(side: int) -> Any:
        return torchvision.ops.MultiScaleRoIAlign(
            names, side, 2, canonical_scale=plan.canonical, canonical_level=len(names) + 1
        )

    return detection.roi_heads.RoIHeads(
        pool(7),
        detection.faster_rcnn.TwoMLPHead(plan.width * 49, plan.hidden),
        detection.faster_rcnn.FastRCNNPredictor(plan.hidden, plan.labels + 1),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=32,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=plan.score,
        nms_thresh=plan.nms,
        detections_per_img=plan.most,
        mask_roi_pool=pool(14),
        mask_head=masks.MaskRCNNHeads(plan.width, (plan.width, plan.width), 1),
        mask_predictor=masks.MaskRCNNPredictor(plan.width, plan.width, plan.labels + 1),
    )


def _as_float(_module: nn.Module, _inputs: Any, output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.float()
    return type(output)(_as_float(_module, _inputs, item) for item in output)


def _image_list(x: Tensor) -> Any:
    size = (int(x.shape[-2]), int(x.shape[-1]))
    return torchvision.models.detection.image_list.ImageList(x, [size] * len(x))
