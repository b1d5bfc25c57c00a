"""Networks of the grading recipes as they are trained on cached maps, and as they ship: encoder and heads in one graph.

A grader of ``models/grading.py`` whose encoder is taken out answers maps as it would have answered frames; put back,
it is the same network. Grad-CAM of a head over pooled features needs no gradient machinery: the gradient is constant
over the map, so that its weights are a product of the head's matrices.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor, nn

from steatoscope.core.errors import UsageError
from steatoscope.learning.models.backbones import Encoder
from steatoscope.learning.models.grading import (
    AttentionGrader,
    FourGradeNet,
    MultiViewGrader,
    SpatialAttention,
    TwoHeads,
)

PLAIN_SIDE: Final = 112


class PooledGrader(nn.Module):
    """Maps to grade logits (n, 4) and fat percent (n, 1) by their mean over places: the encoder without attention."""

    def __init__(self, encoder: str, *, weights: str = "random") -> None:
        super().__init__()
        frozen = Encoder(encoder, weights)
        self.encoder: nn.Module = frozen
        self.heads = TwoHeads(frozen.width)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and percent."""
        found: tuple[Tensor, Tensor] = self.heads(self.encoder(frames).mean(dim=(2, 3)))
        return found


def headed(kind: str, encoder: str, seed: int, mean_fat: float, *, covariates: int = 0) -> nn.Module:
    """A grader without its encoder, to be trained on maps: ``r2``, ``pooled``, ``attention`` or ``fusion``.

    The fat output starts at the training mean; all but ``pooled`` take as many ``covariates``. Raises UsageError for
    another kind.
    """
    torch.manual_seed(seed)
    network: nn.Module
    if kind == "r2":
        network = FourGradeNet(encoder, covariates=covariates)
    elif kind == "pooled":
        network = PooledGrader(encoder)
    elif kind == "attention":
        network = AttentionGrader(encoder, covariates=covariates)
    elif kind == "fusion":
        network = MultiViewGrader(encoder, covariates=covariates)
    else:
        raise UsageError(f"there is no grader of the kind {kind!r}")
    network.encoder = nn.Identity()
    start_at(network, mean_fat)
    return network


def start_at(network: nn.Module, mean_fat: float) -> None:
    """Let the fat output of a network with two heads start at a percentage."""
    if isinstance(heads := getattr(network, "heads", None), TwoHeads):
        nn.init.constant_(heads.fat.bias, mean_fat)


class FourGradeGraph(nn.Module):
    """What ships of R2: frames to log-probabilities (n, 4) and the Grad-CAM map of each grade (n, 4, rows, columns)."""

    def __init__(self, encoder: Encoder, head: FourGradeNet) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head.head

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities and maps."""
        maps = self.encoder(frames)
        grades: Tensor = self.head(maps.mean(dim=(2, 3)))
        return grades, grad_cam(self.head, maps)


def grad_cam(head: nn.Sequential, maps: Tensor) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017) of each grade's logit, (n, grades, rows, columns), of linear-ReLU-linear heads.

    The derivative of a logit by a pooled feature is the same at every place of its map: the second matrix, its columns
    switched off where the ReLU is, times the first.
    """
    first, last = cast(nn.Linear, head[0]), cast(nn.Linear, head[3])
    active = (first(maps.mean(dim=(2, 3))) > 0).to(maps.dtype)
    weights = (active[:, None] * last.weight[None]) @ first.weight
    places = maps.shape[2] * maps.shape[3]
    return torch.relu(torch.einsum("nkc,nchw->nkhw", weights, maps) / places)


class AttentionGraph(nn.Module):
    """What ships of R3: one encoder with several attention heads.

    Frames (n, 1, 224, 224) to log-probabilities (n, 4) of the mean over members, fat percent (n, 1), and the members'
    mean attention (n, rows, columns).
    """

    def __init__(self, encoder: Encoder, members: list[AttentionGrader]) -> None:
        super().__init__()
        self.encoder = encoder
        self.attentions = nn.ModuleList(member.attention for member in members)
        self.heads = nn.ModuleList(member.heads for member in members)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probabilities, percent, attention."""
        maps = self.encoder(frames)
        grades, fats, places = [], [], []
        for attention, head in zip(self.attentions, self.heads, strict=True):
            where = torch.softmax(cast(SpatialAttention, attention).score(maps).flatten(2), dim=2)
            logits, fat = head((maps.flatten(2) * where).sum(dim=2))
            grades.append(torch.softmax(logits, dim=1))
            fats.append(fat)
            places.append(where.reshape(-1, *maps.shape[2:]))
        mean = torch.stack(grades).mean(dim=0).clamp_min(1e-7)
        return torch.log(mean), torch.stack(fats).mean(dim=0), torch.stack(places).mean(dim=0)
