"""A network of recipe R4 trained on every subject, for a fixed length: nobody is left to watch for the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from steatoscope.learning.training.hmrs import pair, train_hmrs
from steatoscope.learning.training.hmrs_cohort import Frames
from steatoscope.learning.training.hmrs_folds import NETWORK, Branch, How, Network, deterministic, network_for

PREFIX: Final = "whole"


def fit_whole(
    out: Path,
    branch: Branch,
    views: Mapping[str, Frames],
    fat: NDArray[np.float64],
    how: How,
    *,
    steps: int | None = None,
) -> Network:
    """Train for ``how.epochs`` (or ``steps``) and keep the network in ``out/whole-BRANCH``.

    The two-branch network needs both one-view networks in ``out``. With ``how.resume`` a finished one is read back.
    """
    folder = out / f"{PREFIX}-{branch}"
    inputs = list(views.values()) if branch == "both" else [views[branch]]
    network = network_for(branch, out / PREFIX, how.seed, how.weights)
    if how.resume and (folder / NETWORK).is_file():
        network.load_state_dict(torch.load(folder / NETWORK, map_location="cpu", weights_only=True))
        return network
    with deterministic():
        train_hmrs(
            network, inputs, pair(inputs, fat), None,
            epochs=how.epochs, steps=steps, seed=how.seed, bf16=how.bf16, out=folder, resume=how.resume,
        )  # fmt: skip
    torch.save(network.state_dict(), folder / NETWORK)
    return network
