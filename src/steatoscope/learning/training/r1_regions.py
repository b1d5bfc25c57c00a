"""Recipe R1's chain over patients, frame by frame and kept on disk; what reads pixels has seen none of them.

``us-segmenter`` is not used, since it was trained on boxes of ``byra2018`` frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip, Mask
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.r1_chain import Values, mean_features, mean_of_frames, read_frame
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.features_cache import Arrays, FeatureCache, key_of
from steatoscope.learning.training.sets import Sample

VERSION: Final = "r1-regions-2"
MODEL: Final = "us-localiser"


@dataclass(frozen=True, eq=False)
class SectorFrames:
    """Frames (n, rows, columns) of one patient and view, with their samples and the sector without burned-in marks."""

    samples: tuple[Sample, ...]
    frames: NDArray[np.uint8]
    tissue: Mask


@dataclass(frozen=True, eq=False)
class PatientRegions:
    """The chain over a patient's frames: features (n, k) of the regions of each.

    ``liver_box`` and ``kidney_box`` are the shares of hand-placed boxes that the liver's mask covers, means over frames
    (NaN: none).
    """

    frames: tuple[NDArray[np.float32], ...]
    proposals: float
    liver_box: float
    kidney_box: float
    cpu_ms: float

    @property
    def features(self) -> Values:
        """Mean features (k,) of the frames with regions, NaN without any."""
        return mean_of_frames(np.stack([mean_features(one) for one in self.frames]))

    @property
    def regions(self) -> NDArray[np.float32]:
        """Features (n, k) of the regions of all frames."""
        return np.concatenate(self.frames)

    def within(self, low: Values, high: Values) -> Values:
        """As ``features``, each region's cut to ``low`` and ``high`` (k,) first."""
        return mean_of_frames(np.stack([mean_features(np.clip(one, low, high)) for one in self.frames]))


def check_unseen(model: ModelFolder, samples: Sequence[Sample]) -> None:
    """Raise E_LEAK, naming a frame, where the model was trained on any of them."""
    known = model.training_sha256
    for sample in samples:
        if sample.sha256 in known:
            cause = f"{model.name} was trained on it."
            raise SteatoscopeError("E_LEAK", path=str(sample.path), cause=cause)


def sector_frames(samples: Sequence[Sample]) -> Iterator[SectorFrames]:
    """A patient's frames by view; raises E_SIZE where those of a view differ in size, E_NOLIVER without a sector."""
    for _, group in groupby(sorted(samples, key=_view), key=_view):
        own = tuple(group)
        images = [np.asarray(sample.image(), dtype=np.uint8) for sample in own]
        if len({image.shape for image in images}) > 1:
            raise SteatoscopeError("E_SIZE", path=str(own[0].path), cause="The frames of one view differ in size.")
        frames = np.stack(images)
        sector = find_sector(Clip(frames))
        if sector is None:
            cause = "No scan sector was found in the frames."
            raise SteatoscopeError("E_NOLIVER", path=str(own[0].path), cause=cause)
        yield SectorFrames(own, frames, tissue_mask(frames, sector))


def patient_regions(
    detector: Detector, samples: Sequence[Sample], cache: FeatureCache, *, fresh: bool
) -> PatientRegions:
    """All given frames of one patient; frames read before come from the cache unless ``fresh``.

    Raises as :func:`sector_frames`.
    """
    keys = _keys(samples)
    rows = [None if fresh else cache.get(key) for key in keys]
    known = [row for row in rows if row is not None]
    if len(known) < len(keys):
        known = _computed(detector, samples)
        for key, row in zip(keys, known, strict=True):
            cache.put(key, row)
    facts = np.stack([row["facts"] for row in known])
    liver, kidney = (_mean(facts[:, column]) for column in (1, 2))
    return PatientRegions(
        frames=tuple(row["regions"] for row in known),
        proposals=_mean(facts[:, 0]),
        liver_box=liver,
        kidney_box=kidney,
        cpu_ms=float(np.median(facts[:, 3])),
    )


def _computed(detector: Detector, samples: Sequence[Sample]) -> list[Arrays]:
    """What the chain gives of each frame, in the order of the samples."""
    found: dict[Sample, Arrays] = {}
    for group in sector_frames(samples):
        for sample, frame in zip(group.samples, group.frames, strict=True):
            one = read_frame(detector, frame, group.tissue)
            mask = one.liver_mask
            shares = [_covered(mask, sample.boxes.get(organ)) for organ in ("liver", "kidney")]
            facts = np.array([float(len(one.regions)), *shares, one.cpu_ms])
            found[sample] = {"regions": one.regions, "facts": facts}
    return [found[sample] for sample in samples]


def _view(sample: Sample) -> str:
    return (sample.view or "").casefold()


def _keys(samples: Sequence[Sample]) -> list[str]:
    """Each frame by its content and by all frames of its patient: the sector is found in those together."""
    everything = key_of(f"{sample.view} {sample.sha256}" for sample in samples)
    return [f"{everything} {sample.view} {sample.sha256}" for sample in samples]


def _covered(mask: Mask, box: Any) -> float:
    if box is None:
        return float("nan")
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    return float(mask[y0:y1, x0:x1].mean())


def _mean(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
