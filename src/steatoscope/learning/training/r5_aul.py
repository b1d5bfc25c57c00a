"""The ultrasound part of recipe R5: ``aul`` frames cut to their scan sector, classes as given, masses as masks.

The class of these images follows the scanner. What reads them stands beside a control that sees image size, sector and
what lies outside of it, and nothing else (:mod:`steatoscope.learning.inference.anomaly_control`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.anomaly_control import control_features, source_sizes, stratum_of
from steatoscope.learning.inference.canvas import Placement, bounding_box
from steatoscope.learning.inference.detector_us import Frame
from steatoscope.learning.training.augment import Warp, random_matrix, vary_us, warped
from steatoscope.learning.training.features_cache import key_of
from steatoscope.learning.training.r5_pictures import CLASSES, Drawn, FindingSet
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_aul import load_aul
from steatoscope.learning.training.twins import FRAME_THRESHOLD, frame_similarity, groups_of

NAME: Final = "aul"
WARP: Final = Warp(rotation=0.2, zoom=0.2, aspect=0.08, shift=18.0, mirror=True)


def aul_pictures(folder: Path, *, side: int, seed: int, most: int | None = None) -> FindingSet:
    """The frames of an ``aul`` folder in which a scan sector is found; ``most`` limits the images of each class.

    Raises what :func:`load_aul` raises.
    """
    data = load_aul(folder) if most is None else _few(load_aul(folder, twins=False), most, seed)
    frames = [Frame.of(np.asarray(sample.image(), dtype=np.uint8)) for sample in data.samples]
    kept = [i for i, frame in enumerate(frames) if frame is not None]
    sizes = source_sizes(folder)
    samples = [data.samples[i] for i in kept]
    found = [frame for frame in frames if frame is not None]
    sources = [sizes.get(one.path.stem, (one.shape[1], one.shape[0])) for one in samples]

    def control(row: int) -> NDArray[np.float64]:
        named = control_features(found[row].image, found[row].sector, sources[row])
        return np.array(list(named.values()), dtype=np.float64)

    return FindingSet(
        name=NAME,
        simulated=False,
        labels=np.array([CLASSES.index(str(one.labels.finding)) for one in samples], dtype=np.intp),
        groups=np.array([one.group for one in samples], dtype=np.str_),
        strata=np.array([stratum_of(source) for source in sources], dtype=np.str_),
        keys=tuple(key_of([one.sha256, str(side), str(seed), str(row)]) for row, one in enumerate(samples)),
        draw=lambda row, copy: drawn(found[row], samples[row], side, row, copy, seed),
        control=control,
        sources=data.subset(kept).records(),
        left_out=len(frames) - len(kept),
    )


def drawn(frame: Frame, sample: Sample, side: int, row: int, copy: int, seed: int) -> Drawn:
    """A frame's sector without burned-in marks on a square; copies are turned, zoomed, mirrored and toned."""
    place = Placement.fitting(
        (frame.image.shape[0], frame.image.shape[1]), bounding_box(frame.tissue), (side, side)
    )  # fmt: skip
    mass = sample.mask("mass") if "mass" in sample.polygons else np.zeros(frame.tissue.shape, dtype=np.bool_)
    layers = [place.to_canvas(part) for part in (np.where(frame.tissue, frame.image, 0), mass, frame.tissue)]
    grey, inside, tissue = layers[0], layers[1] > 0.5, layers[2] > 0.5
    if copy:
        rng = np.random.default_rng([seed, row, copy])
        flags = (part.astype(np.uint8) * np.uint8(255) for part in (inside, tissue))
        stack = np.stack([np.clip(grey, 0, 255).astype(np.uint8), *flags])
        moved = warped(stack, random_matrix(rng, (side, side), WARP))
        grey, inside, tissue = vary_us(moved[0], rng), moved[1] > 127, moved[2] > 127
    return Drawn(np.where(tissue, np.clip(np.rint(grey), 0, 255), 0).astype(np.uint8), inside, tissue)


def _few(data: TrainingSet, most: int, seed: int) -> TrainingSet:
    """At most ``most`` images of each class, with groups of look-alikes found among them."""
    rng = np.random.default_rng(seed)
    findings = np.array([sample.labels.finding for sample in data.samples])
    rows = [rng.permutation(np.flatnonzero(findings == name))[:most] for name in CLASSES]
    chosen = data.subset(sorted(np.concatenate(rows).tolist()))
    images = [sample.image() for sample in chosen.samples]
    sectors = [
        sample.mask("outline") if "outline" in sample.polygons else np.ones(sample.shape, dtype=np.bool_)
        for sample in chosen.samples
    ]
    groups = groups_of(frame_similarity(images, sectors), FRAME_THRESHOLD)
    named = [
        replace(sample, group=f"look-alike-{group:03d}") for sample, group in zip(chosen.samples, groups, strict=True)
    ]
    return replace(chosen, samples=tuple(named))
