"""Anomaly networks of R5: an encoder with a class head and a mask head, from which a heat map is read."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steatoscope.learning.models.backbones import Encoder

FINDINGS = ("normal", "benign", "malignant")


class AnomalyNet(nn.Module):
    """Pictures (n, 1, rows, columns) to finding logits (n, 3) and mask logits (n, 1, rows, columns).

    The mask head is a small decoder on the encoder's last maps; its maps also weigh the places that are pooled for
    the class, so that the class is read where the mask is.
    """

    def __init__(self, encoder: str = "mobilenet-v2", *, weights: str = "random", width: int = 64) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, weights)
        self.reduce = nn.Sequential(
            nn.Conv2d(self.encoder.width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.mask = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, 1, 1))
        self.dropout = nn.Dropout(0.3)
        self.finding = nn.Linear(2 * self.encoder.width, len(FINDINGS))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the findings and of the mask at the picture's resolution."""
        maps = self.encoder(pictures)
        coarse = self.mask(self.reduce(maps))
        weights = torch.sigmoid(coarse)
        inside = (maps * weights).sum(dim=(2, 3)) / weights.sum(dim=(2, 3)).clamp(min=1e-3)
        logits = self.finding(self.dropout(torch.cat([maps.mean(dim=(2, 3)), inside], dim=1)))
        size = (int(pictures.shape[2]), int(pictures.shape[3]))
        return logits, F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
