"""Graders of ultrasound frames: the four-grade ResNet-50 (R2), attention and multi-view fusion with two heads (R3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from steatoscope.learning.models.backbones import Encoder

GRADES = 4


class FourGradeNet(nn.Module):
    """Frames (n, 1, 224, 224) to log-probabilities (n, 4): pooled encoder, linear, ReLU, dropout, linear, LogSoftmax.

    The width of the hidden layer is not published: 512. ``covariates`` (n, k), standardised, are joined to the pooled
    features where the network was made for them.
    """

    def __init__(
        self, encoder: str = "resnet50", *, weights: str = "random", hidden: int = 512, covariates: int = 0
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, weights)
        self.covariates = covariates
        self.head = nn.Sequential(
            nn.Linear(self.encoder.width + covariates, hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, GRADES),
            nn.LogSoftmax(dim=1),
        )

    def features(self, frames: Tensor) -> Tensor:
        """Pooled features (n, width)."""
        pooled: Tensor = self.encoder(frames).mean(dim=(2, 3))
        return pooled

    def forward(self, frames: Tensor, covariates: Tensor | None = None) -> Tensor:
        """Log-probabilities of normal, mild, moderate and severe."""
        grades: Tensor = self.head(joined(self.features(frames), covariates))
        return grades


def joined(features: Tensor, covariates: Tensor | None) -> Tensor:
    """Features (n, width) with covariates (n, k) after them, where there are any."""
    return features if covariates is None else torch.cat([features, covariates], dim=1)


class SpatialAttention(nn.Module):
    """Weights of places that sum to one, learnt from the maps (Woo et al. 2018, without the channel part)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Conv2d(width, 64, 1), nn.Tanh(), nn.Conv2d(64, 1, 1))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features (n, width) and the weights (n, rows, columns)."""
        scores = self.score(maps)
        weights = torch.softmax(scores.flatten(1), dim=1)
        pooled = torch.einsum("ncp,np->nc", maps.flatten(2), weights)
        return pooled, weights.reshape(len(maps), *maps.shape[2:])


class TwoHeads(nn.Module):
    """Features to grade logits (n, 4) and fat percent (n, 1), which cannot be negative."""

    def __init__(self, width: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.grade = nn.Linear(width, GRADES)
        self.fat = nn.Linear(width, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and percent."""
        kept = self.dropout(features)
        return self.grade(kept), nn.functional.softplus(self.fat(kept))


class AttentionGrader(nn.Module):
    """Frames (n, 1, rows, columns) to grade logits (n, 4) and fat percent (n, 1), pooled by learnt attention.

    ``covariates`` (n, k), standardised, are joined to the pooled features where the network was made for them.
    """

    def __init__(self, encoder: str = "efficientnet-b3", *, weights: str = "random", covariates: int = 0) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, weights)
        self.covariates = covariates
        self.attention = SpatialAttention(self.encoder.width)
        self.heads = TwoHeads(self.encoder.width + covariates)

    def forward(self, frames: Tensor, covariates: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits and percent."""
        pooled, _ = self.attention(self.encoder(frames))
        found: tuple[Tensor, Tensor] = self.heads(joined(pooled, covariates))
        return found


class MultiViewGrader(nn.Module):
    """Any number of views (n, views, 1, rows, columns) to grade logits (n, 4) and fat percent (n, 1).

    ``present`` (n, views) is 1 where a view was taken: views are weighted by learnt attention among those that are
    there, so that some may be missing from a patient but not every one. ``covariates`` (n, k), standardised, are
    joined to the fused features where the network was made for them.
    """

    def __init__(self, encoder: str = "efficientnet-b3", *, weights: str = "random", covariates: int = 0) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, weights)
        self.covariates = covariates
        width = self.encoder.width
        self.attention = SpatialAttention(width)
        self.view_score = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))
        self.heads = TwoHeads(width + covariates)

    def forward(self, views: Tensor, present: Tensor, covariates: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits and percent of each patient."""
        count, number = views.shape[:2]
        pooled, _ = self.attention(self.encoder(views.flatten(0, 1)))
        pooled = pooled.reshape(count, number, -1)
        scores = self.view_score(pooled)[..., 0]
        scores = torch.where(present > 0.5, scores, torch.full_like(scores, -1e4))
        fused = torch.einsum("nvc,nv->nc", pooled, torch.softmax(scores, dim=1))
        found: tuple[Tensor, Tensor] = self.heads(joined(fused, covariates))
        return found


class Ensemble(nn.Module):
    """Mean of several graders' probabilities (n, 4) and percents (n, 1), and the spread (n, 1) of the percents."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities, percent and the standard deviation among members."""
        found = [member(*inputs) for member in self.members]
        probabilities = torch.stack([torch.softmax(logits, dim=1) for logits, _ in found]).mean(dim=0)
        percents = torch.stack([percent for _, percent in found])
        mean = percents.mean(dim=0)
        spread = ((percents - mean) ** 2).mean(dim=0).sqrt()
        return probabilities, mean, spread
