"""From a training set to the cases of a protocol: subjects, sites and file contents come along."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.protocols import Cases
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_audit import Label, check_labels


def cases_of(data: TrainingSet, inputs: NDArray[Any], label: Label = "fat_percent") -> Cases:
    """A set's samples as cases: ``inputs`` (n, ...) is what a learner sees of each, the truth is its ``label``.

    Groups of look-alikes stand for subjects; sites are those of the manifest's column ``site``. Raises E_LABEL,
    E_LABELSCALE, E_SUBJECTS as the audit does, E_ANNOTATION where inputs do not fit the samples.
    """
    if len(inputs) != len(data):
        cause = f"There are {len(inputs)} inputs for {len(data)} samples."
        raise SteatoscopeError("E_ANNOTATION", path=str(data.folder), cause=cause)
    check_labels(data.samples, label)
    sites = [sample.site for sample in data.samples]
    return Cases(
        inputs,
        np.array([getattr(sample.labels, label) for sample in data.samples]),
        data.groups,
        np.array([site or "" for site in sites]) if any(sites) else None,
        np.array([sample.sha256 for sample in data.samples]),
    )
