"""Recipe ``ct-localiser``: trains and packs the detector of focal regions on CT. Its truth is simulated throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.inference.ct_localiser import NAME
from steatoscope.learning.inference.ct_localiser_window import (
    CANVAS,
    HU_PER_UNIT,
    MM_PER_PIXEL,
    MOST_UNITS,
    window_input,
)
from steatoscope.learning.inference.detector import GRAPHS, Detector
from steatoscope.learning.inference.detector_settings import DetectorSettings
from steatoscope.learning.inference.session import session_of_bytes
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.models.rcnn import LiteRCNN
from steatoscope.learning.training.ct_focal_batches import SEGMENTS
from steatoscope.learning.training.ct_focal_network import CYCLES, train_network
from steatoscope.learning.training.ct_focal_paint import LABELS
from steatoscope.learning.training.ct_focal_phantoms import phantom_slices
from steatoscope.learning.training.ct_focal_pictures import (
    FocalPicture,
    detections_on,
    focal_pictures,
    operating_score,
)
from steatoscope.learning.training.ct_focal_slices import LiverSlice, liver_slices
from steatoscope.learning.training.ct_focal_split import FocalSplit
from steatoscope.learning.training.detector import DetectorTask
from steatoscope.learning.training.detector_export import detector_settings, export_detector
from steatoscope.learning.training.detector_rescore import Evidence, candidate_evidence, fit_weights
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.segment_sources import segmentation_set
from steatoscope.learning.training.sets import Sample

VERSION = "1.0.0"
PHANTOMS, PHANTOM_SEED, SPLIT_SEED = 16, 11, 0
FALSE_PER_SLICE = (0.1, 0.02)
PAINTED, PLAIN = 3, 3
TASK = DetectorTask("ct", SEGMENTS, {label: place for place, label in enumerate(SEGMENTS) if label in LABELS})
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
    model = pack_ct_localiser(
        network, out, split, samples, root=data, seed=seed, cycles=CYCLES if steps is None else (steps,)
    )
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
    cycles: Sequence[int],
    card: str | None = None,
) -> ModelFolder:
    """Export a trained network, find its operating point on the calibration volumes and write the model folder."""
    files = export_detector(network, CANVAS, out)
    settings, volume_operating = calibrated(
        replace(detector_settings(network, TASK), canvas=CANVAS), files, split.calibration, seed=seed
    )
    used = {one.name for one in (*split.train, *split.calibration) if one.even}
    return write_model(
        out,
        name=NAME,
        version=VERSION,
        modality="CT",
        task="lesions, focal fat and focal sparing on the liver (trained on simulated regions)",
        files=files,
        settings={
            **settings.document(),
            "volume_operating": volume_operating,
            "window": _window(),
            "truth": "simulated",
            "claim": CLAIM,
        },
        card=card or _card(len(used), settings.operating),
        training={
            "recipe": NAME,
            "seed": seed,
            "steps": list(cycles),
            "split": "by volume: one in five held out, one in ten for the operating point, slices that look even only",
            "truth": "simulated",
            "phantoms": {"count": PHANTOMS, "seed": PHANTOM_SEED},
            "data": [_row(sample, root) for sample in samples if sample.path.name in used],
        },
        licence=LICENCE,
    )


def calibrated(
    settings: DetectorSettings, files: Mapping[str, Path], slices: Sequence[LiverSlice], *, seed: int
) -> tuple[DetectorSettings, float]:
    """Settings with the evidence's weights and operating point found on the calibration volumes' even slices.

    The operating point of a single slice is the score with 0.1 false regions a slice where nothing was painted; that of
    a volume, returned beside it, has 0.02, since a volume has tens of slices.
    """
    graphs = [session_of_bytes(files[name].read_bytes()) for name in GRAPHS]
    even = [one for one in slices if one.even]
    painted = [p for more in range(PAINTED) for p in focal_pictures(even, 100 * (seed + 1) + more, painted=True)]
    plain = [p for more in range(PLAIN) for p in focal_pictures(even, 100 * (seed + 1) + 50 + more, painted=False)]
    detector = Detector(settings, *graphs)
    parts = [part for picture in (*painted, *plain) for part in evidence_on(detector, picture)]
    weighed = Detector(replace(settings, rescore=fit_weights(parts)), *graphs)
    scores = [[one.score for one in detections_on(weighed, picture)] for picture in plain]
    single, volume = (round(max(operating_score(scores, r), settings.score), 4) for r in FALSE_PER_SLICE)
    return replace(weighed.settings, operating=single), volume


def evidence_on(detector: Detector, picture: FocalPicture) -> list[Evidence]:
    """What speaks for each candidate on a picture, kind by kind, and whether it hits a painted region."""
    canvas = window_input(picture.hu, picture.level)
    found = []
    for place in range(len(LABELS)):
        boxes = [one.box for one in picture.regions if one.label == place + 1]
        wanted = np.array(boxes, dtype=np.float32).reshape(-1, 4)
        found.append(candidate_evidence(detector, canvas, wanted, place))
    return found


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
