"""The steatosis model behind the grader's port: each view read, the patient's value the mean over usable views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from steatoscope.apps.wiring.ultrasound import heat_of, mean_estimate
from steatoscope.apps.wiring.us_flat import flat_picture
from steatoscope.apps.wiring.us_reference import healthy_items, own_repeatability
from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.measurement import Measurement, Quality
from steatoscope.core.report import Contribution, StartPart
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.ports import PreparedView, Site, UltrasoundReading, ViewReading
from steatoscope.science.uncertainty.ensemble import spread

if TYPE_CHECKING:
    from steatoscope.learning.explain.us_steatosis_effects import ValueAccount
    from steatoscope.learning.inference.us_steatosis import SteatosisModel, SteatosisPrediction

INDEX_METHOD = "automatic: mean grey of liver over renal cortex, at the places found by the model"
SITE_NAMES = {"liver": "index: liver", "kidney": "index: cortex"}
HEAT_TITLE = "Points of fat from each 1 % of the tissue"
START = "the model's value where every reading is the mean of its training patients"
REMOTE = "Its brightness is far from that of the training scanner: the spread was doubled, the value is untested."
VALIDATION_ERROR = "rmse_percent"
GOOD_INDEX, FAIR_INDEX = 0.7, 0.4


@dataclass(frozen=True, eq=False)
class SteatosisGrader:
    """Reads each view; views unlike the training data are left out, all of them unlike it is a refusal."""

    folder: ModelFolder

    def __call__(self, views: Sequence[PreparedView], level: float) -> UltrasoundReading:
        """The patient's reading on the histology scale; its interval is at the level of the model (0.9)."""
        from steatoscope.learning.explain.us_steatosis_effects import value_account

        model = opened(self.folder)
        answers = [
            model.predict(view.frames, view.sector, view.pixel_mm, without_kidney=view.without_kidney) for view in views
        ]
        usable = [answer for answer in answers if not answer.out_of_distribution]
        read = usable or answers
        accounts = [value_account(model.path(kidney=one.kidney_in_view), one.readings) for one in read]
        start, parts = contributions(accounts)
        error = self.folder.training.get("metrics", {}).get(VALIDATION_ERROR)
        scores = [answer.healthy_z["score"] for answer in read if np.isfinite(answer.healthy_z["score"])]
        return UltrasoundReading(
            estimate=estimate(model, read),
            contributions=tuple(parts),
            start=start,
            views=tuple(view_reading(answer, member_spread(model, answer, error)) for answer in answers),
            out_of_distribution=not usable,
            refusal=None if usable else flat_picture(read[0].readings),
            notes=_notes(read, len(answers) - len(usable) if usable else 0),
            model=self.folder.part(),
            baseline_z=round(float(np.mean(scores)), 6) if scores else None,
            baseline_items=healthy_items(
                self.folder, model.document["healthy"], read, kidney=any(a.kidney_in_view for a in read)
            ),
            repeatability=own_repeatability(self.folder),
        )


@lru_cache(maxsize=4)
def opened(folder: ModelFolder) -> SteatosisModel:
    """The model of a folder, read once."""
    from steatoscope.learning.inference.us_steatosis import read_us_steatosis

    return read_us_steatosis(folder.folder)


def estimate(model: SteatosisModel, answers: Sequence[SteatosisPrediction]) -> FatEstimate:
    """The patient's fat from the views' answers: means of values, bounds and grade probabilities; the set of grades."""
    from steatoscope.learning.inference.us_steatosis_judge import grade_set

    kidney = any(answer.kidney_in_view for answer in answers)
    words = f"{'with' if kidney else 'without'} a kidney in view"
    found = mean_estimate(answers, "histology", f"{model.folder.name} {model.version}, {words}")
    if len(answers) == 1:
        return replace(found, grade_set=answers[0].grade_set)
    limit = model.path(kidney=kidney).judge.grade_limit
    return replace(found, grade_set=grade_set(found.probabilities or {}, limit))


def member_spread(
    model: SteatosisModel, answer: SteatosisPrediction, error: float | None = None
) -> tuple[Measurement, ...]:
    """The SD in points of fat between the members of the model, each taken alone.

    Its quality is ``warn`` above ``error``, the RMSE in points of fat of the model's own validation.
    """
    members = model.path(kidney=answer.kidney_in_view).member_values(answer.readings)
    between = float(spread(members[:, None]).between[0])
    wide = error is not None and between > error
    method = f"SD of the value by {members.size} members of the model"
    told = f"{method}; more than the model's validation error of {error:.1f} points" if wide else method
    return (Measurement("member_spread", between, "%", told, quality="warn" if wide else "ok"),)


def view_reading(answer: SteatosisPrediction, more: tuple[Measurement, ...] = ()) -> ViewReading:
    """A view's map, its hepatorenal index, and where that was read; nothing of a view that was left out."""
    if answer.out_of_distribution:
        return ViewReading(kidney=answer.kidney_in_view)
    return ViewReading(
        heat=heat_of(answer.heatmap),
        heat_title=HEAT_TITLE,
        measurements=(*hepatorenal(answer), *more),
        sites=tuple(_sites(answer)),
        kidney=answer.kidney_in_view,
    )


def hepatorenal(answer: SteatosisPrediction) -> tuple[Measurement, ...]:
    """The automatic hepatorenal index with its quality; value None where no kidney is in view."""
    if answer.hepatorenal_index is None:
        return (Measurement("hepatorenal_index", None, "1", "no kidney in view", quality="poor"),)
    method = f"{INDEX_METHOD}; quality {answer.index_quality:.2f}"
    return (
        Measurement(
            "hepatorenal_index", answer.hepatorenal_index, "1", method, quality=index_words(answer.index_quality)
        ),
    )


def index_words(quality: float) -> Quality:
    """``ok``, ``warn`` or ``poor`` for a quality score of the index (0-1), by the limits of the index by hand."""
    return "ok" if quality >= GOOD_INDEX else "warn" if quality >= FAIR_INDEX else "poor"


def _sites(answer: SteatosisPrediction) -> list[Site]:
    sites = []
    for one in answer.located:
        if one.kidney is None:
            continue
        for name, box in (("liver", one.liver), ("kidney", one.kidney)):
            x0, y0, x1, y1 = (round(value) for value in box)
            sites.append(Site(SITE_NAMES[name], (x0, y0, x1, y1), one.frame))
    return sites


def contributions(accounts: Sequence[ValueAccount]) -> tuple[StartPart, list[Contribution]]:
    """Where the value starts and what each group of readings adds, strongest first: means over the views' accounts.

    A group that a view does not read (of a kidney out of view) adds nothing there.
    """
    count = len(accounts)
    names = dict.fromkeys(effect.name for account in accounts for effect in account.effects)
    found = []
    for name in names:
        own = [effect for account in accounts for effect in account.effects if effect.name == name]
        points = sum(effect.effect_points for effect in own) / count
        values = [effect.value for effect in own if np.isfinite(effect.value)]
        value = float(np.mean(values)) if values else 0.0
        found.append(Contribution(feature=name, value=round(value, 6), effect_points=round(points, 6)))
    start = float(np.mean([account.start_percent for account in accounts]))
    strongest = sorted(found, key=lambda part: -abs(part.effect_points))
    return StartPart(value_percent=round(start, 6), text=START), strongest


def _notes(answers: Sequence[SteatosisPrediction], left_out: int) -> tuple[QualityCode, ...]:
    notes = []
    if any(answer.remote for answer in answers):
        notes.append(warning("W_OOD", REMOTE))
    elif any(answer.unusual for answer in answers):
        notes.append(warning("W_OOD", "The interval was widened by 1.5 on the square root of fat."))
    if left_out:
        notes.append(warning("W_OOD", f"{left_out} view(s) unlike the training data were left out."))
    return tuple(notes)
