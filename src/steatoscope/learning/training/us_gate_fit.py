"""The gate's fit: principal directions of liver pictures, and limits from groups that a fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_gate import GateReference, Values

FOLDS: Final = 5
QUANTILE: Final = 0.995
MARGIN: Final = 1.1
"""The limit over the quantile of left-out pictures; chosen while looking at the tuned foreign kinds alone."""


def fit(embeddings: Values, directions: int) -> GateReference:
    """The reference of embeddings (n, features) without limits."""
    centre, spread = embeddings.mean(axis=0), embeddings.std(axis=0) + 1e-6
    _, singular, right = np.linalg.svd((embeddings - centre) / spread, full_matrices=False)
    kept = min(directions, singular.size - 1)
    variances = singular[:kept] ** 2 / len(embeddings)
    return GateReference(centre, spread, np.asarray(right[:kept]), np.asarray(variances))


def fitted(
    embeddings: Values, groups: Sequence[str], directions: int, seed: int
) -> tuple[GateReference, dict[str, Any]]:
    """The reference with limits, and its figures: what share of left-out pictures each limit would refuse.

    Distances are those of pictures whose group the fit has not seen, over five folds by group; each limit is their
    99.5 % quantile with a margin of 1.1.
    """
    left_out = left_out_distances(embeddings, groups, directions, seed)
    limits = MARGIN * np.quantile(left_out, QUANTILE, axis=0)
    whole = fit(embeddings, directions)
    reference = GateReference(
        whole.centre, whole.spread, whole.directions, whole.variances, float(limits[0]), float(limits[1])
    )
    scores = (left_out / limits).max(axis=1)
    return reference, {
        "pictures": len(embeddings),
        "groups": len(set(groups)),
        "left_out_refused": float((scores > 1.0).mean()),
        "left_out_score_median": round(float(np.median(scores)), 4),
        "left_out_score_99": round(float(np.quantile(scores, 0.99)), 4),
    }


def left_out_distances(embeddings: Values, groups: Sequence[str], directions: int, seed: int) -> Values:
    """Both distances (n, 2) of every picture from a fit that has not seen its group."""
    fold = folds_of(groups, seed)
    found = np.zeros((len(embeddings), 2))
    for number in range(FOLDS):
        own = fold == number
        reference = fit(embeddings[~own], directions)
        found[own] = [reference.distances(row) for row in embeddings[own]]
    return found


def folds_of(groups: Sequence[str], seed: int) -> NDArray[np.intp]:
    """The fold (n,) of every row, whole groups together, folds of nearly equal numbers of groups."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    place = {names[int(k)]: n % FOLDS for n, k in enumerate(order)}
    return np.array([place[group] for group in groups], dtype=np.intp)
