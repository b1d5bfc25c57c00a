"""A trained detector as three ONNX graphs and the settings that hold them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from steatoscope.learning.inference.detector_settings import DetectorSettings
from steatoscope.learning.models.rcnn import LEVELS, BoxPart, DensePart, LiteRCNN, MaskPart
from steatoscope.learning.training.export import export_onnx, round_weights

POOL, MASK_POOL = 7, 14


def export_detector(network: LiteRCNN, canvas: tuple[int, int], folder: Path) -> dict[str, Path]:
    """Write ``dense.onnx``, ``region.onnx`` and ``mask.onnx``, weights in half precision; name to path of each.

    The network's weights are rounded in place first, so that the graphs and the network stay one. Raises ExportError
    where a graph does not answer as the network does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = network.eval().float()
    round_weights(network)
    width, files = network.plan.width, {n: folder / f"{n}.onnx" for n in ("dense", "region", "mask")}
    parts = {
        "dense": (DensePart(network), torch.randn(1, 1, *canvas), "image", DensePart.OUTPUTS),
        "region": (BoxPart(network), torch.randn(3, width, POOL, POOL), "regions", BoxPart.OUTPUTS),
        "mask": (MaskPart(network), torch.randn(3, width, MASK_POOL, MASK_POOL), "regions", MaskPart.OUTPUTS),
    }
    for name, (part, example, source, outputs) in parts.items():
        free = {} if name == "dense" else {one: {0: "n"} for one in (source, *outputs)}
        export_onnx(part, (example,), files[name], input_names=[source], output_names=list(outputs), dynamic=free)
    return {path.name: path for path in files.values()}


def detector_settings(
    network: LiteRCNN,
    *,
    kind: str,
    canvas: tuple[int, int],
    labels: Mapping[str, int | None],
    segments: Sequence[str],
    operating: float,
    score: float = 0.02,
    components: Sequence[float] = (0.3, 0.5),
    fusion: float = 0.5,
    mask_fusion: float = 0.5,
    flip: bool = True,
) -> DetectorSettings:
    """Settings of a network; ``labels`` names the regions, from label 1, each with its segment's number or None."""
    plan = network.plan
    return DetectorSettings(
        kind=kind,
        canvas=canvas,
        labels=tuple(labels),
        label_segments=tuple(labels.values()),
        segments=tuple(segments),
        strides=tuple(int(name) for name in reversed(LEVELS)),
        anchors=tuple(tuple(float(size) for size in sizes) for sizes in plan.anchors),
        ratios=plan.ratios,
        canonical=float(plan.canonical),
        candidates=plan.candidates,
        proposals=plan.proposals,
        proposal_nms=plan.proposal_nms,
        nms=plan.nms,
        most=plan.most,
        score=score,
        operating=operating,
        components=tuple(components),
        fusion=fusion,
        mask_fusion=mask_fusion,
        flip=flip,
    )
