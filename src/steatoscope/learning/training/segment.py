"""Training of the segmentation networks ``us-segmenter``, ``ct-segmenter`` and ``mr-segmenter``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steatoscope.learning.inference.prepare import CANVAS, Kind
from steatoscope.learning.models.lite_unet import LiteUNet
from steatoscope.learning.training.export import export_onnx
from steatoscope.learning.training.grading_data import MANIFEST
from steatoscope.learning.training.loop import Schedule, fit
from steatoscope.learning.training.losses import bce_dice
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.segment_batches import CanvasPicture, SegmentBatches
from steatoscope.learning.training.segment_card import CardFacts, card
from steatoscope.learning.training.segment_pictures import US_CLASSES
from steatoscope.learning.training.segment_sources import box_pictures, box_records, canvas_picture, segmentation_set
from steatoscope.learning.training.sets import TrainingSet

CLASSES: Mapping[Kind, tuple[str, ...]] = {"us": US_CLASSES, "ct": ("liver",), "mr": ("liver",)}
STEPS: Mapping[Kind, int] = {"us": 350, "ct": 1100, "mr": 900}
PEAK_RATE, WEIGHT_DECAY = 2e-3, 1e-4
VERSION = "1.0.0"
TASKS: Mapping[Kind, str] = {
    "us": "liver, mass and renal cortex on B-mode frames",
    "ct": "liver on CT, enhanced or not",
    "mr": "liver on MR magnitude",
}
Report = Callable[[int, int, float], None]


def train_segmenter(
    pictures: Sequence[CanvasPicture],
    *,
    kind: Kind,
    classes: Sequence[str] | None = None,
    steps: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> LiteUNet:
    """A network trained on canvas pictures (``steps`` batches of 8); a checkpoint is kept in ``out``.

    ``classes`` are those that the pictures' masks hold, by default the modality's own.
    """
    torch.manual_seed(seed)
    network = LiteUNet(len(classes or CLASSES[kind]))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    schedule = Schedule(steps or STEPS[kind], PEAK_RATE, weight_decay=WEIGHT_DECAY, seed=seed)
    fit(
        network,
        SegmentBatches(pictures, kind, seed),
        segmentation_loss,
        schedule,
        out=out,
        resume=resume,
        report=report,
    )
    return network


def segmentation_loss(network: nn.Module, image: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """BCE plus soft Dice where the truth is known."""
    return bce_dice(network(image).float(), masks, known)


def export_segmenter(network: nn.Module, kind: Kind, path: Path) -> float:
    """Write the network as ``image`` (n, 1, rows, columns) to ``logits``; returns the parity with torch."""
    return export_onnx(
        network,
        (torch.zeros(1, 1, *CANVAS[kind]),),
        path,
        input_names=["image"],
        output_names=["logits"],
        dynamic={"image": {0: "n"}, "logits": {0: "n"}},
    )


def pack_segmenter(
    network: nn.Module,
    kind: Kind,
    out: Path,
    *,
    rows: Sequence[Mapping[str, str]],
    text: str,
    seed: int,
    classes: Sequence[str] | None = None,
    licence: str | None = None,
    task: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> float:
    """Export a trained network and write its model folder; returns the parity with torch.

    ``rows`` are the training files (path, sha256, subject); ``classes``, ``licence`` and ``task`` are by
    default the modality's own, ``more`` joins the training record.
    """
    parity = export_segmenter(network, kind, out / "model.onnx")
    write_model(
        out,
        name=f"{kind}-segmenter",
        version=VERSION,
        modality=kind.upper(),
        task=task or TASKS[kind],
        files={"model.onnx": out / "model.onnx"},
        settings={"kind": kind, "classes": list(classes or CLASSES[kind]), "mirrored": kind != "ct"},
        card=text,
        training={"recipe": f"{kind}-segmenter", "seed": seed, "data": list(rows), **(more or {})},
        licence=licence or ("CC BY-SA 4.0" if kind != "us" else "CC BY 4.0"),
    )
    return parity


def train_us_segmenter(data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> dict[str, Any]:
    """Train and pack ``us-segmenter`` on a folder's liver, mass and kidney annotations, or a manifest's liver masks."""
    return _recipe(data, out, "us", seed=seed, steps=steps, resume=resume)


def train_ct_segmenter(data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> dict[str, Any]:
    """Train and pack ``ct-segmenter`` on 8-bit slices of HU clipped to 0-255 with liver masks (folder or manifest)."""
    return _recipe(data, out, "ct", seed=seed, steps=steps, resume=resume)


def train_mr_segmenter(data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> dict[str, Any]:
    """Train and pack ``mr-segmenter`` on magnitude slices with liver masks (folder or manifest)."""
    return _recipe(data, out, "mr", seed=seed, steps=steps, resume=resume)


def pictures_of(found: TrainingSet, data: Path) -> list[CanvasPicture]:
    """All training pictures of a set, ultrasound with the hand-placed boxes that ``data`` holds beside it."""
    pictures = [canvas_picture(sample) for sample in found.samples]
    boxes = box_pictures(data) if found.name == "aul" else []
    return [picture for picture in pictures if picture is not None] + boxes


def _recipe(data: Path, out: Path, kind: Kind, *, seed: int, steps: int | None, resume: bool) -> dict[str, Any]:
    if (data / MANIFEST).is_file():
        from steatoscope.learning.training.segment_own_fit import train_own_segmenter

        return train_own_segmenter(data, out, kind, seed=seed, steps=steps, resume=resume)
    found, count = segmentation_set(data, kind), steps or STEPS[kind]
    pictures = pictures_of(found, data)
    network = train_segmenter(pictures, kind=kind, steps=count, seed=seed, out=out / "run", resume=resume)
    facts = CardFacts(
        found.name, found.citation, found.licence, len(pictures), len(set(found.groups)), "none held out", count
    )
    text = card(kind, VERSION, TASKS[kind], facts)
    rows = [*found.records(), *box_records(data)] if kind == "us" else found.records()
    parity = pack_segmenter(network, kind, out, rows=rows, text=text, seed=seed)
    return {"model": f"{kind}-segmenter", "pictures": len(pictures), "parity": parity}
