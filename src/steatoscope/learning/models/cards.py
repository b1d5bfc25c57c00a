"""The catalogue of architectures as data: what each takes and gives, where it is from. No network library is loaded.

A shape is a tuple with the batch first; ``export`` says how a network becomes ONNX: whole, or in parts (detectors).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from steatoscope.core.errors import UsageError

Task = Literal["segmentation", "detection", "grading", "regression", "grading and regression", "finding and mask"]
Shape = tuple[int, ...]
_ROOM: Final = "steatoscope.learning.models"
_ENCODER_WEIGHTS: Final = ("random", "hub", "FILE")
_LITE_WEIGHTS: Final = ("package", "random", "hub", "FILE")
_R3: Final = ("r3-multiview",)
_HMRS_CHOICES: Final = (
    "kernel 3x3: not given in the paper",
    "padding 'same': not given in the paper",
    "dense layer of 64: not given in the paper",
    "trained with bfloat16 arithmetic (autocast), weights kept in float32",
)
_GREY: Final = "grey 0-1, minus 0.45, over 0.25, repeated over three channels"


@dataclass(frozen=True, slots=True)
class ArchitectureCard:
    """One architecture: inputs by name with an example shape, outputs by name with their shape for that example.

    ``choices`` are what the publication leaves open and how it is settled here. ``million`` is the number of weights.
    """

    name: str
    title: str
    task: Task
    builder: str
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    normalisation: str
    citation: str
    million: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[str, ...] = ("random", "FILE")
    recipes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    export: Literal["whole", "parts"] = "whole"
    licence: str = "Apache-2.0 (this code); weights carry their own licence"


def _unet(name: str, title: str, citation: str, million: float, **settings: Any) -> ArchitectureCard:
    space = (32, 64, 64) if settings.get("dimensions") == 3 else (128, 128)
    return ArchitectureCard(
        name, title, "segmentation", f"{_ROOM}.unet:UNet", {"image": (1, 1, *space)}, {"logits": (1, 1, *space)},
        "grey 0-1, or HU from -150 to 250 as 0-1", citation, million, settings, recipes=("r1-unet-rcnn",),
        choices=("widths 16 to 128 instead of 64 to 1024, for two cores",),
    )  # fmt: skip


def _detector(name: str, title: str, million: float, **settings: Any) -> ArchitectureCard:
    return ArchitectureCard(
        name, title, "detection", f"{_ROOM}.fpn_rcnn:FpnRCNN", {"image": (1, 1, 256, 256)}, {}, _GREY,
        "Ren et al. 2015; He et al. 2017; Lin et al. 2017", million, settings, _ENCODER_WEIGHTS, ("r1-unet-rcnn",),
        ("at most 100 proposals at run time", "weights of a file are those of the trunk"), "parts",
    )  # fmt: skip


def _grader(
    name: str, title: str, encoder: str, million: float, *, recipes: tuple[str, ...], side: int = 224
) -> ArchitectureCard:
    weights = _LITE_WEIGHTS if encoder == "efficientnet-lite0" else _ENCODER_WEIGHTS
    return ArchitectureCard(
        name, title, "grading and regression", f"{_ROOM}.grading:AttentionGrader", {"image": (1, 1, side, side)},
        {"grade": (1, 4), "fat": (1, 1)}, _GREY, "Tan and Le 2019; Woo et al. 2018", million, {"encoder": encoder},
        weights, recipes, ("attention is learnt from the image level, no liver outline is given",),
    )  # fmt: skip


def _ensemble(name: str, title: str, encoder: str, million: float) -> ArchitectureCard:
    return ArchitectureCard(
        name, title, "grading and regression", f"{_ROOM}.shared_ensemble:SharedEnsemble", {"image": (1, 1, 224, 224)},
        {"probabilities": (1, 4), "fat": (1, 1), "spread": (1, 1)}, _GREY, "Lakshminarayanan et al. 2017; models.md R3",
        million, {"encoder": encoder}, _LITE_WEIGHTS if encoder == "efficientnet-lite0" else _ENCODER_WEIGHTS, _R3,
        ("five attention heads from own start weights share one encoder, which the recipe freezes",),
    )  # fmt: skip


def _anomaly(name: str, title: str, encoder: str, million: float, citation: str, side: int = 224) -> ArchitectureCard:
    return ArchitectureCard(
        name, title, "finding and mask", f"{_ROOM}.anomaly_nets:AnomalyNet", {"image": (1, 1, side, side)},
        {"finding": (1, 3), "mask": (1, 1, side, side)}, _GREY, citation, million, {"encoder": encoder},
        _LITE_WEIGHTS if encoder == "efficientnet-lite0" else _ENCODER_WEIGHTS, ("r5-ct-anomaly",),
        ("mask head: two convolutions on the last maps", "the class is pooled where the mask is"),
    )  # fmt: skip


_CARDS: Final = (
    _unet("unet-2d", "U-Net", "Ronneberger et al. 2015", 0.49),
    _unet("attention-unet-2d", "Attention U-Net", "Oktay et al. 2018", 0.5, attention=True),
    _unet("unet-3d", "3-D U-Net", "Cicek et al. 2016", 0.37, dimensions=3, widths=(8, 16, 32, 64)),
    ArchitectureCard(
        "unet-lite0", "U-Net on EfficientNet-lite0", "segmentation", f"{_ROOM}.lite_unet:LiteUNet",
        {"image": (1, 1, 128, 128)}, {"logits": (1, 1, 128, 128)}, "grey, standardised",
        "Ronneberger et al. 2015; Tan and Le 2019", 3.64, {"classes": 1, "pretrained": False},
        ("package", "random", "FILE"), ("r1-unet-rcnn",), ("stem and first two stages stay frozen",),
    ),
    _detector("mask-rcnn-r50", "Mask R-CNN, ResNet-50 FPN", 43.98),
    _detector("faster-rcnn-r50", "Faster R-CNN, ResNet-50 FPN", 41.35, masks=False),
    _detector("mask-rcnn-light", "Mask R-CNN, MobileNetV3 FPN", 21.58, light=True),
    _detector("faster-rcnn-light", "Faster R-CNN, MobileNetV3 FPN", 18.95, light=True, masks=False),
    ArchitectureCard(
        "resnet50-r2", "ResNet-50 with the four-grade head", "grading", f"{_ROOM}.grading:FourGradeNet",
        {"image": (1, 1, 224, 224)}, {"log_probabilities": (1, 4)}, _GREY, "He et al. 2016; models.md R2", 24.56,
        {"encoder": "resnet50"}, _ENCODER_WEIGHTS, ("r2-resnet50-grading", "r3-multiview"),
        ("width of the hidden layer: 512",),
    ),
    ArchitectureCard(
        "lite0-r2", "EfficientNet-lite0 with the four-grade head", "grading", f"{_ROOM}.grading:FourGradeNet",
        {"image": (1, 1, 224, 224)}, {"log_probabilities": (1, 4)}, _GREY, "Tan and Le 2019", 4.03,
        {"encoder": "efficientnet-lite0"}, _LITE_WEIGHTS, ("r2-resnet50-grading",),
        ("stands in for ResNet-50 where no ImageNet weights of it are at hand",),
    ),
    _grader("b3-attention", "EfficientNet-B3 with attention", "efficientnet-b3", 10.8, recipes=_R3),
    _grader("lite0-attention", "EfficientNet-lite0 with attention", "efficientnet-lite0", 3.46, recipes=_R3),
    _grader("vit-tiny-attention", "Vision transformer (tiny) with attention", "vit-tiny", 5.54, recipes=_R3),
    ArchitectureCard(
        "b3-multiview", "Fusion of any number of views, EfficientNet-B3", "grading and regression",
        f"{_ROOM}.grading:MultiViewGrader", {"views": (1, 3, 1, 224, 224), "present": (1, 3)},
        {"grade": (1, 4), "fat": (1, 1)}, _GREY, "models.md R3; Ilse et al. 2018", 10.9,
        {"encoder": "efficientnet-b3"}, _ENCODER_WEIGHTS, ("r3-multiview",),
        ("views are weighed by learnt attention; missing ones are left out",),
    ),
    ArchitectureCard(
        "lite0-multiview", "Fusion of any number of views, EfficientNet-lite0", "grading and regression",
        f"{_ROOM}.grading:MultiViewGrader", {"views": (1, 3, 1, 224, 224), "present": (1, 3)},
        {"grade": (1, 4), "fat": (1, 1)}, _GREY, "models.md R3; Ilse et al. 2018", 3.54,
        {"encoder": "efficientnet-lite0"}, _LITE_WEIGHTS, ("r3-multiview",),
        ("views are weighed by learnt attention; missing ones are left out",),
    ),
    _ensemble("b3-ensemble", "Ensemble of five with attention, EfficientNet-B3", "efficientnet-b3", 11.23),
    _ensemble("lite0-ensemble", "Ensemble of five with attention, EfficientNet-lite0", "efficientnet-lite0", 3.81),
    ArchitectureCard(
        "plain-cnn", "Five-layer CNN with two heads, from scratch", "grading and regression",
        f"{_ROOM}.plain_cnn:PlainCNN", {"image": (1, 1, 112, 112)}, {"grade": (1, 4), "fat": (1, 1)},
        "grey 0-1; batch normalisation in the network", "models.md R3; layers of Colantonio et al.", 0.1, {},
        ("random",), _R3, ("112 x 112 pixels, for two cores", "maps are pooled, so that no dense layer is needed"),
    ),
    ArchitectureCard(
        "hmrs-cnn", "Five-layer CNN (one view)", "regression", f"{_ROOM}.hmrs_cnn:HmrsCNN",
        {"frames": (1, 1, 360, 360)}, {"fat": (1, 1)}, "grey 0-1; batch normalisation in the network",
        "Colantonio et al.; models.md R4", 1.09, {}, ("random", "FILE"), ("r4-hmrs-regression",),
        _HMRS_CHOICES,
    ),
    ArchitectureCard(
        "hmrs-cnn-two-branch", "Five-layer CNN (AR and HR)", "regression", f"{_ROOM}.hmrs_cnn:TwoBranchHmrsCNN",
        {"ar": (1, 1, 360, 360), "hr": (1, 1, 360, 360)}, {"fat": (1, 1)},
        "grey 0-1; batch normalisation in the network", "Colantonio et al.; models.md R4", 2.18, {},
        ("branches", "random", "FILE"), ("r4-hmrs-regression",),
        (
            *_HMRS_CHOICES,
            "branches are imported from the single networks of the same fold, where the publication takes those of the "
            "best fold over all, which would have met the test subjects",
        ),
    ),
    _anomaly("vgg16-anomaly", "VGG16 with mask head", "vgg16", 14.79, "Simonyan and Zisserman 2015"),
    _anomaly("inception-v3-anomaly", "InceptionV3 with mask head", "inception-v3", 21.97, "Szegedy et al. 2016", 299),
    _anomaly("resnet152-anomaly", "ResNet-152 with mask head", "resnet152", 58.32, "He et al. 2016"),
    _anomaly("mobilenet-anomaly", "MobileNetV2 with mask head", "mobilenet-v2", 2.35, "Sandler et al. 2018"),
    _anomaly("lite0-anomaly", "EfficientNet-lite0 with mask head", "efficientnet-lite0", 3.5, "Tan and Le 2019"),
)  # fmt: skip

CARDS: Final[Mapping[str, ArchitectureCard]] = MappingProxyType({card.name: card for card in _CARDS})


def card_named(name: str) -> ArchitectureCard:
    """The card of an architecture; raises UsageError that lists them where there is none of that name."""
    if name not in CARDS:
        raise UsageError(f"there is no architecture {name!r}; choose from {', '.join(sorted(CARDS))}")
    return CARDS[name]
