"""An R5 network on CT slices of eight bits: class, mask and heat map of each slice, in the slice's own grid; no torch.

Slices are cut to the liver's window and their grey is moved until the liver's median is 115, as in training. Where the
model makes no claim (``settings.claim`` false) its classes are not to be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.ct_localiser_window import CANVAS, LiverWindow, assumed_spacing
from steatoscope.learning.inference.session import ModelFolder, OnnxSession, session

KEY: Final = "slice_anomaly"
MODEL: Final = "model.onnx"
LEVEL: Final = 115.0
FOUND: Final = 0.5
LEAST_PIXELS: Final = 16


@dataclass(frozen=True, eq=False)
class SliceReading:
    """Probabilities by class, and the heat map (rows, columns) of 0-1 with 0 outside the liver."""

    probabilities: Mapping[str, float]
    heat: Floats

    @property
    def mask(self) -> Mask:
        """Where the heat map exceeds one half; empty where that is a speck."""
        found = np.asarray(self.heat >= FOUND)
        return found if int(found.sum()) >= LEAST_PIXELS else np.zeros_like(found)


@dataclass(frozen=True, eq=False)
class SliceAnomaly:
    """A network of R5 ready to run; ``claim`` says whether its classes may be shown."""

    graph: OnnxSession
    side: int
    classes: tuple[str, ...]
    centre: float
    spread: float
    claim: bool

    @classmethod
    def open(cls, model: ModelFolder) -> SliceAnomaly:
        """The network of a model folder; raises WeightsError where a file differs from what was recorded."""
        own: Mapping[str, Any] = model.settings[KEY]
        return cls(
            session(model, MODEL), int(own["side"]), tuple(own["classes"]), float(own["centre"]), float(own["spread"]),
            bool(model.settings.get("claim", False)),
        )  # fmt: skip

    def read(self, grey: NDArray[np.number], liver: Mask) -> SliceReading:
        """One slice (rows, columns), grey 0-255, and its liver; raises ValueError for an empty liver."""
        if not liver.any():
            raise ValueError("the slice has no liver")
        side = assumed_spacing(liver.shape[1])
        window = LiverWindow.around(liver, (side, side))
        level = float(np.median(np.asarray(grey)[liver]))
        canvas = np.clip(window.to_canvas(np.asarray(grey)) + (LEVEL - level), 0.0, 255.0)
        answer = self.graph.run(image=self._input(canvas)[None, None])
        heat = _in_slice(answer["mask"][0, 0], window)
        odds = 1.0 / (1.0 + np.exp(-answer["finding"][0].astype(np.float64)))
        shares = odds / max(float(odds.sum()), 1e-9)
        return SliceReading(
            {name: float(share) for name, share in zip(self.classes, shares, strict=True)},
            np.where(liver, heat, 0.0).astype(np.float32),
        )

    def _input(self, canvas: Floats) -> Floats:
        size = max(canvas.shape)
        top, left = (size - canvas.shape[0]) // 2, (size - canvas.shape[1]) // 2
        square = np.zeros((size, size), dtype=np.float32)
        square[top : top + canvas.shape[0], left : left + canvas.shape[1]] = canvas
        if size != self.side:
            how = cv2.INTER_AREA if self.side < size else cv2.INTER_LINEAR
            square = np.asarray(cv2.resize(square, (self.side, self.side), interpolation=how))
        grey = np.rint(square) / 255.0
        return np.asarray((grey - self.centre) / self.spread, dtype=np.float32)


def _in_slice(logits: NDArray[np.floating], window: LiverWindow) -> Floats:
    """Mask probabilities of the square in the slice's grid."""
    heat = 1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))
    rows, columns = CANVAS
    size = max(rows, columns)
    square = cv2.resize(heat.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    top, left = (size - rows) // 2, (size - columns) // 2
    canvas = np.ascontiguousarray(square[top : top + rows, left : left + columns])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(canvas, window.matrix, window.picture[::-1], flags=flags), dtype=np.float32)
