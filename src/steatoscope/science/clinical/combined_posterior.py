"""Fat given what clinical values expect (log-Normal) and an image estimate (Normal): Bayes on a line of fat values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_STEPS: Final = 601
_WIDE: Final = 6.0
_SHARPEST: Final = 0.25


@dataclass(frozen=True, slots=True)
class ImageReading:
    """An image estimate in percent = intercept + slope x fat + Normal error of ``sd`` points (at least 0.25)."""

    value_percent: float
    sd: float
    intercept: float = 0.0
    slope: float = 1.0


def posterior_quantiles(mean: ArrayLike, variance: ArrayLike, image: ImageReading | None, levels: ArrayLike) -> Floats:
    """Quantiles (m, q) of fat in percent at ``levels`` (q,) for m expectations of log fat, mean and variance (m,).

    Without an image they are those of the log-Normal distribution; with one, of its product with the image's
    likelihood, summed over 601 places within six SD. Values are kept within 0-100.
    """
    mu, sd = np.atleast_1d(np.asarray(mean, float)), np.sqrt(np.atleast_1d(np.asarray(variance, float)))
    z = np.linspace(-_WIDE, _WIDE, _STEPS)
    fat = np.minimum(np.exp(mu[:, None] + sd[:, None] * z), 100.0)
    weight = -0.5 * np.broadcast_to(z**2, fat.shape)
    if image is not None:
        error = max(image.sd, _SHARPEST)
        weight = weight - 0.5 * ((image.value_percent - image.intercept - image.slope * fat) / error) ** 2
    mass = np.exp(weight - weight.max(axis=1, keepdims=True))
    # cumulated at the middle of each step, so that the median of a symmetric mass is its centre
    share = np.cumsum(mass, axis=1) - 0.5 * mass
    share /= mass.sum(axis=1, keepdims=True)
    wanted = np.atleast_1d(np.asarray(levels, float))
    return np.array([np.interp(wanted, row, values) for row, values in zip(share, fat, strict=True)])
