"""Organ masks on their way into the report: the user's own mask, sizes, and whether the liver is wholly in view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask, Study
from steatoscope.core.report import SegmentationPart, SegmentPart
from steatoscope.imaging.io.masks import read_liver_mask
from steatoscope.pipeline.ports import Organs
from steatoscope.science.quantify.coverage import in_view

FEWEST_SLICES = 5
THICKEST_MM = 10.0
CUT_SHARE = 0.15


def given_mask(path: Path | None, study: Study) -> Mask | None:
    """The liver mask of ``--liver-mask`` in the scan's grid, or None where none was given."""
    return None if path is None else read_liver_mask(path, study.scan, order=study.source.get("slice_files"))


def with_liver(organs: Organs, liver: Mask) -> Organs:
    """The organs with the user's own liver (none, where that mask is empty); over the spleen, the liver wins."""
    spleen = None if organs.spleen is None else organs.spleen & ~liver
    found = liver if liver.any() else None
    beside = organs.neighbours or organs.method
    return replace(
        organs,
        liver=found,
        spleen=spleen,
        method="given mask",
        neighbours=beside,
        confidence=1.0,
        notes=(),
        model=None,
    )


def partial_coverage(liver: Mask, geometry: Geometry, source: Mapping[str, Any]) -> QualityCode | None:
    """``W_PARTIAL`` where a volume would be wrong: few, thick or gappy slices, or a liver cut off. Says the share."""
    area = liver.reshape(liver.shape[0], -1).sum(axis=1)
    if liver.shape[0] < FEWEST_SLICES:
        few = f"{liver.shape[0]} slices; at least {FEWEST_SLICES} are needed for a volume."
        return warning("W_PARTIAL", f"{few} {in_view(liver, geometry)}".strip())
    if not geometry.known:
        return warning("W_PARTIAL", "The spacing is unknown.")
    if source.get("gappy"):
        return warning("W_PARTIAL", "Slices are missing.")
    if geometry.spacing[0] > THICKEST_MM:
        return warning("W_PARTIAL", f"Slices lie {geometry.spacing[0]:.0f} mm apart.")
    if max(area[0], area[-1]) > CUT_SHARE * area.max():
        return warning("W_PARTIAL", f"The liver reaches the end of the stack. {in_view(liver, geometry)}".strip())
    return None


def volume_part(mask: Mask | None, name: str, geometry: Geometry, *, whole: bool, method: str) -> SegmentPart | None:
    """One organ of a volume; the volume in mL only where the organ is wholly in view, an area for a single slice."""
    if mask is None or not mask.any():
        return None
    voxels = int(mask.sum())
    area = voxels * geometry.spacing[1] * geometry.spacing[2] if geometry.known and mask.shape[0] == 1 else None
    return SegmentPart(
        mask=f"mask-{name}.nii.gz",
        area_mm2=None if area is None else round(area, 1),
        volume_ml=round(voxels * geometry.voxel_ml, 2) if whole else None,
        fraction_of_view=round(voxels / mask.size, 6),
        method=method,
    )


def volume_segmentation(organs: Organs, geometry: Geometry, *, whole: bool) -> SegmentationPart:
    """Liver, spleen and kidney of a volume as a part of the report."""
    beside = organs.neighbours or organs.method
    found = (
        ("liver", organs.liver, organs.method),
        ("spleen", organs.spleen, beside),
        ("kidney", organs.kidney, beside),
    )
    parts = {name: volume_part(mask, name, geometry, whole=whole, method=method) for name, mask, method in found}
    return SegmentationPart(**parts)


def mask_files(organs: Organs, lesions: Mapping[int, Mask] | None = None) -> dict[str, Mask]:
    """The masks to write, by organ name; focal regions, given slice by slice, become one mask of the liver's shape."""
    named = {"liver": organs.liver, "spleen": organs.spleen, "kidney": organs.kidney}
    if lesions and organs.liver is not None:
        whole = np.zeros_like(organs.liver)
        for index, plane in lesions.items():
            whole[index] = plane
        named["lesion"] = whole
    return {name: mask for name, mask in named.items() if mask is not None and bool(np.any(mask))}
