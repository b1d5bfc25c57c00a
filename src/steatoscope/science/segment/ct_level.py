"""Ends of a liver outline on CT that are not liver: bowel below it and heart above it have another attenuation."""

from __future__ import annotations

from typing import Final

import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.morphology import largest

OTHER_LEVEL_HU: Final = 18.0
END_SHARE: Final = 0.35


def of_one_level(mask: Mask, hu: Floats) -> Mask:
    """A liver mask (slices, rows, columns) without end slices of another attenuation.

    From both ends inward, slices are taken away while their median differs from the whole mask's by more than 18 HU
    and their area is below 35 % of the largest. Ends only: a change in the middle may be focal fat. The largest
    component of what is left is returned; a single slice stays as it is.
    """
    if mask.shape[0] == 1 or not mask.any():
        return mask
    level = float(np.median(hu[mask]))
    areas = mask.reshape(mask.shape[0], -1).sum(axis=1)
    kept = mask.copy()
    for order in (range(mask.shape[0]), range(mask.shape[0] - 1, -1, -1)):
        for index in order:
            if not areas[index]:
                continue
            near = abs(float(np.median(hu[index][mask[index]])) - level) <= OTHER_LEVEL_HU
            if near or areas[index] > END_SHARE * areas.max():
                break
            kept[index] = False
    found = largest(kept)
    return mask if found is None else found
