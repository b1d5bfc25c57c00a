"""U-Nets from scratch in two and three dimensions, with attention gates where asked.

Ronneberger et al. 2015 (2-D), Cicek et al. 2016 (3-D), Oktay et al. 2018 (additive attention gates on the skips).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Dimensions = Literal[2, 3]


class UNet(nn.Module):
    """Pictures (n, channels, [slices,] rows, columns), sides divisible by 2**(levels - 1), to logits of equal size."""

    def __init__(
        self,
        classes: int = 1,
        *,
        channels: int = 1,
        widths: tuple[int, ...] = (16, 32, 64, 128),
        dimensions: Dimensions = 2,
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.dimensions = dimensions
        before = (channels, *widths[:-1])
        self.down = nn.ModuleList(_twice(a, b, dimensions) for a, b in zip(before, widths, strict=True))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(_twice(deep + fine, fine, dimensions) for deep, fine in pairs)
        self.gates = nn.ModuleList(AttentionGate(fine, deep, dimensions) for deep, fine in pairs) if attention else None
        self.head = _conv(dimensions)(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes, [slices,] rows, columns)."""
        pool = F.max_pool2d if self.dimensions == 2 else F.max_pool3d
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(pool(x, 2) if level else x)
            skips.append(x)
        for level, block in enumerate(self.up):
            skip = skips[-2 - level]
            if self.gates is not None:
                skip = self.gates[level](skip, x)
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1))
        logits: Tensor = self.head(x)
        return logits


class AttentionGate(nn.Module):
    """Weights of a skip between 0 and 1 by additive attention to the coarser map (Oktay et al. 2018)."""

    def __init__(self, fine: int, deep: int, dimensions: Dimensions) -> None:
        super().__init__()
        conv, inner = _conv(dimensions), max(fine // 2, 4)
        self.of_skip = conv(fine, inner, 1, bias=False)
        self.of_gate = conv(deep, inner, 1)
        self.weight = conv(inner, 1, 1)

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        """The skip, weighted place by place."""
        signal = F.interpolate(self.of_gate(gate), scale_factor=2.0, mode="nearest")
        weighted: Tensor = skip * torch.sigmoid(self.weight(F.relu(self.of_skip(skip) + signal)))
        return weighted


def _conv(dimensions: Dimensions) -> Any:
    return nn.Conv2d if dimensions == 2 else nn.Conv3d


def _twice(before: int, after: int, dimensions: Dimensions) -> nn.Sequential:
    conv = _conv(dimensions)
    norm = nn.BatchNorm2d if dimensions == 2 else nn.BatchNorm3d
    layers: list[nn.Module] = []
    for a, b in ((before, after), (after, after)):
        layers += [conv(a, b, 3, padding=1, bias=False), norm(b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
