"""An ensemble of attention graders on one shared encoder, as recipe R3 trains and ships it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from steatoscope.learning.models.backbones import Encoder
from steatoscope.learning.models.grading import SpatialAttention, TwoHeads

MEMBERS = 5
_FLOOR = 1e-12


class SharedEnsemble(nn.Module):
    """Frames (n, 1, rows, columns) to mean probabilities (n, 4), mean fat percent (n, 1) and its spread (n, 1).

    ``members`` attention and head pairs with start weights of their own read the maps of one encoder: R3 freezes it, so
    that members differ in what is learnt. The spread is the standard deviation among members.
    """

    def __init__(self, encoder: str = "efficientnet-b3", *, weights: str = "random", members: int = MEMBERS) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, weights)
        self.attentions = nn.ModuleList(SpatialAttention(self.encoder.width) for _ in range(members))
        self.heads = nn.ModuleList(TwoHeads(self.encoder.width) for _ in range(members))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities, percent and spread."""
        maps = self.encoder(frames)
        grades, fats = [], []
        for attention, head in zip(self.attentions, self.heads, strict=True):
            pooled, _ = cast(SpatialAttention, attention)(maps)
            logits, fat = head(pooled)
            grades.append(torch.softmax(logits, dim=1))
            fats.append(fat)
        percents = torch.stack(fats)
        mean = percents.mean(dim=0)
        spread = (((percents - mean) ** 2).mean(dim=0) + _FLOOR).sqrt()
        return torch.stack(grades).mean(dim=0), mean, spread
