"""A packed grading graph at work: any model whose settings say what its inputs and outputs are, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Floats
from steatoscope.core.measurement import Interval
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.session import ModelFolder, session
from steatoscope.learning.inference.us_first import LEAST_CONFIDENCE, THRESHOLD, USFatPrediction
from steatoscope.learning.inference.us_graph_frames import frame_quality, representative
from steatoscope.learning.inference.us_graph_settings import GraphSettings
from steatoscope.learning.inference.us_graph_view import placement, prepared
from steatoscope.science.clinical.grades import LABELS, grade_probabilities, profile_for_scale

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GraphView:
    """One view: its name, frames (n, rows, columns) and sector."""

    name: str | None
    frames: NDArray[np.uint8]
    sector: Sector


@dataclass(frozen=True, eq=False)
class GraphInputs:
    """What a graph takes for one answer, and the views that it is taken from, in order."""

    feeds: Mapping[str, Floats]
    views: tuple[GraphView, ...]


@dataclass(frozen=True, eq=False)
class GraphModel:
    """A grading graph of a model's folder."""

    folder: ModelFolder

    @cached_property
    def settings(self) -> GraphSettings:
        """What the graph takes and gives; raises UsageError where that cannot be used."""
        return GraphSettings.read(self.folder.settings)

    @property
    def version(self) -> str:
        """Version of the weights."""
        return self.folder.version

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the image files the model was fitted on."""
        return self.folder.training_sha256

    def predict(self, frames: NDArray[np.uint8], sector: Sector) -> USFatPrediction:
        """Fat from frames (n, rows, columns) of one view; raises E_VIEW where the graph needs several."""
        return self.predict_views([GraphView(None, frames, sector)])[0]

    def predict_views(self, views: Sequence[GraphView]) -> list[USFatPrediction]:
        """One answer for each view, or one for all where the graph puts them together.

        Raises SteatoscopeError ``E_VIEW`` where a view that the graph needs is missing.
        """
        return [self._read(one) for one in self.inputs(views)]

    def inputs(self, views: Sequence[GraphView]) -> list[GraphInputs]:
        """What the graph takes of the views, in one piece for every answer that it gives; raises as predict_views."""
        settings = self.settings
        if settings.layout == "named":
            wanted = {name: self._view(views, str(view)) for name, view in settings.inputs.items()}
            return [GraphInputs(self._named(wanted), tuple(wanted.values()))]
        (name,) = settings.inputs
        if settings.layout == "views":
            stacked = np.concatenate([self._pictures(view, settings.view_count) for view in views])[None, :, None]
            there = np.ones(stacked.shape[:2], dtype=np.float32)
            return [GraphInputs({name: stacked, str(settings.present): there}, tuple(views))]
        fitting = self._fitting(views)
        return [GraphInputs({name: self._pictures(view, settings.most_frames)[:, None]}, (view,)) for view in fitting]

    def chosen_frames(self, view: GraphView) -> NDArray[np.uint8]:
        """The frames of a view that the graph reads."""
        most = self.settings.view_count if self.settings.layout == "views" else self.settings.most_frames
        return np.asarray(view.frames[representative(frame_quality(view.frames, view.sector.mask), most)])

    def values(self, outputs: Mapping[str, NDArray[Any]]) -> Values:
        """Fat in percent of every row of the graph's outputs by their own names, not cut to 0-100."""
        found = {name: np.asarray(outputs[own], np.float64) for name, own in self.value_outputs.items()}
        if "fat" in found:
            return np.asarray(found["fat"][:, 0] * self.settings.fat_unit)
        shares = softmax(found["grade"] / self.settings.temperature, axis=1)
        return np.asarray(shares @ np.asarray(self.settings.grade_percent))

    @property
    def value_outputs(self) -> dict[str, str]:
        """The output that the value is read from: fat, or the grades where there is none."""
        name = "fat" if "fat" in self.settings.outputs else "grade"
        return {name: self.settings.outputs[name]}

    def _read(self, one: GraphInputs) -> USFatPrediction:
        found = self._run(one.feeds)
        heat = self._heat(found, one.views[0]) if self.settings.layout == "frames" else None
        return self._answer(found, one.views, heat)

    def _fitting(self, views: Sequence[GraphView]) -> Sequence[GraphView]:
        """All views, or those of the one that the input is named after; unnamed views are taken as they are."""
        (wanted,) = self.settings.inputs.values()
        if wanted is None or all(view.name is None for view in views):
            return views
        return [self._view(views, wanted)]

    def _view(self, views: Sequence[GraphView], wanted: str) -> GraphView:
        for view in views:
            if view.name is not None and view.name.casefold() == wanted.casefold():
                return view
        given = ", ".join(view.name or "unnamed" for view in views) or "none"
        cause = f"{self.folder.name} needs the view {wanted}; given: {given}."
        raise SteatoscopeError("E_VIEW", cause=cause, remedy=f"Give the view {wanted}, named so.")

    def _named(self, wanted: Mapping[str, GraphView]) -> dict[str, Floats]:
        """Pictures of every branch, repeated evenly where it has fewer than another."""
        pictures = {name: self._pictures(view, self.settings.most_frames) for name, view in wanted.items()}
        count = max(len(one) for one in pictures.values())
        return {
            name: one[np.linspace(0, len(one) - 1, count).round().astype(int), None] for name, one in pictures.items()
        }

    def _pictures(self, view: GraphView, most: int) -> Floats:
        chosen = representative(frame_quality(view.frames, view.sector.mask), most)
        return prepared(view.frames[chosen], view.sector, self.settings.preparation)

    def _run(self, inputs: Mapping[str, Floats]) -> dict[str, Values]:
        found = session(self.folder).run(**inputs)
        return {name: np.asarray(found[own], np.float64) for name, own in self.settings.outputs.items()}

    def _answer(self, found: Mapping[str, Values], views: Sequence[GraphView], heat: Floats | None) -> USFatPrediction:
        value = self._value(found)
        interval = self._interval(value)
        grades = self._grades(found, value, interval)
        probability = 1.0 - grades[LABELS[0]]
        sure = min(view.sector.confidence for view in views)
        return USFatPrediction(
            value_percent=value,
            interval=interval,
            probability=probability,
            threshold=THRESHOLD,
            positive=probability >= THRESHOLD,
            grade_probabilities=grades,
            effects=(),
            healthy_z={},
            ood_score=LEAST_CONFIDENCE / max(sure, 1e-6),
            out_of_distribution=sure < LEAST_CONFIDENCE,
            unusual=False,
            heatmap=np.zeros(views[0].sector.mask.shape, np.float32) if heat is None else heat,
        )

    def _value(self, found: Mapping[str, Values]) -> float:
        outputs = {own: found[name] for name, own in self.value_outputs.items()}
        return float(np.clip(self.values(outputs).mean(), 0.0, 100.0))

    def _interval(self, value: float) -> Interval:
        half = self.settings.half_width
        if half is None or not isfinite(half):
            return Interval(0.0, 100.0, self.settings.level)
        return Interval(max(value - half, 0.0), min(value + half, 100.0), self.settings.level)

    def _calibrated(self, found: Mapping[str, Values]) -> Values:
        return np.asarray(softmax(found["grade"] / self.settings.temperature, axis=1).mean(axis=0))

    def _grades(self, found: Mapping[str, Values], value: float, interval: Interval) -> dict[str, float]:
        """The graph's own probabilities, or those of a Normal error about the value."""
        if "grade" not in found:
            return grade_probabilities(value, interval, profile_for_scale(self.settings.scale))
        return dict(zip(LABELS, map(float, self._calibrated(found)), strict=True))

    def _heat(self, found: Mapping[str, Values], view: GraphView) -> Floats | None:
        """The mean map of the frames on the picture, 0-1, 0 outside the sector; of the likeliest class by class."""
        if "map" not in found or self.settings.preparation == "centre-360":
            return None
        maps = found["map"].mean(axis=0)
        if maps.ndim == 3:
            maps = maps[int(np.argmax(log_softmax(found["grade"], axis=1).mean(axis=0)))]
        place = placement(view.sector, self.settings.preparation)
        wide = cv2.resize(maps.astype(np.float32), place.canvas[::-1], interpolation=cv2.INTER_CUBIC)
        heat = np.clip(place.from_canvas(wide[None])[0], 0.0, None)
        return np.where(view.sector.mask, heat / max(float(heat.max()), 1e-9), 0.0).astype(np.float32)
