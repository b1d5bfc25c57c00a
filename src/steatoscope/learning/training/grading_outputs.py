"""What a grader answers, the mean of several, and their calibration by one temperature; nothing of torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from steatoscope.learning.training.grading_data import Rows, Values

COLDEST, HOTTEST = 0.25, 8.0


@dataclass(frozen=True, eq=False)
class Outputs:
    """Answers by row: grade logits (n, 4), fat percent (n,) or NaN, and the patient of each row."""

    logits: Values
    fat: Values
    patient: Rows


def mean_outputs(members: list[Outputs]) -> Outputs:
    """An ensemble's answers: log of the mean probabilities, mean fat."""
    shares = np.mean([np.exp(log_softmax(one.logits, axis=1)) for one in members], axis=0)
    fat = np.mean([one.fat for one in members], axis=0)
    return Outputs(np.log(np.maximum(shares, 1e-7)), fat, members[0].patient)


def fitted_temperature(logits: Values, grade: NDArray[np.intp]) -> float:
    """The temperature (0.25-8) with the lowest NLL of grades (n,) by logits (n, 4) (Guo et al. 2017); 1 without any."""
    if not len(grade):
        return 1.0

    def nll(log_t: float) -> float:
        found = log_softmax(logits / np.exp(log_t), axis=1)
        return -float(found[np.arange(len(grade)), grade].mean())

    best = minimize_scalar(nll, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(best.x))
