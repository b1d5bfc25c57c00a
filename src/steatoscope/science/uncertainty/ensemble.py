"""What members of an ensemble say together: their mean, how far they are apart, and whose doubt is whose.

Members that differ show what the training data leave open (epistemic); what each member is unsure of itself is noise
of the task (aleatoric) (Lakshminarayanan, NeurIPS 2017; Depeweg, ICML 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """Of n patients: the members' mean, the SD between members, the SD within them, and both together, each (n,)."""

    mean: Values
    between: Values
    within: Values

    @property
    def total(self) -> Values:
        """The SD of the mixture of members."""
        return np.hypot(self.between, self.within)


@dataclass(frozen=True, eq=False)
class Doubt:
    """Of n patients, in nats, each (n,): doubt of the mean, the members' own doubt, and their disagreement."""

    total: Values
    own: Values
    disagreement: Values


def spread(values: ArrayLike, sds: ArrayLike | None = None) -> Spread:
    """Spread of members' values (members, n), with the SDs (members, n) that members give themselves where they do.

    The SD between members has ``members`` in its denominator, so that the law of total variance holds exactly. Raises
    ValueError for fewer than two members or other shapes.
    """
    given = np.asarray(values, dtype=np.float64)
    own = np.zeros_like(given) if sds is None else np.asarray(sds, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] < 2 or own.shape != given.shape:
        raise ValueError(f"values need shape (members, n) with two members or more, not {given.shape}")
    return Spread(given.mean(axis=0), given.std(axis=0), np.sqrt((own**2).mean(axis=0)))


def doubt(probabilities: ArrayLike) -> Doubt:
    """Entropies of members' class probabilities (members, n, classes); the disagreement is their mutual information.

    Raises ValueError for fewer than two members.
    """
    given = np.asarray(probabilities, dtype=np.float64)
    if given.ndim != 3 or given.shape[0] < 2:
        raise ValueError(f"probabilities need shape (members, n, classes) with two members or more, not {given.shape}")
    total = entr(given.mean(axis=0)).sum(axis=1)
    own = entr(given).sum(axis=2).mean(axis=0)
    return Doubt(total, own, np.maximum(total - own, 0.0))
