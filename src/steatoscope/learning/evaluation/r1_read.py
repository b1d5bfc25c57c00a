"""What recipe R1 and its comparators read from the frames of a study: regions of the detector, texture, intensity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import UsageError
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.evaluation.baselines_features import intensity_features, texture_features
from steatoscope.learning.evaluation.r1_data import R1Study
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.features_cache import FeatureCache
from steatoscope.learning.training.r1_regions import MODEL, VERSION, PatientRegions, patient_regions, sector_frames

TEXTURED: Final = 4
Values = NDArray[np.float64]
Told = Callable[[str], None]


def detector_named(name: str | None) -> ModelFolder:
    """The shipped ultrasound detector, or one of a name or packed folder; UsageError where it is none."""
    model = open_model(name or MODEL)
    if "detector" not in model.settings or str(model.entry["modality"]).upper() != "US":
        raise UsageError(f"--weights {name}: {model.name} is no detector for ultrasound; recipe R1 needs one")
    return model


def read_regions(
    model: ModelFolder, study: R1Study, out: Path, *, resume: bool, told: Told | None
) -> list[PatientRegions]:
    """The chain over every patient; with ``resume`` frames read before come from ``out``."""
    detector, found = Detector.open(model), []
    cache = FeatureCache(out / "frames", f"{VERSION} {model.sha256}")
    for number, samples in enumerate(study.chosen.values()):
        if told is not None and number % 5 == 0:
            told(f"regions of patient {number + 1} of {len(study.chosen)}")
        found.append(patient_regions(detector, samples, cache, fresh=not resume))
    return found


def read_texture(study: R1Study) -> tuple[Values, Values]:
    """Texture and intensity of every patient (n, k), means over up to four frames."""
    texture, intensity = [], []
    for samples in study.chosen.values():
        used = samples[:: max(1, len(samples) // TEXTURED)][:TEXTURED]
        read = [
            (texture_features(frame, group.tissue), intensity_features(frame, group.tissue))
            for group in sector_frames(used)
            for frame in group.frames
        ]
        texture.append(np.mean([one for one, _ in read], axis=0))
        intensity.append(np.mean([one for _, one in read], axis=0))
    return np.stack(texture), np.stack(intensity)
