"""The simulated CT part of recipe R5: focal regions painted into livers of phantoms and of real slices that look even.

What the three classes mean here, and nowhere else: *normal* has nothing painted; *benign* has only cysts, focal fat or
focal sparing; *malignant* has at least one solid lesion, dark or bright, lobulated, some with rim or core. Every slice
gives one picture of each class, so that nothing but the liver's inside can tell them apart. No real lesion is labelled:
the masks of ``msd_liver_jpg`` hold liver and tumour in one, and slices whose liver shows a blob are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.training.ct_focal_paint import PaintedRegion, paint_regions
from steatoscope.learning.training.ct_focal_phantoms import phantom_slices
from steatoscope.learning.training.ct_focal_shapes import Generator
from steatoscope.learning.training.ct_focal_slices import LEAST_BLOB_MM2, LiverSlice, liver_slices
from steatoscope.learning.training.ct_focal_vary import vary_hu, warped_slice
from steatoscope.learning.training.features_cache import key_of
from steatoscope.learning.training.r5_pictures import CLASSES, Drawn, FindingSet, squared
from steatoscope.learning.training.sets import TrainingSet

NAME: Final = "CT foci"
SOLID: Final = frozenset({"hypodense", "hyperdense"})
LEVEL: Final = 115.0
"""The grey at which a liver's median is put; one HU is one grey."""
LEAST_HU, LEVELS_HU = 40.0, (45.0, 130.0)
LEAST_LIVER = 1500
TRIES: Final = 200
PHANTOM_SEED: Final = 23


def simulated_ct(real: TrainingSet | None, *, phantoms: int, each: int, side: int, seed: int) -> FindingSet:
    """Three pictures of every slice, one a class; ``real`` is None where only phantoms are at hand."""
    found = liver_slices(real.samples) if real is not None else []
    even = [one for one in found if one.even]
    slices = [*even, *phantom_slices(phantoms, PHANTOM_SEED, each=each)]
    hashes = {} if real is None else {sample.path.name: sample.sha256 for sample in real.samples}
    used = {one.name for one in even}
    rows = [] if real is None else [row for row in real.records() if row["path"].rsplit("/", 1)[-1] in used]
    classes = len(CLASSES)
    return FindingSet(
        name=NAME,
        simulated=True,
        labels=np.tile(np.arange(classes), len(slices)).astype(np.intp),
        groups=np.repeat([one.volume for one in slices], classes).astype(np.str_),
        strata=np.full(classes * len(slices), "all"),
        keys=tuple(
            key_of([hashes.get(one.name, one.name), str(place), str(label), str(side), str(seed)])
            for place, one in enumerate(slices)
            for label in range(classes)
        ),
        draw=lambda row, copy: drawn(slices, row, copy, side=side, seed=seed),
        sources=rows,
        left_out=len(found) - len(even),
        facts={"real slices": len(even), "phantom slices": len(slices) - len(even), "even below mm2": LEAST_BLOB_MM2},
    )


def drawn(slices: Sequence[LiverSlice], row: int, copy: int, *, side: int, seed: int) -> Drawn:
    """A picture of the set: slice ``row // 3`` as class ``row % 3``, painted by a seed of its own in every copy."""
    place, label = divmod(row, len(CLASSES))
    rng = np.random.default_rng([seed, place, label, copy])
    item = slices[place]
    if copy:
        moved = warped_slice(item, rng)
        item = moved if moved.liver.sum() >= LEAST_LIVER else item
    hu, regions = painted(item, label, rng)
    grey = np.where(item.outside, 0.0, LEVEL + hu - float(np.median(hu[item.liver])))
    mask = np.zeros(item.liver.shape, dtype=np.bool_)
    for one in regions:
        mask |= one.mask
    return squared(np.clip(grey, 0.0, 255.0).astype(np.float32), (mask, item.liver), side)


def painted(item: LiverSlice, label: int, rng: Generator) -> tuple[Floats, list[PaintedRegion]]:
    """A slice in HU with regions of one class painted in; raises ValueError where none can be placed."""
    hu = _bright_enough(vary_hu(item, rng), item.liver, rng)
    if label == 0:
        return hu, []
    for _ in range(TRIES):
        found, regions = paint_regions(hu, item.liver, rng)
        if class_of(regions) == label:
            return found, regions
    raise ValueError(f"no {CLASSES[label]} region could be placed in {item.name}")


def class_of(regions: Sequence[PaintedRegion]) -> int:
    """0 for none, 2 where one of them is a solid lesion, else 1."""
    if not regions:
        return 0
    return 2 if any(one.sort in SOLID for one in regions) else 1


def _bright_enough(hu: Floats, liver: NDArray[np.bool_], rng: Generator) -> Floats:
    """Livers below 40 HU are lifted: eight-bit slices clip what lies far below the liver."""
    level = float(np.median(hu[liver]))
    if level >= LEAST_HU:
        return hu
    return np.asarray(np.where(liver, hu + rng.uniform(*LEVELS_HU) - level, hu), dtype=np.float32)
