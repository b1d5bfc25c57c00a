"""A small U-Net whose outputs are heat maps: where the liver and the kidney boxes lie (Ronneberger, MICCAI 2015)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (20, 40, 60, 80)
CHANNELS = 4
OUTPUTS = ("liver_box", "kidney_box", "liver_mask", "kidney_mask")
_FOLD = 2


class HeatmapUNet(nn.Module):
    """Logits (n, 4, rows / 2, columns / 2) of ``OUTPUTS`` from channels (n, 4, rows, columns), multiples of 16.

    ``pixel_unshuffle`` halves the picture first, three poolings follow; about 0.36 million weights.
    """

    def __init__(self, channels: int = CHANNELS, widths: tuple[int, ...] = WIDTHS, outputs: int = len(OUTPUTS)) -> None:
        super().__init__()
        sizes = (channels * _FOLD**2, *widths)
        self.down = nn.ModuleList([_block(a, b) for a, b in pairwise(sizes)])
        steps = list(pairwise(widths[::-1]))
        self.up = nn.ModuleList([_block(deep + fine, fine) for deep, fine in steps])
        self.head = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, channels: Tensor) -> Tensor:
        """Logits of the heat maps and masks, half the input's size."""
        x = nn.functional.pixel_unshuffle(channels, _FOLD)
        maps: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if level else x)
            maps.append(x)
        for block, skip in zip(self.up, maps[-2::-1], strict=True):
            x = block(torch.cat([nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1))
        logits: Tensor = self.head(x)
        return logits


class HeatmapEnsemble(nn.Module):
    """Several localisers as one graph: mean liver map, mean kidney map and mean probability of a kidney.

    Maps are probabilities over cells (n, rows, columns); each liver map sums to 1, each kidney map to the
    probability (n,) that a kidney is in view, the rest of which is the empty cell's (logit ``null_logit``).
    """

    def __init__(self, members: list[HeatmapUNet]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, channels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Liver map, kidney map, probability of a kidney; averaged over members."""
        found = [heat_maps(member(channels)) for member in self.members]
        liver = torch.stack([one[0] for one in found]).mean(dim=0)
        kidney = torch.stack([one[1] for one in found]).mean(dim=0)
        return liver, kidney, kidney.sum(dim=(1, 2))


def null_logit(cells: int) -> float:
    """Logit of "no kidney": that of all cells together when every cell's logit is 0."""
    return float(torch.log(torch.tensor(float(cells))))


def heat_maps(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Liver and kidney maps (n, rows, columns) as probabilities from logits (n, 4, rows, columns)."""
    n, _, rows, columns = logits.shape
    liver = torch.softmax(logits[:, 0].reshape(n, rows * columns), dim=1)
    flat = logits[:, 1].reshape(n, rows * columns)
    empty = torch.zeros_like(flat[:, :1]) + null_logit(rows * columns)
    kidney = torch.softmax(torch.cat([flat, empty], dim=1), dim=1)[:, :-1]
    return liver.reshape(n, rows, columns), kidney.reshape(n, rows, columns)


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in ((before, after), (after, after)):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
