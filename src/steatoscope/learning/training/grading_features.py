"""Maps of a frozen encoder for every frame and its varied copies, computed once and kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.inference.us_graph_view import CARD_MEAN, CARD_SD
from steatoscope.learning.models.backbones import Encoder
from steatoscope.learning.training.features_cache import FeatureCache, cache_folder, key_of
from steatoscope.learning.training.grading_covariates import Covariates
from steatoscope.learning.training.grading_data import GradingSet, Rows
from steatoscope.learning.training.grading_nets import PLAIN_SIDE

VERSION: Final = "grading-maps-1"
Told = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Bank:
    """Maps (frames, 1 + variants, channels, rows, columns) in half precision of a set; copy 0 is the frame itself.

    ``covariates`` are known facts of the patients, if any are given; ``known`` (patients, k) are they as a network
    takes them, fitted on training patients.
    """

    data: GradingSet
    maps: NDArray[np.floating]
    weights: dict[str, Any]
    encoder: str
    covariates: Covariates | None = None
    known: NDArray[np.float64] | None = None

    @property
    def copies(self) -> int:
        """The frame and its varied copies."""
        return int(self.maps.shape[1])

    def pooled(self) -> Bank:
        """The bank with the mean of each map in its place, (frames, copies, channels, 1, 1), in single precision."""
        return replace(self, maps=self.maps.mean(axis=(3, 4), keepdims=True, dtype=np.float32))

    def knowing(self, learn: Rows) -> Bank:
        """The bank with covariates as networks take them, fitted on the patients ``learn``; itself without any.

        Together they are scaled to the root sum of squares of the pooled maps: beside a thousand features a few columns
        of spread 1 would hardly be learnt from.
        """
        if self.covariates is None:
            return self
        known = self.covariates.fitted(learn)
        pooled = self.maps[self.data.frames_of(learn), 0].mean(axis=(2, 3), dtype=np.float32)
        size = float(np.sqrt((pooled.astype(np.float64) ** 2).sum(axis=1).mean()))
        return replace(self, known=known * size / np.sqrt(max(known.shape[1], 1)))

    @property
    def facts(self) -> int:
        """How many columns of covariates a network takes."""
        return 0 if self.known is None else self.known.shape[1]

    def of(self, rows: Rows, copies: Rows | int = 0) -> torch.Tensor:
        """Maps of some frames, the given copy of each."""
        return torch.from_numpy(self.maps[rows, copies]).float()

    @cached_property
    def small(self) -> NDArray[np.float32]:
        """Pictures (frames, copies, 112, 112), about 0-1, for a network without a pretrained encoder; made once."""
        pairs = [(row, copy) for row in range(len(self.data)) for copy in range(self.copies)]
        found = [
            cv2.resize(self.data.picture(*pair), (PLAIN_SIDE,) * 2, interpolation=cv2.INTER_AREA) for pair in pairs
        ]
        return np.asarray(np.stack(found) * CARD_SD + CARD_MEAN, np.float32).reshape(-1, self.copies, *found[0].shape)


def frozen_encoder(name: str, weights: str) -> Encoder:
    """An encoder that is not trained; random weights are the same every time. Raises as :class:`Encoder`."""
    torch.manual_seed(0)
    encoder = Encoder(name, weights)
    encoder.freeze()
    return encoder


def feature_bank(
    data: GradingSet, network: Encoder, *, variants: int, told: Told | None = None, keep: bool = True
) -> Bank:
    """The maps of all frames by a frozen encoder; kept in the cache unless its weights have no hash.

    Raises E_WEIGHTS where the maps are not finite in half precision: weights that belong to another network.
    """
    record = {**network.record, "encoder": network.name}
    model = key_of((VERSION, network.name, str(record["sha256"]), data.preparation, str(variants)))
    # A copy's generator takes the frame's place in the set, so that place belongs to what is kept.
    names = [f"{row}-{sample.sha256}" for row, sample in enumerate(data.source.samples)]

    cache = FeatureCache(cache_folder() / "grading", model) if keep and record["sha256"] is not None else None
    found = np.stack([_kept_maps(network, data, row, variants, cache, n) for row, n in enumerate(_told(names, told))])
    if not np.isfinite(found).all():
        cause = f"The maps of {network.name} with weights of {record['source']} are not finite."
        raise SteatoscopeError("E_WEIGHTS", path=str(record["source"]), cause=cause)
    return Bank(data, found, record, network.name)


def _told(names: list[str], told: Told | None) -> Iterator[str]:
    for row, name in enumerate(names):
        if told is not None and row % 50 == 0:
            told(f"features of frame {row + 1} of {len(names)}")
        yield name


def _kept_maps(
    network: Encoder, data: GradingSet, row: int, variants: int, cache: FeatureCache | None, name: str
) -> NDArray[np.float16]:
    """Maps of a frame and its copies, from the cache where they are there."""
    known = None if cache is None else cache.get(name)
    if known is not None:
        return known["maps"]
    pictures = np.stack([data.picture(row, variant) for variant in range(1 + variants)])
    with torch.no_grad():
        maps = network(torch.from_numpy(pictures)[:, None]).numpy().astype(np.float16)
    if cache is not None:
        cache.put(name, {"maps": maps})
    return np.asarray(maps)
