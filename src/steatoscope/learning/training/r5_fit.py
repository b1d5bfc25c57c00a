"""Training of the class and mask heads of R5 on maps of a frozen encoder, and what they answer.

Loss as published: binary cross-entropy of the classes (one against the rest) and of the mask, soft Dice of the mask, L2
as weight decay; Adam with a one-cycle schedule of fixed length. Nothing is chosen on any held-out picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from steatoscope.learning.models.backbones import Encoder
from steatoscope.learning.models.cards import card_named
from steatoscope.learning.training.features_cache import Arrays, FeatureCache, cache_folder, key_of
from steatoscope.learning.training.loop import Batch, Schedule, fit
from steatoscope.learning.training.losses import bce_dice
from steatoscope.learning.training.r5_pictures import CLASSES, FindingSet, encoder_input

VERSION: Final = "r5-maps-1"
BATCH: Final = 32
PEAK_RATE, L2 = 1e-3, 1e-4
MASK_STEP: Final = 4
MASK_SHARE: Final = 1.0
SETTLE: Final = 8
Told = Callable[[str], None]
Rows = NDArray[np.intp]


class AnomalyHeads(nn.Module):
    """The heads of :class:`AnomalyNet`, same names and shapes, on maps (n, width, rows, columns) of its encoder."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.mask = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, 1, 1))
        self.dropout = nn.Dropout(0.3)
        self.finding = nn.Linear(2 * channels, len(CLASSES))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the findings (n, 3) and of the mask (n, 1, rows, columns) at the maps' resolution."""
        coarse = self.mask(self.reduce(maps))
        weights = torch.sigmoid(coarse)
        inside = (maps * weights).sum(dim=(2, 3)) / weights.sum(dim=(2, 3)).clamp(min=1e-3)
        return self.finding(self.dropout(torch.cat([maps.mean(dim=(2, 3)), inside], dim=1))), coarse


@dataclass(frozen=True, eq=False)
class MapBank:
    """Maps (n, copies, channels, rows, columns) and masks (n, copies, side / 4, side / 4), 0-255, of a set.

    ``network`` is the frozen encoder that gave the maps, ``record`` says where its weights are from.
    """

    data: FindingSet
    maps: NDArray[np.float16]
    masks: NDArray[np.uint8]
    side: int
    network: Encoder
    record: dict[str, Any]


@dataclass(frozen=True, eq=False)
class HeadAnswers:
    """Class logits (n, 3) and mask probabilities (n, side, side) of some pictures."""

    logits: NDArray[np.float64]
    heat: NDArray[np.float32]


def encoder_of(architecture: str) -> str:
    """The encoder's name on an architecture's card."""
    return str(card_named(architecture).settings["encoder"])


def map_bank(
    data: FindingSet, architecture: str, weights: str, *, side: int, copies: int, told: Told | None = None
) -> MapBank:
    """Maps of every picture and ``copies`` varied ones; kept in the cache unless the encoder's weights are random."""
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    name = encoder_of(architecture)
    network = Encoder(name, weights)
    if weights == "random":
        _settle(network, data)
    network.freeze()
    record = {**network.record, "encoder": name, "frozen": True}

    def compute(rows: list[int]) -> list[Arrays]:
        return [_read(network, data, row, side, copies, told) for row in rows]

    keep = record["sha256"] is not None
    model = key_of((VERSION, data.name, name, str(record["sha256"]), str(side), str(copies)))
    cache = FeatureCache(cache_folder() / "r5", model)
    found = cache.compute(data.keys, compute) if keep else compute(list(range(len(data))))
    maps, masks = (np.stack([one[part] for one in found]) for part in ("maps", "masks"))
    return MapBank(data, maps, masks, side, network, record)


def _settle(network: nn.Module, data: FindingSet) -> None:
    """Batch statistics of a few pictures: without them random weights let values grow from layer to layer."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    rows = np.linspace(0, len(data) - 1, min(SETTLE, len(data))).astype(int)
    network.train()
    with torch.no_grad():
        network(torch.from_numpy(np.stack([encoder_input(data.draw(int(row), 0).grey) for row in rows]))[:, None])


def _read(network: Encoder, data: FindingSet, row: int, side: int, copies: int, told: Told | None) -> Arrays:
    if told is not None and row % 50 == 0:
        told(f"{data.name}: maps of picture {row + 1} of {len(data)}")
    drawn = [data.draw(row, copy) for copy in range(1 + copies)]
    inputs = torch.from_numpy(np.stack([encoder_input(one.grey) for one in drawn]))[:, None]
    with torch.no_grad():
        maps = network(inputs).numpy().astype(np.float16)
    small = (side // MASK_STEP, side // MASK_STEP)
    masks = [cv2.resize(one.mask.astype(np.float32) * 255.0, small, interpolation=cv2.INTER_AREA) for one in drawn]
    return {"maps": maps, "masks": np.rint(np.stack(masks)).astype(np.uint8)}


def fit_heads(
    bank: MapBank, rows: Rows, *, steps: int, seed: int, out: Path | None = None, resume: bool = False
) -> AnomalyHeads:
    """Heads trained on some pictures of a bank in all their copies, classes weighed against their frequency."""
    torch.manual_seed(seed)
    heads = AnomalyHeads(bank.maps.shape[2])
    counts = np.bincount(bank.data.labels[rows], minlength=len(CLASSES))
    weights = torch.from_numpy((len(rows) / np.maximum(counts, 1) / len(CLASSES)).astype(np.float32))
    schedule = Schedule(steps, PEAK_RATE, weight_decay=L2, bf16=False, save_every=max(50, steps // 4), seed=seed)
    fit(heads, _batches(bank, rows, seed), _loss(weights), schedule, out=out, resume=resume)
    return heads


def _batches(bank: MapBank, rows: Rows, seed: int) -> Callable[[int], Batch]:
    def batch(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.choice(rows, BATCH, replace=len(rows) < BATCH)
        copies = rng.integers(bank.maps.shape[1], size=BATCH)
        maps = torch.from_numpy(bank.maps[chosen, copies].astype(np.float32))
        masks = torch.from_numpy(bank.masks[chosen, copies][:, None].astype(np.float32) / 255.0)
        return maps, torch.from_numpy(bank.data.labels[chosen].astype(np.int64)), masks

    return batch


def _loss(weights: Tensor) -> Callable[..., Tensor]:
    def loss(heads: nn.Module, maps: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
        logits, coarse = heads(maps)
        wanted = F.one_hot(labels, len(CLASSES)).float()
        finding = F.binary_cross_entropy_with_logits(logits, wanted, weight=weights.to(labels.device)[labels][:, None])
        size = (int(masks.shape[2]), int(masks.shape[3]))
        fine = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        return finding + MASK_SHARE * bce_dice(fine, masks)

    return loss


def answer(heads: AnomalyHeads, bank: MapBank, rows: Sequence[int] | Rows) -> HeadAnswers:
    """What heads answer for some pictures of a bank, unvaried."""
    heads.eval()
    maps = torch.from_numpy(bank.maps[np.asarray(rows), 0].astype(np.float32))
    with torch.no_grad():
        logits, coarse = heads(maps)
        fine = F.interpolate(coarse, size=(bank.side, bank.side), mode="bilinear", align_corners=False)
    return HeadAnswers(logits.double().numpy(), torch.sigmoid(fine)[:, 0].numpy())
