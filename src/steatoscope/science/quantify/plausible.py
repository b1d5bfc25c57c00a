"""Whether the values of a CT or MR volume can be those of a body at all: facts of tissue, not of any organ.

Limits lie far below what real studies show (real abdominal CT: 15 % and more fat, 38 % and more soft tissue; real
multi-echo MR: 3.6 % and more fat; a patch of bone in every slice of real abdominal CT; ``docs/results/refusal.md``), so
that lean patients and slabs pass.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from steatoscope.core.image import Floats, Volume

BODY_HU: Final = -300.0
FAT_HU: Final = (-140.0, -50.0)
SOFT_HU: Final = (0.0, 150.0)
LEAST_BODY: Final = 0.02
LEAST_CT_FAT: Final = 0.01
LEAST_SOFT: Final = 0.2
BONE_HU: Final = 150.0
LEAST_BONE: Final = 0.0005
LEAST_BONY: Final = 0.5
SIGNAL_SHARE: Final = 0.15
FAT_PERCENT: Final = 60.0
LEAST_MR_FAT: Final = 0.005


def ct_fault(volume: Volume) -> str:
    """Why what is in view on a volume in HU is no body, with the number that says so; empty where it may be one.

    Empty too where hardly anything is in view: then there is no liver, which is the better reason.
    """
    body = volume.data[volume.data > BODY_HU]
    if body.size < LEAST_BODY * volume.data.size:
        return ""
    fat = float(((body > FAT_HU[0]) & (body < FAT_HU[1])).mean())
    if fat < LEAST_CT_FAT:
        return f"{fat:.1%} of the body has the attenuation of fat (at least {LEAST_CT_FAT:.0%})."
    soft = float(((body > SOFT_HU[0]) & (body < SOFT_HU[1])).mean())
    if soft < LEAST_SOFT:
        return f"{soft:.0%} of the body has the attenuation of soft tissue (at least {LEAST_SOFT:.0%})."
    return ""


def bone_fault(volume: Volume) -> str:
    """Why a volume in HU with a liver-like organ is a test object, with the numbers; empty where it may be a patient.

    A transverse slice through a liver cuts the spine and ribs. A slice shows bone where one patch of connected pixels
    above ``BONE_HU`` covers ``LEAST_BONE`` of the body in it; half of the slices with a body must.
    """
    slices = [plane for plane in volume.data if (plane > BODY_HU).mean() >= LEAST_BODY]
    bony = sum(bone_share(plane) >= LEAST_BONE for plane in slices)
    if not slices or bony >= LEAST_BONY * len(slices):
        return ""
    return (
        f"Bone, a patch above {BONE_HU:.0f} HU of {LEAST_BONE:.2%} of the body or more, is in {bony} of {len(slices)} "
        f"slices (at least {LEAST_BONY:.0%})."
    )


def bone_share(plane: Floats) -> float:
    """Share of the body in a slice (rows, columns) in HU that its largest patch of bone takes; 0 without a body."""
    patches, count = label(plane > BONE_HU)
    body = int((plane > BODY_HU).sum())
    return float(np.bincount(patches.ravel())[1:].max()) / body if count and body else 0.0


def mr_fault(anatomy: Volume, fat_percent: NDArray[np.floating]) -> str:
    """Why a fat map (percent, the anatomy's shape) is none of a body; empty where it may be one.

    Every body has fat under its skin. For maps that run to 100 %, of an image that was not masked.
    """
    magnitude = np.abs(anatomy.data)
    level = SIGNAL_SHARE * float(np.percentile(magnitude, 99.0))
    known = (magnitude > level) & np.isfinite(fat_percent)
    if not known.any():
        return "No voxel has signal."
    fat = float((fat_percent[known] > FAT_PERCENT).mean())
    if fat < LEAST_MR_FAT:
        return f"{fat:.1%} of the voxels with signal are fat (at least {LEAST_MR_FAT:.1%} in a body)."
    return ""
