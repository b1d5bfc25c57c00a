"""The steatosis model for the tests of its map: value and map of a picture, and the same with shuffled weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.explain.onnx_graph import Graph
from steatoscope.learning.inference.session import OnnxSession, session, session_of_bytes
from steatoscope.learning.inference.us_steatosis import SteatosisModel, view_readings
from steatoscope.learning.inference.us_steatosis_boxes import FrameMaps
from steatoscope.learning.inference.us_steatosis_heads import Member, Stack
from steatoscope.learning.inference.us_steatosis_map import PlaceEffects, place_effects
from steatoscope.learning.inference.us_steatosis_path import PathHeads
from steatoscope.learning.inference.us_steatosis_reading import ViewStudy, study_view

Part = Literal["network", "localiser", "heads"]
PARTS: Final[tuple[Part, ...]] = ("heads", "network", "localiser")
Grey = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class MapReading:
    """One view: its value and the value at the training mean in percent, its map, and both on the canvas.

    ``effect`` is the value less the start; ``places`` hold what of it lies where.
    """

    value_percent: float
    effect: float
    kidney: bool
    places: PlaceEffects
    study: ViewStudy

    @property
    def tissue(self) -> Mask:
        """The tissue on the canvas (434, 636)."""
        return self.study.canvas.tissue

    def on_picture(self, shape: tuple[int, int]) -> Floats:
        """The map as reports show it, on the picture (rows, columns)."""
        return self.study.canvas.map_to_picture(self.places.shown(int(self.tissue.sum())), shape)


@dataclass(frozen=True, eq=False)
class MapModel:
    """The model in parts: its two graphs and its linear heads by path."""

    network: OnnxSession
    localiser: OnnxSession
    paths: Mapping[bool, PathHeads]
    kidney_threshold: float

    @classmethod
    def of(cls, model: SteatosisModel) -> MapModel:
        """The model as it ships."""
        return cls(
            session(model.folder, "lite0.onnx"),
            session(model.folder, "localiser.onnx"),
            {kidney: model.path(kidney=kidney) for kidney in (True, False)},
            float(model.document["kidney_threshold"]),
        )

    def read(self, frames: Grey, sector: Sector, *, kidney: bool | None = None) -> MapReading:
        """Value and map of frames (n, rows, columns); ``kidney`` takes that path whatever the localiser sees."""
        study, maps, seen = self.located(frames, sector)
        kidney = seen if kidney is None else kidney
        path, readings = self.paths[kidney], view_readings(study, maps)
        account = path.account(readings)
        value = path.distribution(readings).value_percent
        start = path.judge.value(path.detection.base, path.severity.base)
        return MapReading(value, value - start, kidney, place_effects(list(study.frames), maps, account), study)

    def value(self, frame: Grey, sector: Sector, *, kidney: bool) -> float:
        """The value in percent for one frame (rows, columns) by one path."""
        study, maps, _ = self.located(frame[None], sector)
        return self.paths[kidney].distribution(view_readings(study, maps)).value_percent

    def located(self, frames: Grey, sector: Sector) -> tuple[ViewStudy, list[FrameMaps], bool]:
        """Frames (n, rows, columns) on the canvas, the localiser's maps, and whether it sees a kidney."""
        study = study_view(frames, sector, self._lite)
        found = self.localiser.run(channels=study.channels)
        three = zip(found["liver"], found["kidney"], found["probability"], strict=True)
        maps = [FrameMaps(liver, kidney, float(probability)) for liver, kidney, probability in three]
        sure = float(np.mean([one.kidney_probability for one in maps]))
        return study, maps, sure >= self.kidney_threshold

    def _lite(self, grey: Floats) -> tuple[Floats, Floats]:
        found = self.network.run(grey=grey[None])
        return found["middle"][0], found["deep"][0]


@dataclass(frozen=True, eq=False)
class ShuffledModels:
    """The model with the weights of one part, or of all, in random order."""

    model: SteatosisModel
    seed: int

    @cached_property
    def by_part(self) -> dict[str, MapModel]:
        """By part, and ``everything``, the model with that shuffled."""
        whole = MapModel.of(self.model)
        graphs = {
            name: self._graph(f"{file}.onnx") for name, file in (("network", "lite0"), ("localiser", "localiser"))
        }
        heads = {kidney: _shuffled_path(path, self.seed) for kidney, path in whole.paths.items()}
        changes: dict[str, dict[str, Any]] = {
            "heads": {"paths": heads},
            "network": {"network": graphs["network"]},
            "localiser": {"localiser": graphs["localiser"]},
        }
        everything = {key: value for part in changes.values() for key, value in part.items()}
        return {name: replace(whole, **change) for name, change in (changes | {"everything": everything}).items()}

    def _graph(self, name: str) -> OnnxSession:
        return session_of_bytes(Graph.read(self.model.folder.file(name)).shuffled(self.seed).document())


def _shuffled_path(path: PathHeads, seed: int) -> PathHeads:
    draw = np.random.default_rng(seed)

    def member(one: Member) -> Member:
        return replace(one, weights=draw.permutation(one.weights))

    def stack(one: Stack) -> Stack:
        return replace(one, members=tuple(member(each) for each in one.members))

    return replace(path, detection=stack(path.detection), severity=stack(path.severity))
