"""One site's part of federated averaging: it keeps its images, and gives weights of heads that it has trained on them.

Run by NVIDIA FLARE in the site's own process, as a script with the site's settings. What leaves the site are the
weights of the heads and its number of frames.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import torch
from numpy.typing import NDArray

from steatoscope.learning.training.grading_data import GradingSet, Rows, read_grading
from steatoscope.learning.training.grading_features import Bank, feature_bank, frozen_encoder
from steatoscope.learning.training.grading_fit import Training, train_grader
from steatoscope.learning.training.grading_nets import headed
from steatoscope.learning.training.splits import k_fold

KEY: Final = "numpy_key"
WEIGHT: Final = "NUM_STEPS_CURRENT_ROUND"
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FederatedPlan:
    """How heads of R2 are trained together: ``rounds`` of ``epochs`` at each site, at a constant rate.

    ``folds`` heads leave a fold of every site's patients out, one more learns from all of them.
    """

    rounds: int = 20
    epochs: int = 2
    folds: int = 5
    seed: int = 0
    rate: float = 3e-4
    variants: int = 2
    encoder: str = "efficientnet-lite0"
    weights: str = "package"


def start_vectors(plan: FederatedPlan) -> Vectors:
    """The heads before training (folds + 1, weights), the same at all sites."""
    return np.stack([_flat(_head(plan, number)) for number in range(plan.folds + 1)])


def left_out(data: GradingSet, plan: FederatedPlan) -> list[Rows]:
    """The patients of a site that each head does not learn from; none for the last. Raises E_SUBJECTS."""
    folds = k_fold(data.source, plan.folds, strata=data.grade[data.patient], seed=plan.seed)
    return [*(np.unique(data.patient[fold.test]) for fold in folds), np.zeros(0, dtype=np.intp)]


def site_bank(data: GradingSet, plan: FederatedPlan) -> Bank:
    """Pooled features of a site's frames and their varied copies."""
    return feature_bank(data, frozen_encoder(plan.encoder, plan.weights), variants=plan.variants).pooled()


def local_round(heads: Vectors, bank: Bank, out: list[Rows], plan: FederatedPlan, number: int) -> Vectors:
    """All heads (folds + 1, weights) trained further at one site in round ``number``."""
    everyone = np.arange(len(bank.data.names), dtype=np.intp)
    found = []
    for fold, (vector, without) in enumerate(zip(heads, out, strict=True)):
        network = head_of(plan, vector)
        seed = plan.seed + 1000 * (number + 1) + fold
        how = Training(plan.epochs, seed, peak=plan.rate, plateau=True)
        train_grader(network, bank, np.setdiff1d(everyone, without), None, how)
        found.append(_flat(network))
    return np.stack(found)


def head_of(plan: FederatedPlan, vector: Vectors) -> torch.nn.Module:
    """The head of R2, for pooled features, with these weights."""
    network = _head(plan, 0)
    torch.nn.utils.vector_to_parameters(torch.from_numpy(vector.copy()), network.parameters())
    return network


def _head(plan: FederatedPlan, number: int) -> torch.nn.Module:
    return headed("r2", plan.encoder, plan.seed + number, 0.0)


def _flat(network: torch.nn.Module) -> Vectors:
    return np.asarray(torch.nn.utils.parameters_to_vector(network.parameters()).detach().numpy(), dtype=np.float32)


def settings_document(plan: FederatedPlan, data: Path) -> dict[str, Any]:
    """What a site's settings file holds."""
    return {"data": str(data.resolve()), "plan": asdict(plan)}


def main() -> None:
    """Answer every round of the server with the heads trained here."""
    import nvflare.client as flare

    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", required=True, type=lambda word: Path(unquote(word)))
    settings = json.loads(parser.parse_args().settings.read_text(encoding="utf-8"))
    plan = FederatedPlan(**settings["plan"])
    torch.set_num_threads(1)
    flare.init()
    data = read_grading(Path(settings["data"]))
    bank, out = site_bank(data, plan), left_out(data, plan)
    while flare.is_running():
        given = flare.receive()
        if given is None:
            break
        number = int(given.current_round or 0)
        heads = np.asarray(given.params[KEY], dtype=np.float32)
        trained = local_round(heads, bank, out, plan, number)
        logging.getLogger(__name__).info("round %d: %d patients, %d frames", number, len(data.names), len(data))
        flare.send(flare.FLModel(params={KEY: trained}, meta={WEIGHT: len(data)}))


if __name__ == "__main__":
    main()
