"""Training of the liver and kidney localiser: pre-trained on liver outlines, tuned on hand-placed boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from steatoscope.learning.models.heatmap_unet import HeatmapUNet, null_logit
from steatoscope.learning.training.loop import Schedule, fit
from steatoscope.learning.training.us_steatosis_samples import (
    BoxSample,
    LiverSample,
    varied_box_sample,
    varied_liver_sample,
)

FOLDS, BATCH = 5, 16
PRETRAINING = Schedule(steps=220, peak_rate=5e-3, save_every=1000)
TUNING = Schedule(steps=130, peak_rate=3e-3, save_every=1000)
_LIVER_MASK = 2


def fold_of(fats: Sequence[float], seed: int) -> list[int]:
    """A fold (0-4) for every patient, fat spread evenly: neighbours in the order of fat get different folds."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(fats)), np.asarray(fats)))
    folds = np.empty(len(fats), dtype=int)
    for start in range(0, len(fats), FOLDS):
        block = order[start : start + FOLDS]
        folds[block] = rng.permutation(FOLDS)[: block.size]
    return [int(fold) for fold in folds]


def pretrained(load: Callable[[], list[LiverSample]], path: Path | None = None) -> HeatmapUNet:
    """A localiser that knows liver masks; read from ``path`` where it exists, else trained and written there."""
    network = _network()
    if path is not None and path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network
    samples = load()
    torch.manual_seed(0)
    network = _network()

    def batch_of(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng((11, step))
        drawn = [varied_liver_sample(samples[int(i)], rng) for i in rng.choice(len(samples), BATCH, replace=False)]
        return _tensors(drawn)

    fit(network, batch_of, _mask_loss, PRETRAINING)
    _keep(network, path)
    return network


def tuned(start: nn.Module, samples: list[BoxSample], seed: int, path: Path | None = None) -> HeatmapUNet:
    """A localiser tuned on patients' boxes: one random frame of 16 random patients a step."""
    network = _network()
    if path is not None and path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
        network.eval()
        return network
    network.load_state_dict(start.state_dict())
    by_patient: dict[int, list[BoxSample]] = {}
    for sample in samples:
        by_patient.setdefault(sample.patient, []).append(sample)
    patients = sorted(by_patient)

    def batch_of(step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng((23, seed, step))
        chosen = rng.choice(patients, BATCH, replace=len(patients) < BATCH)
        frames = [by_patient[int(p)][int(rng.integers(len(by_patient[int(p)])))] for p in chosen]
        return _tensors([varied_box_sample(frame, rng) for frame in frames])

    fit(network, batch_of, _box_loss, TUNING)
    _keep(network, path)
    network.eval()
    return network


def pair_members(
    samples: list[BoxSample], folds: list[int], start: nn.Module, folder: Path | None = None
) -> dict[tuple[int, int], HeatmapUNet]:
    """Ten localisers, one for every pair of folds left out."""
    found = {}
    for number, pair in enumerate(combinations(range(FOLDS), 2)):
        seen = [sample for sample in samples if folds[sample.patient] not in pair]
        path = None if folder is None else folder / f"pair_{pair[0]}{pair[1]}.pt"
        found[pair] = tuned(start, seen, number, path)
    return found


def _network() -> HeatmapUNet:
    network = HeatmapUNet()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack it
    return network


def _mask_loss(network: nn.Module, channels: Tensor, mask: Tensor) -> Tensor:
    logits = network(channels)[:, _LIVER_MASK].float()
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, mask)
    share = torch.sigmoid(logits)
    both, total = (share * mask).sum(dim=(1, 2)), share.sum(dim=(1, 2)) + mask.sum(dim=(1, 2))
    return entropy + 1.0 - ((2.0 * both + 1.0) / (total + 1.0)).mean()


def _box_loss(network: nn.Module, channels: Tensor, liver: Tensor, kidney: Tensor, seen: Tensor) -> Tensor:
    logits = network(channels).float()
    flat = logits[:, :2].flatten(2)
    of_liver = -(liver.flatten(1) * torch.log_softmax(flat[:, 0], dim=1)).sum(dim=1)
    empty = torch.full_like(flat[:, 1, :1], null_logit(flat.shape[2]))
    target = torch.cat([kidney.flatten(1) * seen[:, None], 1.0 - seen[:, None]], dim=1)
    of_kidney = -(target * torch.log_softmax(torch.cat([flat[:, 1], empty], dim=1), dim=1)).sum(dim=1)
    return (of_liver * seen).mean() + of_kidney.mean()


def _tensors(drawn: Sequence[tuple[object, ...]]) -> tuple[Tensor, ...]:
    columns = [
        torch.from_numpy(np.stack([np.asarray(v, dtype=np.float32) for v in part])) for part in zip(*drawn, strict=True)
    ]
    columns[0] = columns[0].to(memory_format=torch.channels_last)
    return tuple(columns)


def _keep(network: nn.Module, path: Path | None) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), path)
