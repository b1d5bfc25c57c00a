"""The five-layer CNN that reads a fat percentage from ultrasound frames, and its two-branch form (Colantonio et al.).

Batch normalisation of the input, five convolutions of 8, 16, 32, 64 and 128 filters with ReLU and 2x2 max-pooling, a
fully connected ReLU layer, a linear output. The paper gives no kernel, padding or dense width: 3x3, "same", 64.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

FILTERS = (8, 16, 32, 64, 128)
SIDE = 360
DENSE = 64
_MAPS = SIDE // 2 ** len(FILTERS)


class HmrsCNN(nn.Module):
    """Grey frames (n, 1, 360, 360) with values 0-1 to a fat percentage (n, 1)."""

    def __init__(self, dense: int = DENSE) -> None:
        super().__init__()
        self.features = _branch()
        self.dense = nn.Linear(FILTERS[-1] * _MAPS**2, dense)
        self.output = nn.Linear(dense, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Fat percent of each frame."""
        percent: Tensor = self.output(torch.relu(self.dense(self.features(frames).flatten(1))))
        return percent


class TwoBranchHmrsCNN(nn.Module):
    """Frames of the AR and of the HR view, (n, 1, 360, 360) each, to one fat percentage (n, 1).

    The branches' maps are concatenated before the fully connected layers.
    """

    def __init__(self, dense: int = DENSE) -> None:
        super().__init__()
        self.ar = _branch()
        self.hr = _branch()
        self.dense = nn.Linear(2 * FILTERS[-1] * _MAPS**2, dense)
        self.output = nn.Linear(dense, 1)

    def forward(self, ar: Tensor, hr: Tensor) -> Tensor:
        """Fat percent of each pair."""
        joined = torch.cat([self.ar(ar).flatten(1), self.hr(hr).flatten(1)], dim=1)
        percent: Tensor = self.output(torch.relu(self.dense(joined)))
        return percent

    def import_branches(self, ar: HmrsCNN, hr: HmrsCNN) -> None:
        """Take over the convolutional weights of two trained single-view networks."""
        self.ar.load_state_dict(ar.features.state_dict())
        self.hr.load_state_dict(hr.features.state_dict())


def _branch() -> nn.Sequential:
    layers: list[nn.Module] = [nn.BatchNorm2d(1)]
    for before, after in pairwise((1, *FILTERS)):
        layers += [nn.Conv2d(before, after, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2, 2)]
    return nn.Sequential(*layers)
