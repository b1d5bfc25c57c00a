"""The steatosis model behind the grader's port: each view read, the patient's value the mean over usable views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from steatoscope.apps.wiring.ultrasound import MOST_CONTRIBUTIONS, STATISTIC, heat_of, mean_interval
from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.measurement import Measurement, Quality
from steatoscope.core.report import Contribution, SteatosisPart
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.ports import PreparedView, Site, UltrasoundReading, ViewReading
from steatoscope.science.clinical.grades import sd_from_interval
from steatoscope.science.clinical.scales import pdff_equivalent

if TYPE_CHECKING:
    from steatoscope.learning.inference.us_steatosis import SteatosisModel, SteatosisPrediction

INDEX_METHOD = "automatic: mean grey of liver over renal cortex, at the places found by the model"
SITE_NAMES = {"liver": "index: liver", "kidney": "index: cortex"}
GOOD_INDEX, FAIR_INDEX = 0.7, 0.4


@dataclass(frozen=True, eq=False)
class SteatosisGrader:
    """Reads each view; views unlike the training data are left out, all of them unlike it is a refusal."""

    folder: ModelFolder

    def __call__(self, views: Sequence[PreparedView], level: float) -> UltrasoundReading:
        """The patient's reading on the histology scale; its interval is at the level of the model (0.9)."""
        model = opened(self.folder)
        answers = [
            model.predict(view.frames, view.sector, view.pixel_mm, without_kidney=view.without_kidney) for view in views
        ]
        usable = [answer for answer in answers if not answer.out_of_distribution]
        read = usable or answers
        scores = [answer.healthy_z["score"] for answer in read if np.isfinite(answer.healthy_z["score"])]
        return UltrasoundReading(
            estimate=estimate(model, read),
            contributions=tuple(contributions(read)),
            views=tuple(view_reading(answer) for answer in answers),
            out_of_distribution=not usable,
            notes=_notes(read, len(answers) - len(usable) if usable else 0),
            model=self.folder.part(),
            baseline_z=round(float(np.mean(scores)), 6) if scores else None,
        )


@lru_cache(maxsize=4)
def opened(folder: ModelFolder) -> SteatosisModel:
    """The model of a folder, read once."""
    from steatoscope.learning.inference.us_steatosis import read_us_steatosis

    return read_us_steatosis(folder.folder)


def estimate(model: SteatosisModel, answers: Sequence[SteatosisPrediction]) -> FatEstimate:
    """The patient's fat from the views' answers: means of values, bounds and grade probabilities."""
    from steatoscope.learning.inference.us_steatosis_judge import grade_set

    interval = mean_interval([a.interval for a in answers])
    value = float(np.mean([a.value_percent for a in answers]))
    kidney = any(a.kidney_in_view for a in answers)
    grades = {
        label: float(np.mean([a.grade_probabilities[label] for a in answers]))
        for label in answers[0].grade_probabilities
    }
    probability = float(np.mean([a.probability for a in answers]))
    limit = model.path(kidney=kidney).judge.grade_limit
    return FatEstimate(
        value_percent=value,
        scale="histology",
        low=interval.low,
        high=interval.high,
        level=interval.level,
        sd=sd_from_interval(interval),
        method=f"{model.folder.name} {model.version}, {'with' if kidney else 'without'} a kidney in view",
        statistic=STATISTIC,
        pdff_equivalent=pdff_equivalent(value, interval),
        probabilities=grades,
        steatosis=SteatosisPart(
            probability=probability, threshold=answers[0].threshold, positive=probability >= answers[0].threshold
        ),
        grade_set=answers[0].grade_set if len(answers) == 1 else grade_set(grades, limit),
    )


def view_reading(answer: SteatosisPrediction) -> ViewReading:
    """A view's map, its hepatorenal index, and where that was read; nothing of a view that was left out."""
    if answer.out_of_distribution:
        return ViewReading(kidney=answer.kidney_in_view)
    return ViewReading(
        heat=heat_of(answer.heatmap),
        measurements=hepatorenal(answer),
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


def contributions(answers: Sequence[SteatosisPrediction]) -> list[Contribution]:
    """The strongest effects in points of fat, means over the views that have them; the rest stands as one line."""
    names = dict.fromkeys(effect.name for answer in answers for effect in answer.effects)
    found = [_mean_effect(answers, name) for name in names]
    known = [part for part in found if np.isfinite(part.value) and np.isfinite(part.effect_points)]
    strongest = sorted(known, key=lambda part: -abs(part.effect_points))
    shown, rest = strongest[:MOST_CONTRIBUTIONS], strongest[MOST_CONTRIBUTIONS:]
    if rest:
        points = sum(part.effect_points for part in rest)
        shown.append(Contribution(feature="all_others", value=float(len(rest)), effect_points=round(points, 6)))
    return shown


def _mean_effect(answers: Sequence[SteatosisPrediction], name: str) -> Contribution:
    effects = [effect for answer in answers for effect in answer.effects if effect.name == name]
    points = sum(effect.effect_points for effect in effects) / len(answers)
    value = float(np.mean([effect.value for effect in effects]))
    return Contribution(feature=name, value=round(value, 6), effect_points=round(float(points), 6))


def _notes(answers: Sequence[SteatosisPrediction], left_out: int) -> tuple[QualityCode, ...]:
    notes = []
    if any(answer.unusual for answer in answers):
        notes.append(warning("W_OOD", "The interval was widened by 1.5 on the square root of fat."))
    if left_out:
        notes.append(warning("W_OOD", f"{left_out} view(s) unlike the training data were left out."))
    return tuple(notes)
