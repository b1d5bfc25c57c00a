"""Sliding windows, test-time augmentation and ensembles over any callable from images to maps, with numpy alone.

A callable takes (m, c, h, w) and gives (m, k, h, w): probabilities rather than logits, so that means are means of
probabilities. Windows are blended with Gaussian weights, which trust a window's centre more than its border, where the
network has seen less context (Isensee et al. 2021, nnU-Net: sigma of an eighth of the window).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]
Predict = Callable[[Maps], Maps]

SIGMA_SHARE = 0.125
LEAST_WEIGHT = 1e-3


def sliding_window(
    predict: Predict, images: Maps, window: tuple[int, int], *, overlap: float = 0.5, batch: int = 8
) -> Maps:
    """Maps (n, k, H, W) of images (n, c, H, W) from windows of one size, at most ``batch`` to a call.

    Neighbouring windows share at least ``overlap`` (0 to below 1) of their side. Images smaller than the window are
    extended by their border values, and the maps cut back. Raises ValueError for no images or a wrong overlap.
    """
    if images.ndim != 4 or not images.shape[0] or not 0.0 <= overlap < 1.0:
        raise ValueError("sliding windows need (n, c, H, W), n of 1 or more, and an overlap from 0 to below 1")
    padded = _extended(images, window)
    places = [
        (slice(row, row + window[0]), slice(column, column + window[1]))
        for row in starts(padded.shape[2], window[0], overlap)
        for column in starts(padded.shape[3], window[1], overlap)
    ]
    rows, columns = images.shape[2:]
    return _blended(predict, padded, places, batch)[:, :, :rows, :columns]


def starts(length: int, window: int, overlap: float) -> list[int]:
    """First positions of evenly spaced windows that cover a side from end to end."""
    if length <= window:
        return [0]
    steps = ceil((length - window) / max(1.0, window * (1.0 - overlap)))
    return [round(i * (length - window) / steps) for i in range(steps + 1)]


def gaussian_weights(window: tuple[int, int]) -> Maps:
    """Weights of a window: a Gaussian of an eighth of each side, 1 in the centre, nowhere below 0.001."""
    rows, columns = (_profile(side) for side in window)
    return np.maximum(np.outer(rows, columns), LEAST_WEIGHT).astype(np.float32)


def with_flip(predict: Predict) -> Predict:
    """The mean of the answers to the images and to their left-right mirror, mirrored back."""

    def answer(images: Maps) -> Maps:
        mirrored = predict(np.ascontiguousarray(images[..., ::-1]))[..., ::-1]
        return ((predict(images) + mirrored) / 2.0).astype(np.float32)

    return answer


def ensemble(members: Sequence[Predict], weights: Sequence[float] | None = None) -> Predict:
    """The weighted mean of several callables' answers; weights are scaled to a sum of one, equal where not given.

    Raises ValueError for no members, or for weights that are negative, all zero or of another number.
    """
    shares = np.ones(len(members)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not members or shares.shape != (len(members),) or shares.min() < 0.0 or shares.sum() == 0.0:
        raise ValueError("an ensemble needs members, and one weight of 0 or more for each")
    shares = shares / shares.sum()

    def answer(images: Maps) -> Maps:
        parts = [share * member(images) for share, member in zip(shares, members, strict=True) if share]
        mean: Maps = np.sum(parts, axis=0).astype(np.float32)
        return mean

    return answer


def _blended(predict: Predict, images: Maps, places: list[tuple[slice, slice]], batch: int) -> Maps:
    first = images[0][:, places[0][0], places[0][1]]
    weights = gaussian_weights((first.shape[1], first.shape[2]))
    covered = np.zeros(images.shape[2:], np.float32)
    for place in places:
        covered[place] += weights
    corners = [(n, *place) for n in range(images.shape[0]) for place in places]
    total: Maps | None = None
    for start in range(0, len(corners), batch):
        chosen = corners[start : start + batch]
        parts = predict(np.stack([images[n][:, rows, columns] for n, rows, columns in chosen]))
        if total is None:
            total = np.zeros((images.shape[0], parts.shape[1], *images.shape[2:]), np.float32)
        for (n, rows, columns), part in zip(chosen, parts, strict=True):
            total[n, :, rows, columns] += part * (weights / covered[rows, columns])
    assert total is not None
    return total


def _extended(images: Maps, window: tuple[int, int]) -> Maps:
    missing = [max(0, side - length) for side, length in zip(window, images.shape[2:], strict=True)]
    return np.pad(images, ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), mode="edge").astype(np.float32)


def _profile(side: int) -> NDArray[np.float64]:
    offset = np.arange(side) - (side - 1) / 2.0
    profile: NDArray[np.float64] = np.exp(-0.5 * (offset / (SIGMA_SHARE * side)) ** 2)
    return profile
