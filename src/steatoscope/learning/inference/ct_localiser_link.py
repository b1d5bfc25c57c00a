"""Detections on single slices become regions: one kind in a place, and one region where neighbours overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steatoscope.core.image import Mask
from steatoscope.learning.inference.detector import Detection

SAME_PLACE, SAME_REGION = 0.5, 0.3


@dataclass(frozen=True, eq=False)
class Seen:
    """A detection and the number of its slab."""

    place: int
    detection: Detection


def one_kind_a_place(found: Sequence[Detection]) -> list[Detection]:
    """Detections, surest first, without those that overlap a surer one of any kind by half of the smaller mask."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda item: -item.score):
        if all(overlap(one.mask, other.mask) < SAME_PLACE for other in kept):
            kept.append(one)
    return kept


def linked(seen: Sequence[Seen]) -> list[list[Seen]]:
    """Chains of detections on neighbouring slabs whose masks share 0.3 of the smaller; surer ones choose first."""
    chains: list[list[Seen]] = []
    for one in sorted(seen, key=lambda item: (item.place, -item.detection.score)):
        open_chains = [chain for chain in chains if chain[-1].place == one.place - 1]
        shares = [overlap(one.detection.mask, chain[-1].detection.mask) for chain in open_chains]
        if shares and max(shares) >= SAME_REGION:
            open_chains[int(np.argmax(shares))].append(one)
        else:
            chains.append([one])
    return chains


def region_score(chain: Sequence[Seen], *, several: bool) -> float:
    """Mean of the two best scores of a chain; what shows on one slab only, of ``several``, has half of its score.

    Noise and partial volume seldom persist from slab to slab; a single slab's score stands as it is.
    """
    scores = sorted((one.detection.score for one in chain), reverse=True)
    return float(sum(scores[:2]) / 2.0) if several else float(scores[0])


def overlap(one: Mask, other: Mask) -> float:
    """Share (0-1) of the smaller of two masks of one shape that both have; 0 where one is empty."""
    least = min(int(one.sum()), int(other.sum()))
    return float((one & other).sum()) / least if least else 0.0
