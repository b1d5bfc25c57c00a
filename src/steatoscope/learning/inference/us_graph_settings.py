"""What the settings of a packed grading graph say: inputs, outputs, preparation, scale, calibration.

``entry.json`` holds them under ``graph_grader``. ``layout`` is ``frames`` (every frame is read by itself and answers
are averaged), ``views`` (frames are the views of one patient, fused in the network) or ``named`` (each input takes the
frames of the view that it is named after).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from steatoscope.core.errors import UsageError
from steatoscope.learning.inference.us_graph_view import PREPARATIONS, Preparation

KEY: Final = "graph_grader"
SCALES: Final = ("histology", "pdff", "mrs_pdff", "dixon_sff", "ct_pdff_equiv", "us_model")
Layout = Literal["frames", "views", "named"]
_LAYOUTS: Final = ("frames", "views", "named")


@dataclass(frozen=True)
class GraphSettings:
    """Settings of one graph.

    ``inputs`` names the graph's inputs with the view each takes (None: any); ``outputs`` maps ``grade`` (logits or
    log-probabilities, (n, 4)), ``fat`` ((n, 1), times ``fat_unit`` percent), ``map`` ((n, rows, columns), or by class)
    to names in the graph. Without ``fat`` the value is the mean of ``grade_percent`` by probability. ``half_width`` is
    that of the interval at ``level`` (None: unknown, 0-100 %).
    """

    inputs: Mapping[str, str | None]
    outputs: Mapping[str, str]
    preparation: Preparation
    scale: str
    layout: Layout = "frames"
    present: str | None = None
    view_count: int = 3
    fat_unit: float = 1.0
    grade_percent: tuple[float, ...] | None = None
    temperature: float = 1.0
    half_width: float | None = None
    level: float = 0.9
    simulated: bool = False
    encoder: str | None = None
    most_frames: int = 10
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> GraphSettings:
        """The settings of a model; raises UsageError where they cannot be used."""
        given = dict(settings[KEY])
        unknown = sorted(given.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise UsageError(f"the model's {KEY} settings have unknown parts: {', '.join(unknown)}")
        for name in ("grade_percent", "notes"):
            if given.get(name) is not None:
                given[name] = tuple(given[name])
        try:
            found = cls(**given)
        except TypeError as fault:
            raise UsageError(f"the model's {KEY} settings lack a part: {fault}") from fault
        found.check()
        return found

    def check(self) -> None:
        """Raise UsageError where the parts do not go together."""
        if self.preparation not in PREPARATIONS:
            raise UsageError(f"there is no preparation {self.preparation!r}; known: {', '.join(PREPARATIONS)}")
        if self.layout not in _LAYOUTS or self.scale not in SCALES:
            raise UsageError(f"the layout {self.layout!r} or the scale {self.scale!r} of the model is not known")
        if "fat" not in self.outputs and not ("grade" in self.outputs and self.grade_percent):
            raise UsageError("the model gives neither fat nor grades with their percent")
        if self.layout == "named" and any(view is None for view in self.inputs.values()):
            raise UsageError("each input of a model with named views needs the name of its view")
        if self.layout == "views" and self.present is None:
            raise UsageError("a model that fuses views needs the input that says which are there")

    def document(self) -> dict[str, Any]:
        """The settings as JSON-ready data, under their key."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {KEY: {name: dict(value) if isinstance(value, Mapping) else value for name, value in plain.items()}}


def is_graph_grader(settings: Mapping[str, Any]) -> bool:
    """Whether a model's settings describe a grading graph."""
    return isinstance(cast(Any, settings.get(KEY)), Mapping)
