"""The first ultrasound model behind the grader's port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.measurement import Interval
from steatoscope.core.report import Contribution, ModelPart, SteatosisPart
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.ports import PreparedView, UltrasoundReading, ViewReading
from steatoscope.science.clinical.grades import sd_from_interval
from steatoscope.science.clinical.scales import pdff_equivalent_of

if TYPE_CHECKING:
    from steatoscope.learning.inference.us_first import USFatPrediction, USFirstModel

NAME = "us-first"
STATISTIC = "the model's patient estimate, mean over views"
MOST_CONTRIBUTIONS = 8
STEATOSIS_PERCENT = 5.0


@dataclass(frozen=True, eq=False)
class FirstModelGrader:
    """Reads each view with the first model and takes the mean; views unlike its training data are left out.

    ``folder`` holds a model of that kind other than the shipped one.
    """

    folder: ModelFolder | None = None

    def __call__(self, views: Sequence[PreparedView], level: float) -> UltrasoundReading:
        """The patient's reading on the histology scale; its interval is at the level of the model (0.9)."""
        from steatoscope.learning.inference.us_first import load_us_first, read_model

        model = load_us_first() if self.folder is None else read_model(self.folder)
        answers = [model.predict(view.frames, view.sector, view.pixel_mm) for view in views]
        usable = [answer for answer in answers if not answer.out_of_distribution]
        reading = _reading(model, usable or answers, refused=not usable, left_out=len(answers) - len(usable))
        return replace(reading, views=tuple(ViewReading(heat=_heat(answer)) for answer in answers))


def _reading(
    model: USFirstModel, answers: Sequence[USFatPrediction], *, refused: bool, left_out: int
) -> UltrasoundReading:
    first = answers[0]
    scores = [answer.healthy_z["score"] for answer in answers if np.isfinite(answer.healthy_z["score"])]
    return UltrasoundReading(
        estimate=_estimate(model, answers),
        contributions=tuple(_contributions(first)),
        views=(),
        out_of_distribution=refused,
        notes=_notes(answers, 0 if refused else left_out),
        model=ModelPart(name=NAME, version=model.version, sha256=model.sha256, card="us-first/card.md"),
        baseline_z=round(float(np.mean(scores)), 6) if scores else None,
    )


def _heat(answer: USFatPrediction) -> NDArray[np.float32] | None:
    """A view's map with NaN where the model does not look; None for views that were left out."""
    if answer.out_of_distribution:
        return None
    return heat_of(answer.heatmap)


def heat_of(heatmap: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map with NaN where the model does not look."""
    return np.where(heatmap == 0.0, np.nan, heatmap).astype(np.float32)


def mean_interval(intervals: Sequence[Interval]) -> Interval:
    """The mean of the views' bounds, at the level of the first."""
    low, high = (float(value) for value in np.mean([(one.low, one.high) for one in intervals], axis=0))
    return Interval(low, high, intervals[0].level)


def mean_estimate(answers: Sequence[USFatPrediction], scale: str, method: str) -> FatEstimate:
    """The patient's fat from the views' answers: means of values, bounds, grade and steatosis probabilities."""
    interval = mean_interval([answer.interval for answer in answers])
    value = float(np.mean([answer.value_percent for answer in answers]))
    labels = answers[0].grade_probabilities
    probability, threshold = float(np.mean([answer.probability for answer in answers])), answers[0].threshold
    return FatEstimate(
        value_percent=value,
        scale=scale,
        low=interval.low,
        high=interval.high,
        level=interval.level,
        sd=sd_from_interval(interval),
        method=method,
        statistic=STATISTIC,
        pdff_equivalent=pdff_equivalent_of(scale, value, interval),
        probabilities={
            label: float(np.mean([answer.grade_probabilities[label] for answer in answers])) for label in labels
        },
        steatosis=SteatosisPart(probability=probability, threshold=threshold, positive=probability >= threshold),
    )


def _estimate(model: USFirstModel, answers: Sequence[USFatPrediction]) -> FatEstimate:
    found = mean_estimate(answers, "histology", f"{NAME} {model.version}, first model")
    grades = model.grades(found.value_percent, unusual=any(answer.unusual for answer in answers))
    steatosis = SteatosisPart(
        probability=1.0 - grades["normal"],
        threshold=answers[0].threshold,
        positive=found.value_percent >= STEATOSIS_PERCENT,
    )
    return replace(found, probabilities=grades, steatosis=steatosis)


def _contributions(answer: USFatPrediction) -> list[Contribution]:
    strongest = sorted(answer.effects, key=lambda effect: -abs(effect.effect_points))[:MOST_CONTRIBUTIONS]
    return [
        Contribution(feature=e.name, value=round(e.value, 6), effect_points=round(e.effect_points, 6))
        for e in strongest
        if np.isfinite(e.value) and np.isfinite(e.effect_points)
    ]


def _notes(answers: Sequence[USFatPrediction], left_out: int) -> tuple[QualityCode, ...]:
    notes = [warning("W_FIRSTMODEL")]
    if any(answer.unusual for answer in answers):
        notes.append(warning("W_OOD", "The interval was widened by 1.5 on the square root of fat."))
    if left_out:
        notes.append(warning("W_OOD", f"{left_out} view(s) unlike the training data were left out."))
    return tuple(notes)
