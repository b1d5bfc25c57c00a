"""Any packed grading graph behind the grader's port: views read, the patient's value their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steatoscope.apps.wiring.ultrasound import STATISTIC, heat_of, mean_interval
from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.report import SteatosisPart
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.ports import PreparedView, UltrasoundReading, ViewReading
from steatoscope.science.clinical.grades import sd_from_interval
from steatoscope.science.clinical.scales import pdff_equivalent

if TYPE_CHECKING:
    from steatoscope.learning.inference.us_first import USFatPrediction
    from steatoscope.learning.inference.us_graph import GraphModel


@dataclass(frozen=True, eq=False)
class GraphGrader:
    """Reads the views with a grading graph; views without a credible sector are left out, all of them a refusal."""

    folder: ModelFolder

    def __call__(self, views: Sequence[PreparedView], level: float) -> UltrasoundReading:
        """The patient's reading on the model's scale; its interval is at the level of the model."""
        from steatoscope.learning.inference.us_graph import GraphModel, GraphView

        model = GraphModel(self.folder)
        answers = model.predict_views([GraphView(view.name, view.frames, view.sector) for view in views])
        usable = [answer for answer in answers if not answer.out_of_distribution]
        return UltrasoundReading(
            estimate=_estimate(model, usable or answers),
            contributions=(),
            views=_readings(views, answers),
            out_of_distribution=not usable,
            notes=_notes(model, len(answers) - len(usable) if usable else 0),
            model=self.folder.part(),
        )


def _estimate(model: GraphModel, answers: Sequence[USFatPrediction]) -> FatEstimate:
    interval = mean_interval([answer.interval for answer in answers])
    value = float(np.mean([answer.value_percent for answer in answers]))
    labels = answers[0].grade_probabilities
    grades = {label: float(np.mean([answer.grade_probabilities[label] for answer in answers])) for label in labels}
    probability = float(np.mean([answer.probability for answer in answers]))
    threshold, scale = answers[0].threshold, model.settings.scale
    return FatEstimate(
        value_percent=value,
        scale=scale,
        low=interval.low,
        high=interval.high,
        level=interval.level,
        sd=sd_from_interval(interval),
        method=f"{model.folder.name} {model.version}",
        statistic=STATISTIC,
        pdff_equivalent=pdff_equivalent(value, interval) if scale == "histology" else None,
        probabilities=grades if "grade" in model.settings.outputs else None,
        steatosis=SteatosisPart(probability=probability, threshold=threshold, positive=probability >= threshold),
    )


def _readings(views: Sequence[PreparedView], answers: Sequence[USFatPrediction]) -> tuple[ViewReading, ...]:
    """A reading for each view; none has a map of its own where the graph put the views together."""
    if len(answers) != len(views):
        return tuple(ViewReading() for _ in views)
    return tuple(
        ViewReading(heat=heat_of(answer.heatmap) if answer.heatmap.any() else None)
        if answer.heatmap.shape == view.tissue.shape and not answer.out_of_distribution
        else ViewReading()
        for view, answer in zip(views, answers, strict=True)
    )


def _notes(model: GraphModel, left_out: int) -> tuple[QualityCode, ...]:
    notes = []
    if model.settings.simulated:
        notes.append(warning("W_SIMULATED", "The model was trained on simulated images."))
        notes.append(warning("W_OOD", "The model has seen simulated images only: on patients its value is untested."))
    if left_out:
        notes.append(warning("W_OOD", f"{left_out} view(s) without a credible scan sector were left out."))
    return tuple(notes)
