"""The heads of R2 and R3 with values of a search, and the loss by which values are chosen: inner folds by patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import log_softmax, logsumexp
from torch import nn

from steatoscope.core.errors import UsageError
from steatoscope.learning.training.grading_data import Rows
from steatoscope.learning.training.grading_features import Bank
from steatoscope.learning.training.grading_fit import Training, answers, train_grader
from steatoscope.learning.training.grading_nets import headed
from steatoscope.learning.training.grading_outputs import Outputs
from steatoscope.learning.training.search import OneOf, Space, Span, Values
from steatoscope.learning.training.splits import k_fold

KINDS: Final[Mapping[str, str]] = {"r2-resnet50-grading": "r2", "r3-multiview": "attention"}


@dataclass(frozen=True, slots=True)
class HeadKind:
    """A head that is searched for: its kind, the recipe's own values, and the space around them."""

    kind: str
    own: Values
    space: Space


def head_kind(recipe: str, epochs: int) -> HeadKind:
    """The head of a recipe whose own training takes ``epochs``. Raises UsageError for a recipe without such a head."""
    if recipe not in KINDS:
        raise UsageError(f"search is for {', '.join(KINDS)}, not {recipe}")
    kind = KINDS[recipe]
    own = {"rate": 1e-4 if kind == "r2" else 1e-3, "decay": 1e-2, "dropout": 0.5 if kind == "r2" else 0.3}
    lengths = tuple(sorted({float(max(1, epochs // part)) for part in (1, 2, 4, 8)}))
    space: Space = {
        "rate": Span(1e-5, 1e-2, log=True),
        "decay": Span(1e-4, 0.3, log=True),
        "dropout": Span(0.0, 0.7),
        "epochs": OneOf(lengths),
    }
    return HeadKind(kind, {**own, "epochs": float(epochs)}, space)


def fit_head(head: HeadKind, bank: Bank, learn: Rows, values: Values, seed: int) -> nn.Module:
    """A head trained with these values on the patients ``learn``; the last weights stay."""
    network = headed(head.kind, bank.encoder, seed, float(bank.data.fat[learn].mean()))
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = values["dropout"]
    how = Training(
        int(values["epochs"]), seed, peak=values["rate"], decay=values["decay"], plateau=head.kind == "r2"
    )  # fmt: skip
    train_grader(network, bank, learn, None, how)
    return network


def inner_loss(head: HeadKind, bank: Bank, patients: Rows, values: Values, *, folds: int, seed: int) -> float:
    """Mean negative log-likelihood of the patients' grades, each answered by a head that has not seen the patient.

    Only ``patients`` are read. Raises E_SUBJECTS where they are too few for the folds.
    """
    rows = bank.data.frames_of(patients)
    inside = bank.data.source.subset(rows)
    owner = bank.data.patient[rows]
    losses = []
    for number, fold in enumerate(k_fold(inside, folds, strata=bank.data.grade[owner], seed=seed)):
        learn, test = np.unique(owner[fold.train]), np.unique(owner[fold.test])
        network = fit_head(head, bank, learn, values, seed + number)
        losses.append(patient_losses(answers(network, bank, test), bank.data.grade))
    return float(np.concatenate(losses).mean())


def patient_losses(found: Outputs, grade: Rows) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """-log of the mean probability (over rows) of each patient's true grade, patients in rising order."""
    shares = log_softmax(found.logits, axis=1)
    losses = []
    for patient in np.unique(found.patient):
        own = shares[found.patient == patient, grade[patient]]
        losses.append(float(np.log(len(own)) - logsumexp(own)))
    return np.array(losses)
