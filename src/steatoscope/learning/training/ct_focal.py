"""Recipe ``ct-localiser``: trains and packs the detector of focal regions on CT. Its truth is simulated throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.inference.ct_localiser import NAME
from steatoscope.learning.inference.ct_localiser_window import CANVAS, HU_PER_UNIT, MM_PER_PIXEL, MOST_UNITS
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.detector_settings import DetectorSettings
from steatoscope.learning.inference.session import session_of_bytes
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.models.rcnn import LiteRCNN
from steatoscope.learning.training.ct_focal_batches import SEGMENTS
from steatoscope.learning.training.ct_focal_network import STEPS, train_network
from steatoscope.learning.training.ct_focal_paint import LABELS
from steatoscope.learning.training.ct_focal_phantoms import phantom_slices
from steatoscope.learning.training.ct_focal_pictures import detections_on, focal_pictures, operating_score
from steatoscope.learning.training.ct_focal_slices import liver_slices
from steatoscope.learning.training.ct_focal_split import FocalSplit
from steatoscope.learning.training.detector_export import detector_settings, export_detector
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.segment_sources import segmentation_set
from steatoscope.learning.training.sets import Sample

VERSION = "1.0.0"
PHANTOMS, PHANTOM_SEED, SPLIT_SEED = 16, 11, 0
FALSE_PER_SLICE = 0.1
CLAIM = "simulated truth only: regions painted into real slices and phantoms; no claim about real lesions"
LICENCE = "CC BY-SA 4.0"


def train_ct_localiser(
    data: Path, out: Path, *, seed: int, steps: int | None, resume: bool, trunk: Mapping[str, Tensor] | None = None
) -> dict[str, Any]:
    """Train and pack ``ct-localiser`` on 8-bit slices of HU clipped to 0-255 with liver masks, by volume.

    One volume in five is held out and one in ten sets the operating point. ``trunk`` is the state of a liver
    ``LiteUNet`` trained on none of the held-out volumes; without it the encoder begins with ImageNet weights. Raises
    the named errors of the reader, E_SUBJECTS where too few volumes have a liver that looks even.
    """
    samples = segmentation_set(data, "ct").samples
    split = FocalSplit.of(liver_slices(samples), [sample.group for sample in samples], SPLIT_SEED)
    real = [one for one in split.train if one.even]
    if not real or not any(one.even for one in split.calibration):
        raise SteatoscopeError("E_SUBJECTS", path=str(data), cause="Too few volumes show an even liver.")
    simulated = phantom_slices(PHANTOMS, PHANTOM_SEED)
    network = train_network(real, simulated, seed=seed, steps=steps, out=out / "run", resume=resume, trunk=trunk)
    model = pack_ct_localiser(network, out, split, samples, root=data, seed=seed, steps=steps or STEPS)
    return {
        "model": model.name,
        "pictures": len(real),
        "phantom_slices": len(simulated),
        "operating": model.settings["detector"]["operating"],
        "truth": "simulated",
    }


def pack_ct_localiser(
    network: LiteRCNN,
    out: Path,
    split: FocalSplit,
    samples: Sequence[Sample],
    *,
    root: Path,
    seed: int,
    steps: int,
    card: str | None = None,
) -> ModelFolder:
    """Export a trained network, find its operating point on the calibration volumes and write the model folder."""
    files = export_detector(network, CANVAS, out)
    plain = detector_settings(
        network,
        kind="ct",
        canvas=CANVAS,
        labels={label: place for place, label in enumerate(SEGMENTS) if label in LABELS},
        segments=SEGMENTS,
        operating=0.0,
        flip=False,
    )
    settings = replace(plain, operating=operating_point(plain, files, split, seed=seed))
    used = {one.name for one in (*split.train, *split.calibration) if one.even}
    return write_model(
        out,
        name=NAME,
        version=VERSION,
        modality="CT",
        task="lesions, focal fat and focal sparing on the liver (trained on simulated regions)",
        files=files,
        settings={**settings.document(), "window": _window(), "truth": "simulated", "claim": CLAIM},
        card=card or _card(len(used), settings.operating),
        training={
            "recipe": NAME,
            "seed": seed,
            "steps": steps,
            "split": "by volume: one in five held out, one in ten for the operating point, slices that look even only",
            "truth": "simulated",
            "phantoms": {"count": PHANTOMS, "seed": PHANTOM_SEED},
            "data": [_row(sample, root) for sample in samples if sample.path.name in used],
        },
        licence=LICENCE,
    )


def operating_point(settings: DetectorSettings, files: Mapping[str, Path], split: FocalSplit, *, seed: int) -> float:
    """The score with 0.1 false regions a slice on the calibration volumes' even slices without painted regions."""
    graphs = (session_of_bytes(files[name].read_bytes()) for name in ("dense.onnx", "region.onnx", "mask.onnx"))
    detector = Detector(settings, *graphs)
    even = [one for one in split.calibration if one.even]
    pictures = [p for more in range(2) for p in focal_pictures(even, 100 * (seed + 1) + more, painted=False)]
    scores = [[one.score for one in detections_on(detector, picture)] for picture in pictures]
    return round(max(operating_score(scores, FALSE_PER_SLICE), settings.score), 4)


def _window() -> dict[str, float]:
    return {"mm_per_pixel": MM_PER_PIXEL, "hu_per_unit": HU_PER_UNIT, "most_units": MOST_UNITS}


def _card(count: int, operating: float) -> str:
    return (
        f"# {NAME}\n\nclaim: {CLAIM}.\n\nTrained on regions painted into {count} slices and into phantoms; "
        f"regions are reported from a score of {operating}. Not yet evaluated.\n"
    )


def _row(sample: Sample, root: Path) -> dict[str, str]:
    name = str(sample.path.relative_to(root)) if sample.path.is_relative_to(root) else sample.path.name
    return {"path": name, "sha256": sample.sha256, "subject": sample.group}
