"""Measures what values of the shipped ultrasound model are held against: the healthy set and the repeatability."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip, USView
from steatoscope.learning.inference.byra2018_data import Patient, read_byra2018
from steatoscope.learning.inference.us_reference import HEALTHY, NAME
from steatoscope.learning.inference.us_steatosis import SteatosisModel, SteatosisPrediction, load_us_steatosis
from steatoscope.learning.training.pack import write_model
from steatoscope.pipeline.us_views import prepare_view
from steatoscope.science.clinical.normality import fit_normality
from steatoscope.science.metrics.repeatability import repeatability_figures

VERSION: Final = "1.0.0"
HEALTHY_BELOW_PERCENT: Final = 5.0
BASIS: Final = (
    "first against second half of the frames of one session, 40 patients that the model was fitted on: a lower bound "
    "of what visits differ by"
)


@dataclass(frozen=True, eq=False)
class Measured:
    """What the model says of every patient: biopsy fat (n,), values of both halves (n, 2), readings (n, k) as robust
    scores of all frames, and their names."""

    patients: tuple[str, ...]
    fat: NDArray[np.float64]
    halves: NDArray[np.float64]
    values: NDArray[np.float64]
    features: tuple[str, ...]
    scores: NDArray[np.float64]

    @property
    def healthy(self) -> NDArray[np.bool_]:
        """Which patients the biopsy calls normal."""
        return self.fat < HEALTHY_BELOW_PERCENT


def train_us_reference(data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> dict[str, Any]:
    """Measure and pack; ``data`` is laid out as Byra 2018. There are no steps and nothing to resume."""
    del steps, resume
    patients, model = read_byra2018(data), load_us_steatosis()
    found = measure(patients, model)
    figures, spans = repeatability_figures(found.halves, seed=seed)
    metrics = {name: {"value": value, "ci95": [spans[name].low, spans[name].high]} for name, value in figures.items()}
    packed = _pack(found, patients, model, out / "model", metrics, seed)
    return {"model": str(packed), "healthy": int(found.healthy.sum()), **metrics}


def measure(patients: Sequence[Patient], model: SteatosisModel) -> Measured:
    """Read every patient: all frames, and both halves of them in their order, each as an analysis would."""
    whole = [_read(patient.frames, model) for patient in patients]
    halves = [[_read(part, model).value_percent for part in np.array_split(p.frames, 2)] for p in patients]
    names = tuple(str(name) for name in model.document["distribution"]["features"])
    return Measured(
        patients=tuple(patient.name for patient in patients),
        fat=np.array([patient.fat for patient in patients]),
        halves=np.array(halves),
        values=np.array([one.value_percent for one in whole]),
        features=names,
        scores=np.array([[one.healthy_z[name] for name in names] for one in whole]),
    )


def _read(frames: NDArray[np.uint8], model: SteatosisModel) -> SteatosisPrediction:
    view, _ = prepare_view(USView(None, Clip(frames)))
    if view is None:
        raise ValueError("a clip shows no scan sector")
    return model.predict(view.frames, view.sector, view.pixel_mm)


def _pack(
    found: Measured, patients: Sequence[Patient], model: SteatosisModel, folder: Path, metrics: Any, seed: int
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = fit_normality(found.features, found.scores[found.healthy]).document()
    path = folder / HEALTHY
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")
    rc, wsd = metrics["rc"], metrics["wsd"]
    rows = [
        {"path": f"byra2018/{p.name}/{number:02d}", "sha256": sha256, "subject": p.name}
        for p in patients
        for number, sha256 in zip(p.numbers, p.sha256, strict=True)
    ]
    write_model(
        folder,
        name=NAME,
        version=VERSION,
        modality="US",
        task="reference",
        files={HEALTHY: path},
        settings={
            "of": {"name": model.folder.name, "version": model.version, "sha256": model.sha256},
            "scale": "histology",
            "repeatability": {
                "rc_points": round(rc["value"], 4),
                "rc_ci95": [round(value, 4) for value in rc["ci95"]],
                "wsd_points": round(wsd["value"], 4),
                "lower_bound": True,
                "basis": BASIS,
            },
        },
        card=card(found, metrics, model),
        training={
            "recipe": NAME,
            "seed": seed,
            "data": rows,
            "split": "none: distances of healthy patients are leave-one-out; repeatability on patients of the fit",
            "metrics": metrics,
        },
        licence="Apache-2.0; measured on CC BY 4.0 data",
    )
    return folder


def card(found: Measured, metrics: Mapping[str, Any], model: SteatosisModel) -> str:
    """The card: what it holds, how it was measured, what it is not."""
    healthy, n = int(found.healthy.sum()), len(found.patients)
    rc = metrics["rc"]
    return f"""# {NAME} {VERSION}

What values of {model.folder.name} {model.version} are held against. It estimates no fat.

- Healthy set: {len(found.features)} brightness readings of {healthy} patients whose biopsy showed less than 5 % fat
  (Byra 2018, an obese surgical cohort, one scanner). Distance by Mahalanobis under a shrunk covariance (Ledoit and
  Wolf 2004); distances of the healthy patients are leave-one-out. The readings need neither the localiser nor a kidney.
- Repeatability within a session: first against second half of the frames of {n} patients, each half read as an
  analysis would: coefficient {rc["value"]:.1f} points (95 % {rc["ci95"][0]:.1f} to {rc["ci95"][1]:.1f}) of histology.
- Data: Byra M and others, Int J CARS 2018, doi:10.1007/s11548-018-1843-2; Zenodo 1009146, CC BY 4.0.

## Limits

- {healthy} patients are few: a share of healthy patients moves in steps of 1 in {healthy + 1}.
- They are not healthy volunteers: obese patients before surgery, with a biopsy.
- The distance tells unusual from usual, not fat from lean: `steatoscope benchmark normality` sets it beside the model.
- Repeatability within one session leaves out another day, probe, hand and gain: it is a lower bound. It was measured on
  patients that the model was fitted on.
"""
