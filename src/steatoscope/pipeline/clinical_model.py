"""A site's own combined model as a JSON file, with the cross-validation that says what it is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.clinical_cohort import SIMULATED_SUBJECT, read_cohort, too_few
from steatoscope.science.clinical.combined import CombinedModel
from steatoscope.science.clinical.combined_fit import cross_validate, fit_combined
from steatoscope.science.clinical.combined_scores import cohort_figures
from steatoscope.science.clinical.combined_variables import NAMES
from steatoscope.science.clinical.gaussian_missing import Gaussian

COORDINATES = ("log_fat", *NAMES)


class ClinicalModelFile(BaseModel):
    """A combined model: mean and covariance over log fat and the variables, where it comes from, what it scored."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False)

    schema_: Literal["steatoscope.clinical-model/1"] = Field(default="steatoscope.clinical-model/1", alias="schema")
    name: str = Field(min_length=1, max_length=80)
    source: str = Field(max_length=200)
    scale: str
    simulated: bool
    coordinates: list[str]
    mean: list[float]
    covariance: list[list[float]]
    n_patients: int = Field(ge=3)
    link: tuple[float, float, float] | None = None
    cross_validation: dict[str, Any] = Field(default_factory=dict)


def fit_model_file(
    cohort_path: Path, *, name: str, scale: str, folds: int = 5, seed: int = 0, simulated: bool = False
) -> ClinicalModelFile:
    """Fit the cohort of a CSV table and cross-validate it over patients; raises the errors of ``read_cohort``.

    A cohort whose subjects are all named SIMULATED makes a simulated model in any case.
    """
    cohort = read_cohort(cohort_path, scale)
    patients = int(np.unique(cohort.patients).size)
    simulated = simulated or all(name.startswith(SIMULATED_SUBJECT) for name in cohort.patients)
    kind = "simulated adults" if simulated else "patients"
    try:
        model = fit_combined(cohort, name, f"fitted on {patients} {kind} of {cohort_path.name}", simulated=simulated)
        found = cross_validate(cohort, folds, seed)
    except ValueError as fault:
        raise too_few(cohort_path, f"{str(fault).capitalize()}.") from fault
    figures = cohort_figures(cohort, found, seed=seed)
    return ClinicalModelFile(
        name=model.name,
        source=model.source,
        scale=scale,
        simulated=simulated,
        coordinates=list(COORDINATES),
        mean=model.joint.mean.tolist(),
        covariance=model.joint.covariance.tolist(),
        n_patients=patients,
        link=model.link,
        cross_validation={"folds": folds, "seed": seed, "by": "patient", "figures": figures},
    )


def write_model(model: ClinicalModelFile, path: Path) -> None:
    """Write the model as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(model.model_dump(by_alias=True), indent=1) + "\n", encoding="utf-8")


def read_model(path: Path) -> CombinedModel:
    """A model from its file; raises E_PATH, and E_FORMAT where it is no clinical model or does not fit this version."""
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    try:
        found = ClinicalModelFile.model_validate_json(path.read_bytes())
    except ValidationError as fault:
        words = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors()[:3])
        raise _unfit(path, words) from fault
    mean, covariance = np.array(found.mean), np.array(found.covariance, dtype=np.float64, ndmin=2)
    size = len(COORDINATES)
    if tuple(found.coordinates) != COORDINATES or mean.shape != (size,) or covariance.shape != (size, size):
        raise _unfit(path, "its variables are not those of this version")
    if not np.allclose(covariance, covariance.T) or float(np.linalg.eigvalsh(covariance).min()) <= 0.0:
        raise _unfit(path, "its covariance is not symmetric and positive definite")
    joint = Gaussian(mean, covariance, found.n_patients)
    return CombinedModel(found.name, joint, found.scale, found.simulated, found.source, found.link)


def _unfit(path: Path, words: str) -> SteatoscopeError:
    return SteatoscopeError(
        "E_FORMAT",
        path=str(path),
        message="The file is no combined model.",
        cause=f"{words[:1].upper()}{words[1:]}.",
        remedy="Give a file that 'steatoscope clinical fit' wrote.",
    )
