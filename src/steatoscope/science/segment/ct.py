"""Organs on CT without a learned model: liver, spleen, kidneys and aorta with their attenuation.

A volume is turned to a canonical orientation, averaged to about 3 mm, searched by intensity, position and morphology,
and the masks are carried back to the stored grid and settled on the full resolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from steatoscope.core.image import Floats, Mask, Volume
from steatoscope.science.segment.canonical import Frame, frame_of
from steatoscope.science.segment.ct_aorta import Tube, find_aorta
from steatoscope.science.segment.ct_liver import Organ, find_liver
from steatoscope.science.segment.ct_neighbours import bright_share, find_kidneys, find_spleen
from steatoscope.science.segment.morphology import dilated, gaussian_mm, opened
from steatoscope.science.segment.torso import BODY_HU, Torso, find_torso

COARSE_MM = 3.0
TRUNK_WIDTH_MM = 350.0
CLEAR_SPINE = 0.3
TUBE_MM = 1.5
FAT_HU = -100.0
EMPTY_HU: Mapping[str, float | None] = {"aorta": None, "spleen": None, "kidney": None, "portal": None, "liver": None}


@dataclass(frozen=True, eq=False)
class CTOrgans:
    """Organs of one CT in the volume's own grid (slices, rows, columns); None where not found.

    ``hu`` gives robust attenuations for the keys aorta, spleen, kidney (70th percentile, so that an enhanced cortex
    shows), portal (bright vessels within the liver) and liver. ``confidence`` (0-1) has a value for each organ found.
    ``bright_share`` is the share of central soft tissue above 95 HU: near 0 without contrast.
    """

    liver: Mask | None
    spleen: Mask | None = None
    kidney: Mask | None = None
    aorta: Mask | None = None
    hu: Mapping[str, float | None] = field(default_factory=lambda: dict(EMPTY_HU))
    confidence: Mapping[str, float] = field(default_factory=dict)
    bright_share: float | None = None
    notes: tuple[str, ...] = ()


def find_ct_organs(volume: Volume) -> CTOrgans:
    """Find liver, spleen, kidneys and aorta on a CT volume in HU, enhanced or not, full, slab or single slice.

    Organs that are not in view are None. Never raises for an image without a body or liver. Where the geometry is
    unknown the usual display and a trunk of 350 mm are assumed; where in addition, or against a stated geometry, the
    spine lies clearly in front, the image is taken as stored upside down and a note says so.
    """
    frame = frame_of(volume.geometry)
    if not volume.geometry.known:
        frame = frame.rescaled(_assumed_scale(volume.data))
    found = _attempt(volume.data, frame.with_target(COARSE_MM), ())
    if found is None:
        return CTOrgans(None, notes=("No body in view.",))
    organs, spine = found
    if organs.liver is not None and spine >= CLEAR_SPINE:
        return organs
    return _turned_over(volume.data, frame.with_target(COARSE_MM), spine) or organs


def _assumed_scale(data: Floats) -> float:
    """Millimetres a pixel where the body is as wide as a trunk and the file does not say."""
    columns = np.flatnonzero((data > BODY_HU).mean(axis=(0, 1)) > 0.05)
    return TRUNK_WIDTH_MM / max(float(columns[-1] - columns[0]) + 1.0, 32.0) if columns.size else 1.0


def _attempt(stored: Floats, frame: Frame, notes: tuple[str, ...]) -> tuple[CTOrgans, float] | None:
    """Organs under one orientation, and how much bone lies where the spine should (0-1)."""
    canonical = np.asarray(frame.forward(stored), dtype=np.float32)
    torso = find_torso(frame.coarse(canonical), frame.coarse_spacing)
    if torso is None:
        return None
    return _organs(canonical, frame, torso, notes), float(np.median(torso.spine_bone))


def _turned_over(stored: Floats, frame: Frame, spine: float) -> CTOrgans | None:
    """The better of the two ways to turn an upside-down image, where that puts a spine in its place; else None."""
    best: CTOrgans | None = None
    for across in (False, True):
        down, back, left = frame.flips
        turned = replace(frame, flips=(down, not back, left != across))
        tried = _attempt(stored, turned, ("The image seems stored upside down; it was turned by the spine.",))
        if tried is None or tried[1] < max(CLEAR_SPINE, 1.5 * spine) or tried[0].liver is None:
            continue
        if best is None or _weight(tried[0]) > _weight(best):
            best = tried[0]
    return best


def _weight(organs: CTOrgans) -> float:
    area = 0.0 if organs.liver is None else float(organs.liver.sum())
    return area * organs.confidence.get("liver", 0.0)


def _organs(canonical: Floats, frame: Frame, torso: Torso, notes: tuple[str, ...]) -> CTOrgans:
    tube, lumen = _aorta(canonical, frame, torso)
    liver = find_liver(torso, lumen)
    none = np.zeros(torso.hu.shape, dtype=bool)
    taken = none if liver is None else liver.mask
    kidney = find_kidneys(torso, taken | lumen, taken)
    spleen = find_spleen(torso, taken | lumen if kidney is None else taken | lumen | kidney.mask)
    found = {"liver": liver, "spleen": spleen, "kidney": kidney}
    masks = {name: _settled(canonical, frame, organ) for name, organ in found.items() if organ is not None}
    hu: dict[str, float | None] = {name: None if organ is None else organ.centre for name, organ in found.items()}
    hu["aorta"] = None if tube is None else tube.hu
    hu["portal"] = None if liver is None else _portal(torso, liver)
    confidence = {name: organ.confidence for name, organ in found.items() if organ is not None}
    if tube is not None:
        confidence["aorta"] = tube.score
    return CTOrgans(
        liver=masks.get("liver"),
        spleen=masks.get("spleen"),
        kidney=masks.get("kidney"),
        aorta=None if tube is None else frame.back(_tube_fine(frame, tube, canonical.shape)),
        hu=hu,
        confidence=confidence,
        bright_share=bright_share(torso),
        notes=notes,
    )


def _tube_frame(frame: Frame) -> Frame:
    fine = frame.with_target(TUBE_MM)
    return replace(frame, factors=(frame.factors[0], fine.factors[1], fine.factors[2]))


def _aorta(canonical: Floats, frame: Frame, torso: Torso) -> tuple[Tube | None, Mask]:
    """The aorta on its finer grid, and its place on the coarse one."""
    finer = _tube_frame(frame)
    ratio = np.array(finer.coarse_spacing[1:]) / np.array(frame.coarse_spacing[1:])
    raw = finer.coarse(canonical)
    tube = find_aorta(raw, finer.coarse_spacing, (torso.spine + 0.5) / ratio - 0.5)
    if tube is None:
        return None, np.zeros(torso.hu.shape, dtype=bool)
    full = _tube_fine(frame, tube, canonical.shape)
    lumen = frame.coarse(full.astype(np.float32)) > 0.3
    return tube, dilated(lumen, torso.spacing, 2.0)


def _tube_fine(frame: Frame, tube: Tube, shape: tuple[int, ...]) -> Mask:
    return _tube_frame(frame).fine(tube.mask, shape)


def _portal(torso: Torso, liver: Organ) -> float | None:
    """Attenuation of vessels thicker than 6 mm that stand out brightly within the liver, in HU."""
    limit = liver.centre + max(20.0, 5.0 * liver.spread)
    bright = opened(liver.mask & (torso.hu > limit) & (torso.hu < 350.0), torso.spacing, 2.9)
    return float(np.median(torso.hu[bright])) if bright.sum() * torso.voxel_ml >= 2.0 else None


def _settled(canonical: Floats, frame: Frame, organ: Organ) -> Mask:
    """A coarse mask at full resolution in stored order, its border moved to halfway between the organ and fat."""
    roomy = frame.fine(dilated(organ.mask, frame.coarse_spacing, 2.0), canonical.shape)
    tight = frame.fine(organ.mask, canonical.shape)
    box = tuple(slice(int(a.min()), int(a.max()) + 1) for a in np.nonzero(roomy))
    hu = gaussian_mm(canonical[box], frame.spacing, 1.0)
    border = (hu > 0.5 * (organ.centre + FAT_HU)) & (hu < organ.centre + 60.0)
    result = np.zeros(canonical.shape, dtype=bool)
    result[box] = (tight[box] & (hu > FAT_HU + 20.0)) | (roomy[box] & border)
    return frame.back(result)
