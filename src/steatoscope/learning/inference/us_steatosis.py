"""The ultrasound steatosis model: localised liver and cortex, depth profile and frozen features, without torch.

Fat is estimated on the histology scale (percent of hepatocytes), the scale of the biopsies it was fitted on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.core.measurement import Interval
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.session import ModelFolder, open_model, session
from steatoscope.learning.inference.us_first import (
    FAR,
    LEAST_CONFIDENCE,
    LEVEL,
    THRESHOLD,
    FeatureEffect,
    USFatPrediction,
    healthy_z,
    ood_distance,
    widening,
)
from steatoscope.learning.inference.us_steatosis_boxes import FrameBoxes, FrameMaps, frame_boxes, index_quality
from steatoscope.learning.inference.us_steatosis_judge import LIMITS, grade_set
from steatoscope.learning.inference.us_steatosis_map import place_effects
from steatoscope.learning.inference.us_steatosis_path import PathHeads
from steatoscope.learning.inference.us_steatosis_reading import (
    Readings,
    ViewStudy,
    frame_reading,
    study_view,
    used_numbers,
)
from steatoscope.learning.inference.us_steatosis_view import Box

NAME = "us-steatosis"
REMOTE_WIDER = 2.0
WITH_KIDNEY, WITHOUT_KIDNEY = "kidney", "no_kidney"


@dataclass(frozen=True, slots=True)
class LocatedFrame:
    """What was found in one frame, by its number among those given: boxes (x0, y0, x1, y1) in pixels of the picture."""

    frame: int
    liver: Box
    kidney: Box | None


@dataclass(frozen=True, eq=False)
class SteatosisPrediction(USFatPrediction):
    """Fat of one view with what was localised.

    The value is 5 % or more exactly where ``probability`` is a half or more; an unusual picture widens everything but
    the value. ``grade_set`` is the conformal set of grades at level 0.9. ``hepatorenal_index`` is the automatic ratio
    of liver to cortex grey, None where no kidney is in view; ``index_quality`` (0-1) says how far to trust it.
    ``readings`` are what the heads read. The heat map holds points of fat by hundredth of the tissue's area.
    ``remote``: the brightness lies farther out than any of the training scanner may, and the spread is doubled (a
    cautious choice, not fitted on data). Only a picture without a credible sector, speckle or structure is
    ``out_of_distribution``: whether it shows a liver is not for this model to say (``us_gate``).
    """

    kidney_in_view: bool
    kidney_probability: float
    grade_set: tuple[str, ...]
    located: tuple[LocatedFrame, ...]
    hepatorenal_index: float | None
    index_quality: float
    readings: Readings = field(repr=False, default_factory=dict)
    remote: bool = False


@dataclass(frozen=True, eq=False)
class SteatosisModel:
    """The fitted model: the folder with its graphs, and the linear heads as read from ``heads.json``."""

    folder: ModelFolder
    document: Mapping[str, Any]

    @property
    def version(self) -> str:
        """Version of the weights."""
        return self.folder.version

    @property
    def sha256(self) -> str:
        """Hash of the model's entry, and through it of every file."""
        return self.folder.sha256

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the image files the model was fitted on."""
        return self.folder.training_sha256

    def predict(
        self,
        frames: NDArray[np.uint8],
        sector: Sector,
        pixel_mm: tuple[float, float] | None = None,
        *,
        without_kidney: bool = False,
    ) -> SteatosisPrediction:
        """Estimate fat from frames (n, rows, columns) of one view and their sector.

        At most four frames, evenly spread, are read. ``pixel_mm`` is not used: depths are shares of the sector's.
        ``without_kidney`` takes the heads fitted without one, whatever the localiser sees.
        """
        del pixel_mm
        study = study_view(frames, sector, self.lite_maps)
        maps = self.locate(study.channels)
        boxes = frame_boxes(maps)
        readings = view_readings(study, maps)
        probability = float(np.mean([one.kidney_probability for one in maps]))
        seen = probability >= float(self.document["kidney_threshold"]) and not without_kidney
        path = self.path(kidney=seen)
        account = path.account(readings)
        places = place_effects(list(study.frames), maps, account).shown(int(study.canvas.tissue.sum()))
        heat = study.canvas.map_to_picture(places, sector.mask.shape)
        quality = index_quality(boxes, [m.kidney_probability for m in maps], study.canvas.frames, study.canvas.tissue)
        index = float(readings["index"][0])
        judged = self._judged(path, readings, self._distance(readings, sector))
        return SteatosisPrediction(
            **judged,
            effects=tuple(FeatureEffect(name, value, points) for name, (value, points) in account.effects.items()),
            healthy_z=healthy_z(
                dict(self.document["healthy"]), plain_scalars(readings) | {"score": sqrt(judged["value_percent"])}
            ),
            heatmap=np.where(sector.mask, heat, np.float32(0.0)),
            kidney_in_view=seen,
            kidney_probability=probability,
            located=_located(boxes, study, frames.shape[0], seen=seen),
            hepatorenal_index=index if seen and np.isfinite(index) else None,
            index_quality=quality if seen else 0.0,
            readings=readings,
        )

    def lite_maps(self, grey: Floats) -> tuple[Floats, Floats]:
        """The network's two maps of an input (432, 624)."""
        found = session(self.folder, "lite0.onnx").run(grey=grey[None])
        return found["middle"][0], found["deep"][0]

    def locate(self, channels: Floats) -> list[FrameMaps]:
        """Heat maps of every frame from channels (n, 4, 144, 208)."""
        found = session(self.folder, "localiser.onnx").run(channels=channels)
        return [
            FrameMaps(liver, kidney, float(probability))
            for liver, kidney, probability in zip(found["liver"], found["kidney"], found["probability"], strict=True)
        ]

    def path(self, *, kidney: bool) -> PathHeads:
        """The heads for a view with or without a kidney."""
        return PathHeads.read(self.document["paths"][WITH_KIDNEY if kidney else WITHOUT_KIDNEY])

    def _judged(self, path: PathHeads, readings: Readings, distance: float) -> dict[str, Any]:
        limits = self.document["distribution"]
        unusual = distance > limits["warn_at"]
        unread = distance >= FAR
        remote = distance > limits["refuse_at"] and not unread
        factor = REMOTE_WIDER if remote else widening(unusual)
        value = path.distribution(readings).value_percent
        found = path.distribution(readings, factor)
        low, high = path.judge.interval(found)
        grades = found.grades()
        return {
            "value_percent": value,
            "interval": Interval(min(low, value), max(high, value), LEVEL),
            "probability": found.probability,
            "threshold": THRESHOLD,
            "positive": value >= LIMITS[0],
            "grade_probabilities": grades,
            "grade_set": grade_set(grades, path.judge.grade_limit),
            "ood_score": distance / limits["refuse_at"] if unread else min(distance / limits["refuse_at"], 1.0),
            "out_of_distribution": unread,
            "remote": remote,
            "unusual": unusual,
        }

    def _distance(self, readings: Readings, sector: Sector) -> float:
        if sector.confidence < LEAST_CONFIDENCE:
            return FAR
        return ood_distance(dict(self.document["distribution"]), plain_scalars(readings))


def view_readings(study: ViewStudy, maps: list[FrameMaps]) -> Readings:
    """Readings of a view: means over its frames."""
    rows = [frame_reading(frame, one) for frame, one in zip(study.frames, maps, strict=True)]
    return {name: np.mean([row[name] for row in rows], axis=0) for name in rows[0]}


def plain_scalars(readings: Readings) -> dict[str, float]:
    """Scalar readings of the plain picture under their short names: what the distance from the training data reads."""
    return {name.removeprefix("plain_"): value for name, value in _scalars(readings).items() if "level" not in name}


@lru_cache(maxsize=1)
def load_us_steatosis() -> SteatosisModel:
    """The shipped model. Raises WeightsError where a byte differs from the recorded hashes."""
    return read_us_steatosis(NAME)


def read_us_steatosis(name: str | Path) -> SteatosisModel:
    """The model of a shipped name or of a folder."""
    folder = open_model(name)
    return SteatosisModel(folder, json.loads(folder.file("heads.json")))


def _scalars(readings: Readings) -> dict[str, float]:
    return {name: float(value[0]) for name, value in readings.items() if value.size == 1}


def _located(boxes: list[FrameBoxes], study: ViewStudy, count: int, *, seen: bool) -> tuple[LocatedFrame, ...]:
    numbers = used_numbers(count)
    return tuple(
        LocatedFrame(int(n), study.canvas.to_picture(one.liver), study.canvas.to_picture(one.kidney) if seen else None)
        for n, one in zip(numbers, boxes, strict=True)
    )
