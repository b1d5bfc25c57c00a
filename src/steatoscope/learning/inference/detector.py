"""Focal regions on a canvas by a small Mask R-CNN, without torch: dense graph, proposals, box graph, mask graph.

Between the graphs everything is numpy. Proposals come from the region proposal network and from the connected parts of
the segmentation; a region's score weighs its box score
with what the segmentation shows there. The detector
reads the canvas and its mirror image and takes the mean of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.boxes import (
    REGION_WEIGHTS,
    Boxes,
    areas,
    clipped,
    decoded,
    suppressed,
)
from steatoscope.learning.inference.detector_scores import box_means, components, evidence, rescored
from steatoscope.learning.inference.detector_settings import DetectorSettings
from steatoscope.learning.inference.detector_view import View, read_view
from steatoscope.learning.inference.roi import pasted, pyramid_align
from steatoscope.learning.inference.session import ModelFolder, OnnxSession, session

BOX_SIDE, MASK_SIDE = 7, 14
GRAPHS = ("dense.onnx", "region.onnx", "mask.onnx")
LEAST_SIDE = 1e-2


@dataclass(frozen=True, eq=False)
class Detection:
    """One region: box (x0, y0, x1, y1; canvas pixels), score 0-1, label, mask (rows, columns), features (k,)."""

    box: tuple[float, float, float, float]
    score: float
    label: str
    mask: Mask
    features: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes (n, 4), label numbers (n,), scores (n,) and features (n, k) before suppression, and the segments."""

    boxes: Boxes
    labels: NDArray[np.intp]
    scores: NDArray[np.float32]
    features: NDArray[np.float32]
    segments: Floats


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector ready to run; several threads may share it."""

    settings: DetectorSettings
    dense: OnnxSession
    region: OnnxSession
    mask: OnnxSession

    @classmethod
    def open(cls, model: ModelFolder) -> Detector:
        """The detector of a model folder; raises WeightsError where a file differs from what was recorded."""
        graphs = (session(model, name) for name in GRAPHS)
        return cls(DetectorSettings.of(model.settings), *graphs)

    def detect(self, canvas: Floats, allowed: Mask | None = None) -> list[Detection]:
        """Regions on a prepared canvas (rows, columns), best score first, above the settings' lowest score.

        ``allowed`` (rows, columns), the organ, limits them: half of a region's mask must lie in it.
        """
        found, _ = self.read(canvas, allowed)
        return found

    def read(self, canvas: Floats, allowed: Mask | None = None) -> tuple[list[Detection], Floats]:
        """As :meth:`detect`, with the segmentation's probabilities (segments, rows, columns) beside it."""
        plan, views = self.settings, self._views(canvas)
        found = self._candidates(views)
        boxes, labels, scores, segments = found.boxes, found.labels, found.scores, found.segments
        kept = suppressed(boxes, scores, plan.nms, labels)
        kept = kept[scores[kept] >= plan.score]
        kept = kept[: plan.most if allowed is None else 4 * plan.most]
        masks = self._masks(views, boxes[kept], labels[kept])
        regions = [
            Detection(_corners(boxes[k]), float(scores[k]), plan.labels[labels[k]], masks[i] > 0.5, found.features[k])
            for i, k in enumerate(kept)
            if allowed is None or _inside(masks[i] > 0.5, boxes[k], allowed)
        ]
        return regions[: plan.most], segments

    def candidates(self, canvas: Floats) -> Candidates:
        """All boxes of a canvas (rows, columns) with their scores, near copies among them."""
        return self._candidates(self._views(canvas))

    def _views(self, canvas: Floats) -> list[View]:
        plan = self.settings
        if canvas.shape != plan.canvas:
            raise ValueError(f"the canvas has shape {canvas.shape}, not {plan.canvas}")
        mirrors = (False, True) if plan.flip else (False,)
        return [read_view(self.dense, plan, canvas, mirror=mirror) for mirror in mirrors]

    def _candidates(self, views: Sequence[View]) -> Candidates:
        segments = np.asarray(np.mean([view.segments for view in views], axis=0), dtype=np.float32)
        boxes, labels, scores, features = self._boxes(views, self._proposals(views, segments), segments)
        return Candidates(boxes, labels, scores, features, segments)

    def _proposals(self, views: Sequence[View], segments: Floats) -> Boxes:
        parts = [view.proposals for view in views]
        for segment in self.settings.label_segments:
            if segment is not None:
                parts += [components(segments[segment], limit) for limit in self.settings.components]
        return np.concatenate(parts).astype(np.float32)

    def _boxes(
        self, views: Sequence[View], proposals: Boxes, segments: Floats
    ) -> tuple[Boxes, NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
        """Boxes, labels, fused scores and features of all proposals and labels, mean over the views."""
        answers = [self._answers(view, proposals) for view in views]
        probability, refined, features = (np.mean(parts, axis=0) for parts in zip(*answers, strict=True))
        count = len(self.settings.labels)
        boxes = clipped(refined, self.settings.canvas).reshape(-1, 4)
        labels = np.tile(np.arange(count), len(proposals))
        scores = self._fused(probability.reshape(-1), boxes, labels, segments)
        large = np.flatnonzero((boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= LEAST_SIDE)
        return boxes[large], labels[large], scores[large], np.repeat(features, count, axis=0)[large].astype(np.float32)

    def _answers(self, view: View, proposals: Boxes) -> tuple[Floats, Floats, Floats]:
        """Probabilities (n, labels), boxes (n, labels, 4) in the canvas's own direction and features (n, k)."""
        own = view.turned(proposals)
        pooled = pyramid_align(view.maps, self.settings.strides, own, BOX_SIDE, self.settings.canonical)
        answer = self.region.run(regions=pooled)
        logits = answer["logits"] - answer["logits"].max(axis=1, keepdims=True)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        deltas = answer["deltas"].reshape(len(own), -1, 4)[:, 1:]
        return shares[:, 1:], view.turned(decoded(deltas, own, REGION_WEIGHTS)), answer["features"]

    def _fused(
        self, probability: NDArray[np.floating], boxes: Boxes, labels: NDArray[np.intp], segments: Floats
    ) -> NDArray[np.float32]:
        """Box scores weighed with the segmentation by ``rescore``, or as they are where that is empty."""
        plan, fused = self.settings, np.asarray(probability, dtype=np.float32).copy()
        organ = segments[0] if plan.organ is None else segments[plan.organ]
        for label, segment in enumerate(plan.label_segments):
            chosen = labels == label
            if plan.rescore and segment is not None and chosen.any():
                features = evidence(fused[chosen], boxes[chosen], segments[segment], organ)
                fused[chosen] = rescored(features, plan.rescore)
        return fused

    def _masks(self, views: Sequence[View], boxes: Boxes, labels: NDArray[np.intp]) -> list[Floats]:
        """Probabilities (rows, columns) of each region's mask, mean over the views."""
        if not len(boxes):
            return []
        plan, parts = self.settings, []
        for view in views:
            pooled = pyramid_align(view.maps, plan.strides, view.turned(boxes), MASK_SIDE, plan.canonical)
            answer = self.mask.run(regions=pooled)["masks"][np.arange(len(boxes)), labels]
            parts.append(answer[:, :, ::-1] if view.mirror else answer)
        small = np.asarray(np.mean(parts, axis=0), dtype=np.float32)
        return [pasted(mask, box, plan.canvas) for mask, box in zip(small, boxes, strict=True)]


def _inside(mask: Mask, box: NDArray[np.floating], allowed: Mask) -> bool:
    if mask.any():
        return bool(allowed[mask].mean() >= 0.5)
    return bool(areas(box[None])[0] > 0.0 and box_means(allowed.astype(np.float32), box[None])[0] >= 0.5)


def _corners(box: NDArray[np.floating]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return x0, y0, x1, y1
