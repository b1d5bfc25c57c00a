"""Any packed grading graph behind the grader's port: views read, the patient's value their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steatoscope.apps.wiring.ultrasound import heat_of, mean_estimate
from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Floats
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.ports import PreparedView, UltrasoundReading, ViewReading

if TYPE_CHECKING:
    from steatoscope.learning.inference.us_first import USFatPrediction
    from steatoscope.learning.inference.us_graph import GraphModel, GraphView

HEAT_TITLE = "Points of fat from each 1 % of what was read"
OWN_TITLE = "What the network looked at (0 to 1)"


@dataclass(frozen=True, eq=False)
class GraphGrader:
    """Reads the views with a grading graph; views without a credible sector are left out, all of them a refusal."""

    folder: ModelFolder

    def __call__(self, views: Sequence[PreparedView], level: float) -> UltrasoundReading:
        """The patient's reading on the model's scale; its interval is at the level of the model."""
        from steatoscope.learning.inference.us_graph import GraphModel, GraphView

        model = GraphModel(self.folder)
        taken = [GraphView(view.name, view.frames, view.sector) for view in views]
        answers = model.predict_views(taken)
        usable = [answer for answer in answers if not answer.out_of_distribution]
        return UltrasoundReading(
            estimate=_estimate(model, usable or answers),
            contributions=(),
            views=_readings(model, views, taken, answers),
            out_of_distribution=not usable,
            notes=_notes(model, len(answers) - len(usable) if usable else 0),
            model=self.folder.part(),
        )


def _estimate(model: GraphModel, answers: Sequence[USFatPrediction]) -> FatEstimate:
    found = mean_estimate(answers, model.settings.scale, f"{model.folder.name} {model.version}")
    return found if "grade" in model.settings.outputs else replace(found, probabilities=None)


def _readings(
    model: GraphModel, views: Sequence[PreparedView], taken: Sequence[GraphView], answers: Sequence[USFatPrediction]
) -> tuple[ViewReading, ...]:
    """A reading for each view, with its map in points of fat; else with the map that the graph itself gives."""
    from steatoscope.learning.explain.us_graph_maps import explain_graph

    usable = [not answer.out_of_distribution for answer in answers]
    found = explain_graph(model, taken) if any(usable) else None
    if found is None:
        return _own_maps(views, answers)
    heats: dict[int, Floats] = {}
    for one, used in zip(found, usable, strict=True):
        heats |= {shown.number: shown.heat for shown in one.views if used}
    return tuple(
        ViewReading(heat=heat_of(heats[number]), heat_title=HEAT_TITLE) if number in heats else ViewReading()
        for number in range(len(views))
    )


def _own_maps(views: Sequence[PreparedView], answers: Sequence[USFatPrediction]) -> tuple[ViewReading, ...]:
    """The graph's own maps; none where it put the views together."""
    if len(answers) != len(views):
        return tuple(ViewReading() for _ in views)
    return tuple(
        ViewReading(heat=heat_of(answer.heatmap) if answer.heatmap.any() else None, heat_title=OWN_TITLE)
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
