"""The recipe ``us-localiser``: trained on every image of an ``aul`` folder, packed with its card and manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steatoscope.learning.inference.prepare import CANVAS
from steatoscope.learning.models.rcnn import LiteRCNN
from steatoscope.learning.training.detector import OPERATING, TRUNK_STEPS, US_MASSES, train_detector, trained_trunk
from steatoscope.learning.training.detector_cv import WEIGHTS
from steatoscope.learning.training.detector_export import detector_settings, export_detector
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.segment_sources import canvas_picture
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_aul import CITATION, LICENCE, load_aul

VERSION = "1.0.0"
NAME = "us-localiser"


def train_us_localiser(
    data: Path, out: Path, *, seed: int, steps: int | None = None, resume: bool = False
) -> dict[str, Any]:
    """Train and pack ``us-localiser``: a segmentation trunk first, then boxes, masks and segments together.

    The weights of the evidence come from ``out/rescore.json``, where ``benchmark aul`` with the same ``out`` has left
    them; without it box scores stay as they are.
    """
    known = load_aul(data)
    found = [canvas_picture(sample) for sample in known.samples]
    pictures = [picture for picture in found if picture is not None]
    trunk = trained_trunk(pictures, US_MASSES.kind, out / "trunk", seed=seed, steps=steps)
    network = train_detector(pictures, US_MASSES, steps=steps, seed=seed, out=out / "run", resume=resume, trunk=trunk)
    stored = out / WEIGHTS
    rescore = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else ()
    return pack_us_localiser(network, known, out, seed=seed, rescore=rescore)


def pack_us_localiser(
    network: LiteRCNN,
    data: TrainingSet,
    out: Path,
    *,
    seed: int,
    operating: float = OPERATING,
    rescore: Sequence[float] = (),
    metrics: Mapping[str, Any] | None = None,
    schedule: str = f"{TRUNK_STEPS} segmentation steps, then {US_MASSES.steps} joint steps",
) -> dict[str, Any]:
    """Export a trained network and write its model folder; ``metrics`` are those of the cross-validation."""
    files = export_detector(network, CANVAS[US_MASSES.kind], out)
    settings = detector_settings(network, US_MASSES, operating=operating, rescore=rescore)
    write_model(
        out,
        name=NAME,
        version=VERSION,
        modality="US",
        task="masses in the liver on B-mode frames: boxes, masks and scores",
        files=files,
        settings=settings.document(),
        card=card(metrics or {}, len(data), operating),
        training={
            "recipe": NAME,
            "seed": seed,
            "schedule": schedule,
            "split": "trained on every image; figures from five folds by group of look-alikes",
            "metrics": dict(metrics or {}),
            "data": data.records(),
        },
        licence=LICENCE,
    )
    size = sum(path.stat().st_size for path in files.values())
    return {
        "model": NAME,
        "images": len(data),
        "operating": operating,
        "bytes": size,
    }


def card(metrics: Mapping[str, Any], images: int, operating: float) -> str:
    """The model card as Markdown."""
    rows = [f"| {name} | {_words(value)} |" for name, value in metrics.items()]
    table = ["| five-fold figure | value (95 % interval) |", "|---|---|", *rows] if rows else ["Not yet evaluated."]
    lines = [
        f"# {NAME}",
        "",
        "Finds masses in the liver on one B-mode frame: box, mask, score. It says nothing of their kind. Research use.",
        "",
        f"A small Mask R-CNN on an EfficientNet-lite0 U-Net whose decoder is the feature pyramid; trained on {images} "
        "images. Proposals come from its region proposal network and from connected parts of its own segmentation; "
        "the score weighs the box score with what the segmentation shows in and around the box (logistic, fitted out "
        "of fold); the answer is the mean of the frame and its mirror image.",
        "",
        f"A mass is reported from a score of {operating:.2f} on.",
        "",
        *table,
        "",
        "## Limits",
        "",
        "One outline an image in the training set: further masses of the same image count as false. Normal images are "
        "few (85) and from other scanners than most masses. No subject identifiers: folds keep look-alikes together, "
        "not patients. Vessels, the gall bladder and the kidney are the usual false masses.",
        "",
        f"Data: {CITATION}. CC BY 4.0. ImageNet weights of EfficientNet-lite0: Apache-2.0.",
    ]
    return "\n".join(lines) + "\n"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        span = value.get("ci95")
        return f"{value['value']:.3f}" + (f" ({span[0]:.3f} to {span[1]:.3f})" if span else "")
    return str(value)
