"""Recipe R1 behind the ultrasound ports: its own liver outline, its reading of the views, and its fatty regions.

One chain serves all three: a view is read once, and forgotten with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from steatoscope.apps.wiring.focal import PlacedRegion, region_part, steady, whole_pixels
from steatoscope.apps.wiring.ultrasound import heat_of, mean_estimate
from steatoscope.apps.wiring.us_organs import us_organs
from steatoscope.core.errors import QualityCode, warning
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.ports import (
    FocalFindings,
    Organs,
    Ports,
    PreparedView,
    UltrasoundFocal,
    UltrasoundReading,
    ViewReading,
)

if TYPE_CHECKING:
    from steatoscope.learning.inference.r1_model import RegionModel, RegionPrediction

MOST_REGIONS = 5


@dataclass(frozen=True, eq=False)
class RegionChain:
    """A packed model of R1 with what it has read of the views of one analysis."""

    folder: ModelFolder
    read: WeakKeyDictionary[PreparedView, RegionPrediction] = field(default_factory=WeakKeyDictionary)

    def prediction(self, view: PreparedView) -> RegionPrediction:
        """What the model says of a view."""
        if view not in self.read:
            model = opened(self.folder)
            self.read[view] = model.judge(model.read(view.frames, view.tissue), view.sector)
        return self.read[view]

    def behind(self, ports: Ports) -> Ports:
        """The ports with this model for outline, reading and fatty regions; other focal regions stay as they were."""
        return replace(
            ports, us_segmenter=self.organs, us_grader=self.grade, us_focal=RegionFocal(self, ports.us_focal)
        )

    def organs(self, view: PreparedView) -> Organs:
        """The U-Net's liver; the whole scan sector where it finds none."""
        frames = self.prediction(view).frames
        return us_organs(view, np.stack([one.liver_map for one in frames]), None, self.folder)

    def grade(self, views: Sequence[PreparedView], level: float) -> UltrasoundReading:
        """The patient's reading on the model's scale; its interval is at the level of the model (0.9)."""
        model, answers = opened(self.folder), [self.prediction(view) for view in views]
        usable = [answer for answer in answers if not answer.out_of_distribution]
        read = usable or answers
        scores = [answer.healthy_z["score"] for answer in read]
        return UltrasoundReading(
            estimate=estimate(model, read),
            contributions=(),
            views=tuple(_view_reading(answer) for answer in answers),
            out_of_distribution=not usable,
            notes=_notes(model, read, len(answers) - len(usable) if usable else 0),
            model=self.folder.part(),
            baseline_z=round(float(np.mean(scores)), 6),
            baseline_reference=model.baseline,
        )


@dataclass(frozen=True, eq=False)
class RegionFocal:
    """Focal regions of the detector in force, and beside them what R1 calls fattier than healthy livers."""

    chain: RegionChain
    inner: UltrasoundFocal

    def __call__(self, view: PreparedView, organs: Organs) -> FocalFindings:
        """Fatty regions that a third of the frames show at one place, at most five; none where the view is foreign."""
        found, answer = self.inner(view, organs), self.chain.prediction(view)
        if organs.liver is None or answer.out_of_distribution:
            return found
        liver, frames = organs.liver[0], [list[PlacedRegion]() for _ in view.chosen]
        for one in answer.regions:
            mask = np.asarray(one.mask & liver)
            if mask.any():
                box = whole_pixels(one.box, liver.shape)
                frames[one.frame].append(PlacedRegion(box, mask, one.score, view.chosen[one.frame]))
        folder = self.chain.folder
        named = f"{folder.name} {folder.version}" + (f", view {view.name}" if view.name else "")
        size = None if view.pixel_mm is None else view.pixel_mm[0] * view.pixel_mm[1]
        fatty = [
            region_part(one, named, pixel_mm2=size).model_copy(update={"kind": "fatty"})
            for one in steady(frames)[:MOST_REGIONS]
        ]
        return replace(found, regions=(*found.regions, *fatty))


@lru_cache(maxsize=4)
def opened(folder: ModelFolder) -> RegionModel:
    """The model of a folder, read once."""
    from steatoscope.learning.inference.r1_model import RegionModel

    return RegionModel.open(folder)


def estimate(model: RegionModel, answers: Sequence[RegionPrediction]) -> FatEstimate:
    """The patient's fat from the views' answers; a PDFF equivalent for the histology scale alone."""
    found = mean_estimate(answers, model.scale, f"{model.folder.name} {model.version}")
    return found if model.scale == "histology" else replace(found, pdff_equivalent=None)


def _view_reading(answer: RegionPrediction) -> ViewReading:
    if answer.out_of_distribution:
        return ViewReading()
    return ViewReading(heat=heat_of(answer.heatmap))


def _notes(model: RegionModel, answers: Sequence[RegionPrediction], left_out: int) -> tuple[QualityCode, ...]:
    notes = []
    if model.simulated:
        notes.append(warning("W_SIMULATED", "The model was trained on simulated images."))
        notes.append(warning("W_OOD", "The model has seen simulated images only: on patients its value is untested."))
    if any(answer.unusual for answer in answers):
        notes.append(warning("W_OOD", "The interval was widened by 1.5 on the square root of fat."))
    if left_out:
        notes.append(warning("W_OOD", f"{left_out} view(s) without a liver or a credible scan sector were left out."))
    return tuple(notes)
