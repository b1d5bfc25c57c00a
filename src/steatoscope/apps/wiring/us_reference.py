"""The ultrasound model's readings beside its biopsy-normal training patients, and the repeatability of its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from steatoscope.apps.wiring.models import shipped
from steatoscope.core.report import BaselineItem
from steatoscope.learning.inference.us_reference import NAME, belongs_to, healthy_set, repeatability
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.baseline_own import distance_item
from steatoscope.pipeline.us import HEALTHY_PATIENTS
from steatoscope.science.clinical.repeatability import Repeatability

if TYPE_CHECKING:
    from steatoscope.learning.inference.us_first import USFatPrediction

SHOWN: Final = ("difference", "slope_all", "slope_free", "contrast_spread", "speckle_sd")
_UNITS: Final = {"slope_all": "grey/depth", "slope_free": "grey/depth"}


def healthy_items(
    model: ModelFolder, healthy: Mapping[str, Mapping[str, float]], answers: Sequence[USFatPrediction], *, kidney: bool
) -> tuple[BaselineItem, ...]:
    """A few readings by robust z, and the distance of all of them from the healthy set where one belongs to the model.

    ``healthy`` are median and spread by reading. What compares with the kidney is left out where none is in view.
    """
    scores = _means(answers)
    shown = [name for name in SHOWN if name in scores and name in healthy and (kidney or name != "difference")]
    items = [_reading(name, scores[name], healthy[name]) for name in shown]
    reference = shipped(NAME)
    if reference is not None and belongs_to(reference, model):
        normal = healthy_set(reference)
        distance = normal.distance(scores)
        if distance is not None:
            share, n = normal.share_further(distance), normal.healthy.size
            items.append(distance_item(distance, share, normal.features, HEALTHY_PATIENTS, n))
    return tuple(items)


def own_repeatability(model: ModelFolder) -> Repeatability | None:
    """The repeatability in the model's own settings, else in the reference that belongs to it."""
    found = repeatability(model.settings)
    if found is not None:
        return found
    reference = shipped(NAME)
    return repeatability(reference.settings) if reference is not None and belongs_to(reference, model) else None


def _means(answers: Sequence[USFatPrediction]) -> dict[str, float]:
    names = dict.fromkeys(name for answer in answers for name in answer.healthy_z)
    found = {name: [a.healthy_z[name] for a in answers if name in a.healthy_z] for name in names}
    return {name: float(np.mean(values)) for name, values in found.items() if np.isfinite(values).all()}


def _reading(name: str, z: float, usual: Mapping[str, Any]) -> BaselineItem:
    middle, spread = float(usual["median"]), float(usual["spread"])
    quantiles = [(p, round(middle + spread * score, 4)) for p, score in _SCORES]
    return BaselineItem(
        quantity=name,
        value=round(middle + spread * z, 4),
        unit=_UNITS.get(name, "grey"),
        reference=HEALTHY_PATIENTS,
        z=round(z, 3),
        quantiles=quantiles,
        text="Robust z: median and scaled median deviation of the biopsy-normal patients.",
    )


_SCORES: Final = ((2.5, -1.959964), (25.0, -0.67449), (50.0, 0.0), (75.0, 0.67449), (97.5, 1.959964))
