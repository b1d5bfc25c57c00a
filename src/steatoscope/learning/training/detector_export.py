"""A trained detector as three ONNX graphs and the settings that hold them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from steatoscope.learning.inference.detector import BOX_SIDE, GRAPHS, MASK_SIDE, Detector
from steatoscope.learning.inference.detector_settings import DetectorSettings
from steatoscope.learning.inference.prepare import CANVAS
from steatoscope.learning.inference.session import session_of_bytes
from steatoscope.learning.models.rcnn import LEVELS, BoxPart, DensePart, LiteRCNN, MaskPart
from steatoscope.learning.training.detector import DetectorTask
from steatoscope.learning.training.export import export_onnx, round_weights

COMPONENTS = (0.3, 0.5)


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
        "region": (BoxPart(network), torch.randn(3, width, BOX_SIDE, BOX_SIDE), "regions", BoxPart.OUTPUTS),
        "mask": (MaskPart(network), torch.randn(3, width, MASK_SIDE, MASK_SIDE), "regions", MaskPart.OUTPUTS),
    }
    for name, (part, example, source, outputs) in parts.items():
        free = {} if name == "dense" else {one: {0: "n"} for one in (source, *outputs)}
        export_onnx(part, (example,), files[name], input_names=[source], output_names=list(outputs), dynamic=free)
    return {path.name: path for path in files.values()}


def detector_settings(
    network: LiteRCNN, task: DetectorTask, *, operating: float = 0.5, rescore: Sequence[float] = ()
) -> DetectorSettings:
    """Settings of a network trained for a task; ``operating`` is the score from which a region is reported."""
    plan = network.plan
    return DetectorSettings(
        kind=task.kind,
        canvas=CANVAS[task.kind],
        labels=tuple(task.labels),
        label_segments=tuple(task.labels.values()),
        segments=task.segments,
        strides=tuple(int(name) for name in reversed(LEVELS)),
        anchors=tuple(tuple(float(size) for size in sizes) for sizes in plan.anchors),
        ratios=plan.ratios,
        canonical=float(plan.canonical),
        candidates=plan.candidates,
        proposals=plan.proposals,
        proposal_nms=plan.proposal_nms,
        nms=plan.nms,
        most=plan.most,
        score=plan.score,
        operating=operating,
        components=COMPONENTS,
        rescore=tuple(rescore),
        organ=0 if task.segments else None,
        flip=task.kind == "us",
    )


def detector_of(
    network: LiteRCNN, task: DetectorTask, files: Mapping[str, Path], *, rescore: Sequence[float] = ()
) -> Detector:
    """The exported graphs at work, as they would ship."""
    graphs = (session_of_bytes(files[name].read_bytes()) for name in GRAPHS)
    return Detector(detector_settings(network, task, rescore=rescore), *graphs)
