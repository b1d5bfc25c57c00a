"""Share of the liver whose local fat lies above a threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.core.report import FattyAreaPart


def fatty_share_percent(fat_percent: NDArray[np.floating], liver: Mask, threshold_percent: float) -> float | None:
    """Percent of the liver's voxels with a local fat at or above a threshold in percent of fat.

    ``fat_percent`` and ``liver`` have the same shape. Voxels without a finite fat value do not count; None where none
    has one, which is not the same as 0.
    """
    if fat_percent.shape != liver.shape:
        raise ValueError(f"map and mask differ in shape: {fat_percent.shape} and {liver.shape}")
    values = fat_percent[liver]
    values = values[np.isfinite(values)]
    if values.size == 0:
        return None
    return 100.0 * float(np.mean(values >= threshold_percent))


def fatty_area(
    fat_percent: NDArray[np.floating], liver: Mask, threshold_percent: float, method: str
) -> FattyAreaPart | None:
    """The fatty area as a part of the report; None where the map has no finite value in the liver."""
    share = fatty_share_percent(fat_percent, liver, threshold_percent)
    if share is None:
        return None
    return FattyAreaPart(percent_of_liver=share, threshold=threshold_percent, method=method)
