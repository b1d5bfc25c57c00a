"""A segmentation network at work on pictures: prepared on its canvas, answered in the pictures' own grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.prepare import Kind, Prepared, network_input, prepare_ct, prepare_mr, prepare_us
from steatoscope.learning.inference.session import OnnxSession, session
from steatoscope.learning.inference.sliding import with_flip
from steatoscope.learning.model_folder import ModelFolder

CHUNK = 4
Raw = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class SliceSegmenter:
    """A shipped or trained segmenter: probabilities per class on CT, MR or ultrasound pictures.

    ``logits`` maps canvases (n, 1, rows, columns) to logits (n, classes, rows, columns).
    """

    kind: Kind
    classes: tuple[str, ...]
    logits: Raw
    mirrored: bool = False

    @classmethod
    def open(cls, model: ModelFolder) -> SliceSegmenter:
        """The segmenter of a model folder (``settings``: kind, classes, mirrored)."""
        graph: OnnxSession = session(model, "model.onnx")
        settings = model.settings
        return cls(
            cast(Kind, settings["kind"]),
            tuple(settings["classes"]),
            lambda canvases: np.asarray(graph.run(image=canvases)["logits"], dtype=np.float32),
            bool(settings.get("mirrored", False)),
        )

    def probabilities(self, slices: NDArray[np.floating]) -> Floats:
        """Probabilities (n, classes, rows, columns) for CT slices in HU or MR magnitude slices (n, rows, columns)."""
        prepare = prepare_ct if self.kind == "ct" else prepare_mr
        return self.of_prepared([prepare(item) for item in slices])

    def of_frames(self, frames: NDArray[np.uint8], tissue: Mask) -> Floats:
        """Probabilities (n, classes, rows, columns) for B-mode frames (n, rows, columns) of one sector."""
        return self.of_prepared([prepare_us(frame, tissue) for frame in frames])

    def of_prepared(self, pictures: Sequence[Prepared]) -> Floats:
        """Probabilities (n, classes, rows, columns) in the grid of pictures of one size."""
        canvases = self.on_canvas(pictures)
        return np.stack([picture.placement.from_canvas(maps) for picture, maps in zip(pictures, canvases, strict=True)])

    def on_canvas(self, pictures: Sequence[Prepared]) -> Floats:
        """Probabilities (n, classes, rows, columns) on the canvas; mean with the mirrored picture where set so."""
        inputs = np.stack([network_input(picture, self.kind) for picture in pictures])[:, None]
        found = [self._of_inputs(inputs[start : start + CHUNK]) for start in range(0, len(inputs), CHUNK)]
        return np.concatenate(found)

    def _of_inputs(self, inputs: Floats) -> Floats:
        predict = with_flip(self._once) if self.mirrored else self._once
        return np.asarray(predict(inputs), dtype=np.float32)

    def _once(self, inputs: Floats) -> Floats:
        return sigmoid(self.logits(inputs))


def sigmoid(logits: NDArray[np.floating]) -> Floats:
    """Probabilities of logits of any shape."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))), dtype=np.float32)
