"""One pass of the dense graph over a canvas or its mirror image, with the proposals that it makes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.inference.boxes import (
    PROPOSAL_WEIGHTS,
    Boxes,
    cell_anchors,
    clipped,
    decoded,
    grid_anchors,
    mirrored,
    suppressed,
)
from steatoscope.learning.inference.detector_settings import DetectorSettings
from steatoscope.learning.inference.session import OnnxSession

LEAST_SIDE = 1e-3


@dataclass(frozen=True, eq=False)
class View:
    """Pyramid maps (channels, rows, columns) in the view's own direction; segments and proposals in the canvas's."""

    mirror: bool
    width: int
    maps: tuple[Floats, ...]
    segments: Floats
    proposals: Boxes

    def turned(self, boxes: NDArray[np.floating]) -> Boxes:
        """Boxes (..., 4) between the canvas's direction and the view's; its own inverse."""
        return mirrored(boxes, self.width) if self.mirror else np.asarray(boxes, dtype=np.float32)


def read_view(dense: OnnxSession, plan: DetectorSettings, canvas: Floats, *, mirror: bool) -> View:
    """Run the dense graph on a canvas (rows, columns)."""
    seen = canvas[:, ::-1] if mirror else canvas
    answer = dense.run(image=np.ascontiguousarray(seen, dtype=np.float32)[None, None])
    segments = np.stack([cv2.resize(part, (canvas.shape[1], canvas.shape[0])) for part in answer["segments"][0]])
    proposals = _proposals(answer, plan)
    return View(
        mirror=mirror,
        width=canvas.shape[1],
        maps=tuple(answer[f"map_{stride}"][0] for stride in plan.strides),
        segments=segments[:, :, ::-1] if mirror else segments,
        proposals=mirrored(proposals, canvas.shape[1]) if mirror else proposals,
    )


def _proposals(answer: dict[str, NDArray[np.float32]], plan: DetectorSettings) -> Boxes:
    """The best anchors of every map, moved by their deltas, without near copies on the same map (Ren et al. 2015)."""
    boxes, scores, levels = [], [], []
    for level, (stride, sizes) in enumerate(zip(plan.strides, plan.anchors, strict=True)):
        objectness, deltas = answer[f"objectness_{stride}"][0], answer[f"delta_{stride}"][0]
        count, rows, columns = objectness.shape
        flat = objectness.transpose(1, 2, 0).ravel()
        best = np.argsort(-flat, kind="stable")[: plan.candidates]
        anchors = grid_anchors((rows, columns), stride, cell_anchors(sizes, plan.ratios))[best]
        moves = deltas.reshape(count, 4, rows, columns).transpose(2, 3, 0, 1).reshape(-1, 1, 4)[best]
        boxes.append(clipped(decoded(moves, anchors, PROPOSAL_WEIGHTS)[:, 0], plan.canvas))
        scores.append(flat[best])
        levels.append(np.full(len(best), level))
    found, values, groups = np.concatenate(boxes), np.concatenate(scores), np.concatenate(levels)
    large = np.flatnonzero((found[:, 2:] - found[:, :2]).min(axis=1) >= LEAST_SIDE)
    kept = large[suppressed(found[large], values[large], plan.proposal_nms, groups[large])]
    return found[kept[: plan.proposals]]
