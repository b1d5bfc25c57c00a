"""What federated heads are compared with: the same heads on pooled data, or at one site alone, for as many epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from steatoscope.learning.training.federated_site import FederatedPlan, Vectors, head_of, site_bank, start_vectors
from steatoscope.learning.training.grading_data import GradingSet, Rows
from steatoscope.learning.training.grading_features import Bank
from steatoscope.learning.training.grading_fit import Training, answers, train_grader
from steatoscope.learning.training.grading_outputs import Outputs


def alone(
    data: GradingSet, out: Sequence[Rows], groups: Mapping[str, Rows | None], plan: FederatedPlan
) -> tuple[Bank, dict[str, Vectors]]:
    """The set's features, and by name the heads (folds + 1, weights) that learnt from a group of patients only.

    ``groups`` names patients, None for all; each head leaves its fold ``out``, and starts as the federated one does.
    """
    bank = site_bank(data, plan)
    everyone = np.arange(len(data.names), dtype=np.intp)
    found = {}
    for name, group in groups.items():
        members = everyone if group is None else group
        found[name] = np.stack([
            _trained(start, bank, np.setdiff1d(members, without), plan, fold)
            for fold, (start, without) in enumerate(zip(start_vectors(plan), out, strict=True))
        ])  # fmt: skip
    return bank, found


def _trained(start: Vectors, bank: Bank, learn: Rows, plan: FederatedPlan, fold: int) -> Vectors:
    network = head_of(plan, start)
    how = Training(plan.rounds * plan.epochs, plan.seed + fold, peak=plan.rate, plateau=True)
    train_grader(network, bank, learn, None, how)
    flat = torch.nn.utils.parameters_to_vector(network.parameters()).detach().numpy()
    return np.asarray(flat, dtype=np.float32)


def answers_of(heads: Vectors, bank: Bank, out: Sequence[Rows], plan: FederatedPlan) -> list[Outputs]:
    """What each fold's head answers for the patients left out of it."""
    return [answers(head_of(plan, head), bank, rows) for head, rows in zip(heads, out, strict=False)]


def keep_head(head: Vectors, plan: FederatedPlan, path: Path) -> None:
    """Write a head as the state of a ``FourGradeNet`` without its encoder."""
    torch.save(head_of(plan, head).state_dict(), path)
