"""The trunk on MR: body, air, bias-corrected signal, and positions relative to the body's outline.

MR signal has no unit, so it is put on a logarithmic scale relative to the body (100 for the body's median, one unit a
change of one percent); attenuation-based steps can then be reused with the same numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.canonical import Triple
from steatoscope.science.segment.morphology import closed, depth_mm, dilated, filled_2d, gaussian_mm, largest, opened_2d
from steatoscope.science.segment.torso import Torso, positions

LEVEL = 100.0
BIAS_MM = 45.0
SPINE_DEPTH = 0.72
SKIN_MM = 8.0
ARM_MM = 22.0


def body_on_mr(signal: Floats, spacing: Triple) -> Mask | None:
    """The trunk: signal above noise, holes (lung, bowel gas) filled, arms and loose pieces dropped."""
    smooth = gaussian_mm(signal, spacing, 2.0)
    high = float(np.percentile(smooth, 99.0))
    if high <= 0.0:
        return None
    level = _otsu(np.clip(smooth / high, 0.0, 1.0)) * high
    trunk = largest(opened_2d(filled_2d(smooth > 0.8 * level), spacing, ARM_MM))
    if trunk is None:
        return None
    solid = filled_2d(closed(smooth > 0.45 * level, spacing, 4.0))
    return largest(opened_2d(solid & filled_2d(dilated(trunk, spacing, 10.0)), spacing, 8.0))


def _otsu(values: Floats) -> float:
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(values)) if float(np.ptp(values)) > 0.0 else 0.5


def mr_trunk(signal: Floats, fat: Floats | None, spacing: Triple, body: Mask) -> Torso:
    """The trunk on a canonical coarse grid; ``air`` holds what has no signal or is fat by the fat map (percent)."""
    smooth = gaussian_mm(signal, spacing, 2.0)
    level = float(np.median(smooth[body]))
    dark = body & (smooth < 0.2 * level)
    logs = np.log(np.maximum(smooth, 0.05 * level) / level).astype(np.float32)
    tissue = body & ~dark if fat is None else body & ~dark & (fat < 60.0)
    scaled = (LEVEL + 100.0 * (logs - _bias(logs, tissue, spacing))).astype(np.float32)
    spine = _spine(body)
    inner = body & (depth_mm(body, spacing) > SKIN_MM)
    u, v = positions(inner, spine)
    none = np.zeros(body.shape, dtype=bool)
    empty = body & ~tissue
    # without attenuation there is no bone to judge slices by: raw stays empty
    return Torso(scaled, np.zeros_like(scaled), spacing, body, inner, none, empty, spine, np.ones(len(body)), u, v)


def _bias(logs: Floats, tissue: Mask, spacing: Triple) -> Floats:
    """Slow change of the log signal over tissue, within one unit, less its mean."""
    weight = gaussian_mm(tissue.astype(np.float32), (1e9, spacing[1], spacing[2]), BIAS_MM)
    total = gaussian_mm(np.where(tissue, logs, 0.0).astype(np.float32), (1e9, spacing[1], spacing[2]), BIAS_MM)
    field = total / np.maximum(weight, 0.02)
    middle = float(np.median(field[tissue])) if tissue.any() else 0.0
    return np.asarray(0.7 * np.clip(field - middle, -1.0, 1.0), dtype=np.float32)


def _spine(body: Mask) -> NDArray[np.float64]:
    """Where a spine lies by the body's outline: the middle across, at about 72 % of the depth."""
    points = np.zeros((len(body), 2))
    for index, plane in enumerate(body):
        rows, cols = np.nonzero(plane if plane.any() else body.any(axis=0))
        points[index] = rows.min() + SPINE_DEPTH * np.ptp(rows), 0.5 * (cols.min() + cols.max())
    return points


def axial_trunk(body: Mask) -> bool:
    """Whether the outline looks like an axial section of a trunk: wider than deep, symmetric, not cut on many sides."""
    plane = body[int(np.argmax(body.sum(axis=(1, 2))))]
    rows, cols = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    shape = plane[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    ratio = shape.shape[1] / shape.shape[0]
    mirrored = shape[:, ::-1]
    symmetry = float((shape & mirrored).sum()) / float((shape | mirrored).sum())
    edge = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    return 1.05 <= ratio <= 2.3 and symmetry >= 0.8 and float(edge.mean()) <= 0.25
