"""Losses of segmentation, classification and regression."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bce_dice(logits: Tensor, target: Tensor, known: Tensor | None = None, *, smooth: float = 20.0) -> Tensor:
    """Binary cross-entropy plus soft Dice, per class, of logits and targets 0-1 (n, classes, rows, columns).

    ``known`` (same shape, 0-1) weighs pixels: 0 where the truth is unknown. Dice is pooled over the batch, which keeps
    it steady where a picture lacks a class (Milletari et al. 2016).
    """
    weight = torch.ones_like(target) if known is None else known
    cross = F.binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum") / weight.sum().clamp(1.0)
    return cross + soft_dice(torch.sigmoid(logits) * weight, target * weight, smooth=smooth)


def soft_dice(probability: Tensor, target: Tensor, *, smooth: float = 20.0) -> Tensor:
    """One minus the soft Dice coefficient, pooled over the batch, mean over classes."""
    both = 2.0 * (probability * target).sum((0, 2, 3)) + smooth
    return (1.0 - both / ((probability + target).sum((0, 2, 3)) + smooth)).mean()


def soft_iou(probability: Tensor, target: Tensor, *, smooth: float = 20.0) -> Tensor:
    """One minus the soft intersection over union (Jaccard), pooled over the batch, mean over classes."""
    both = (probability * target).sum((0, 2, 3))
    return (1.0 - (both + smooth) / ((probability + target).sum((0, 2, 3)) - both + smooth)).mean()


def weighted_nll(logits: Tensor, labels: Tensor, class_weights: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Class-weighted negative log-likelihood with label smoothing (Szegedy et al. 2016); labels (n,) are indices."""
    return F.cross_entropy(logits, labels, weight=class_weights.to(logits.device), label_smoothing=smoothing)


def class_and_value(
    logits: Tensor,
    labels: Tensor,
    estimate: Tensor,
    value: Tensor,
    class_weights: Tensor,
    *,
    share: float = 0.5,
    smoothing: float = 0.0,
) -> Tensor:
    """Composite loss: weighted NLL of the class and smooth L1 of the value (n,), mixed by ``share`` of the value."""
    nll = weighted_nll(logits, labels, class_weights, smoothing=smoothing)
    return (1.0 - share) * nll + share * F.smooth_l1_loss(estimate, value)
