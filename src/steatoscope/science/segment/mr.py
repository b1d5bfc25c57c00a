"""The liver on MR without a learned model: the largest even compartment on the right, by signal and fat map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steatoscope.core.image import Floats, Mask, Volume
from steatoscope.science.segment.canonical import Frame, frame_of
from steatoscope.science.segment.compartments import Compartment, cores, grown
from steatoscope.science.segment.ct_liver import liver_prior, liver_space
from steatoscope.science.segment.morphology import depth_mm
from steatoscope.science.segment.mr_level import of_one_fat_level
from steatoscope.science.segment.mr_trunk import axial_trunk, body_on_mr, mr_trunk
from steatoscope.science.segment.torso import Torso

COARSE_MM = 3.0
TRUNK_WIDTH_MM = 360.0
WIDTH_LIMITS_MM = (220.0, 600.0)
MIN_AREA_CM2 = 20.0
MAX_BODY_SHARE = 0.5
FAT_LIMIT_PERCENT = 60.0
OTHER_SIDE_FACTOR = 1.6


@dataclass(frozen=True, eq=False)
class MRLiver:
    """The liver on one MR volume in its own grid (slices, rows, columns), or None; confidence 0-1; remarks."""

    mask: Mask | None
    confidence: float = 0.0
    notes: tuple[str, ...] = ()


def find_mr_liver(anatomy: Volume, pdff: Volume | None = None) -> MRLiver:
    """Find the liver on a magnitude volume, with the fat fraction map (percent, same grid) where there is one.

    Where the geometry is unknown, an axial section in the usual display and a trunk of 360 mm are assumed, and the
    image's other side is taken where it fits much better. None where nothing fits; never raises for odd images.
    """
    frame = frame_of(anatomy.geometry)
    canonical = np.nan_to_num(np.asarray(frame.forward(np.abs(anatomy.data)), dtype=np.float32))
    if not anatomy.geometry.known:
        frame = _assumed_scale(frame, canonical)
    frame = frame.with_target(COARSE_MM)
    signal = frame.coarse(canonical)
    body = body_on_mr(signal, frame.coarse_spacing)
    fault = _not_a_trunk(body, frame, anatomy.geometry.known)
    if body is None or fault:
        return MRLiver(None, notes=(fault,))
    fat = None if pdff is None else _fat_percent(frame, pdff)
    trunk = mr_trunk(signal, fat, frame.coarse_spacing, body)
    best, notes = _either_side(trunk, fat, known=anatomy.geometry.known)
    if best is None:
        return MRLiver(None, notes=("Nothing has a liver's place, size and evenness.",))
    core, mask = best
    if pdff is None:
        notes = (*notes, "No fat map: found by signal alone.")
    full = frame.back(frame.fine(mask, canonical.shape))
    kept = 1.0
    if pdff is not None:
        full, kept = of_one_fat_level(full & np.isfinite(pdff.data), pdff.data, _spacing(anatomy, frame))
    return MRLiver(full, round(kept * _confidence(trunk, core, mask, notes), 2), notes)


def _spacing(anatomy: Volume, frame: Frame) -> tuple[float, float, float]:
    """Spacing of the stored grid (slice, row, column) in mm, assumed where the file is silent."""
    if anatomy.geometry.known:
        return anatomy.geometry.spacing
    step = min(frame.spacing[1:])
    return frame.spacing[0], step, step


def _assumed_scale(frame: Frame, canonical: Floats) -> Frame:
    """The frame scaled so that the body is as wide as a trunk."""
    rough = frame.rescaled(TRUNK_WIDTH_MM / canonical.shape[2])
    body = body_on_mr(canonical, rough.spacing)
    if body is None:
        return rough
    columns = np.flatnonzero(body.any(axis=(0, 1)))
    return frame.rescaled(TRUNK_WIDTH_MM / float(np.ptp(columns) + 1))


def _fat_percent(frame: Frame, pdff: Volume) -> Floats:
    """The fat map on the coarse grid; voxels without a value count as fat, so that no organ grows into them."""
    data = np.asarray(frame.forward(pdff.data), dtype=np.float32)
    return frame.coarse(np.clip(np.where(np.isfinite(data), data, 100.0), 0.0, 100.0).astype(np.float32))


def _not_a_trunk(body: Mask | None, frame: Frame, known: bool) -> str:
    if body is None:
        return "No body in view."
    if not known and not axial_trunk(body):
        return "The outline is not that of an axial section of the trunk."
    width = float(np.ptp(np.flatnonzero(body.any(axis=(0, 1)))) + 1) * frame.coarse_spacing[2]
    if not WIDTH_LIMITS_MM[0] <= width <= WIDTH_LIMITS_MM[1]:
        return "The body is not as wide as an adult's trunk."
    return ""


def _either_side(
    trunk: Torso, fat: Floats | None, *, known: bool
) -> tuple[tuple[Compartment, Mask] | None, tuple[str, ...]]:
    """The liver on the right; on the other side only where the geometry is unknown and it fits much better there."""
    right = _liver(trunk, fat)
    if known:
        return right, ()
    other = _liver(_mirrored(trunk), None if fat is None else fat[..., ::-1])
    if other is not None and (right is None or other[0].score > OTHER_SIDE_FACTOR * right[0].score):
        core, mask = other
        turned = Compartment(core.mask[..., ::-1], core.centre, core.spread, core.score)
        return (turned, mask[..., ::-1]), ("The image seems mirrored: the liver was taken on the image's right.",)
    return right, ("The geometry is unknown: the usual display was assumed.",)


def _mirrored(trunk: Torso) -> Torso:
    spine = trunk.spine.copy()
    spine[:, 1] = trunk.hu.shape[2] - 1 - spine[:, 1]
    return Torso(
        hu=trunk.hu[..., ::-1],
        raw=trunk.raw[..., ::-1],
        spacing=trunk.spacing,
        body=trunk.body[..., ::-1],
        inner=trunk.inner[..., ::-1],
        bone=trunk.bone[..., ::-1],
        air=trunk.air[..., ::-1],
        spine=spine,
        spine_bone=trunk.spine_bone,
        u=-trunk.u[..., ::-1],
        v=trunk.v[..., ::-1],
    )


def _liver(trunk: Torso, fat: Floats | None) -> tuple[Compartment, Mask] | None:
    soft = trunk.inner & ~trunk.air
    depth = depth_mm(trunk.body, trunk.spacing)
    scored = []
    for core in cores(trunk, soft, liver_prior(trunk), 9.0)[:4]:
        deep = float(np.clip((depth[core.mask].mean() - 25.0) / 15.0, 0.0, 1.0))
        scored.append(Compartment(core.mask, core.centre, core.spread, core.score * deep))
    for core in sorted(scored, key=lambda c: -c.score):
        mask = grown(trunk, core, liver_space(trunk) & _like(fat, core), 5.0)
        if core.score > 0.0 and _plausible(trunk, mask):
            return core, mask
    return None


def _like(fat: Floats | None, core: Compartment) -> Mask:
    """Where the fat map is near the core's, or everywhere without one."""
    if fat is None:
        return np.ones(core.mask.shape, dtype=bool)
    level = float(np.median(fat[core.mask]))
    return np.asarray((fat < FAT_LIMIT_PERCENT) & (np.abs(fat - level) < 20.0))


def _plausible(trunk: Torso, mask: Mask) -> bool:
    areas = mask.sum(axis=(1, 2))
    area_cm2 = float(areas.max()) * trunk.spacing[1] * trunk.spacing[2] / 100.0
    share = float(areas.sum()) / max(float(trunk.body[areas > 0].sum()), 1.0)
    return area_cm2 >= MIN_AREA_CM2 and share <= MAX_BODY_SHARE and float(trunk.u[mask].mean()) < -0.1


def _confidence(trunk: Torso, core: Compartment, mask: Mask, notes: tuple[str, ...]) -> float:
    """Grows with size and evenness; each remark (side guessed, no fat map) lowers it."""
    area_cm2 = float(mask.sum(axis=(1, 2)).max()) * trunk.spacing[1] * trunk.spacing[2] / 100.0
    size = float(np.clip(area_cm2 / 100.0, 0.1, 1.0)) ** 0.5
    even = float(np.clip((20.0 - core.spread) / 15.0, 0.2, 1.0))
    return float(np.clip(size * even * 0.95 * 0.75 ** len(notes), 0.05, 0.95))
