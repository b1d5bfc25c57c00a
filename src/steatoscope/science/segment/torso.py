"""The trunk on CT: body, bone, air, spine, and positions relative to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.canonical import Triple
from steatoscope.science.segment.morphology import disc_mean, filled_2d, gaussian_mm, largest, opened_2d

BODY_HU = -300.0
BONE_HU = 160.0
SOFT_HU = (-40.0, 260.0)
SPINE_RADIUS_MM = 20.0


@dataclass(frozen=True, eq=False)
class Torso:
    """The trunk on a canonical coarse grid (slices feet to head, rows front to back, columns right to left).

    ``hu`` is smoothed, ``raw`` the block means; ``inner`` the convex envelope of the muscles, without the subcutaneous
    fat; ``spine`` (slices, 2) the row and column of the vertebra and ``spine_bone`` the share of bone in a disc there;
    ``u`` runs from -1 (right wall) over 0 (spine) to 1 (left wall), ``v`` from -1 (front wall) over 0 (spine).
    """

    hu: Floats
    raw: Floats
    spacing: Triple
    body: Mask
    inner: Mask
    bone: Mask
    air: Mask
    spine: NDArray[np.float64]
    spine_bone: NDArray[np.float64]
    u: Floats
    v: Floats

    @property
    def voxel_ml(self) -> float:
        """Volume of a coarse voxel in ml."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def single(self) -> bool:
        """Whether there are too few slices for 3-D reasoning."""
        return bool(self.hu.shape[0] * self.spacing[0] < 15.0 or self.hu.shape[0] < 3)

    def millimetres_from_spine(self) -> tuple[Floats, Floats]:
        """Distance of each voxel to the spine centre: rows (back positive) and columns (left positive)."""
        _, rows, cols = np.indices(self.hu.shape, dtype=np.float32)
        dy = (rows - self.spine[:, 0, None, None]) * self.spacing[1]
        dx = (cols - self.spine[:, 1, None, None]) * self.spacing[2]
        return dy.astype(np.float32), dx.astype(np.float32)


def find_torso(raw: Floats, spacing: Triple) -> Torso | None:
    """The trunk of a coarse canonical HU array, or None where no body is in view."""
    body = body_mask(raw, spacing)
    if body is None:
        return None
    smooth = gaussian_mm(np.clip(raw, -300.0, 500.0), spacing, 3.0)
    bone = (raw > BONE_HU) & body
    spine, share = _spine(bone, body, spacing)
    inner = _inner(smooth, body, bone, spacing)
    u, v = positions(inner, spine)
    air = body & (gaussian_mm(raw, spacing, 1.0) < -500.0)
    return Torso(smooth, raw, spacing, body, inner, bone, air, spine, share, u, v)


def body_mask(raw: Floats, spacing: Triple) -> Mask | None:
    """The largest body over the whole array: no table, no arms beside the trunk, air inside included."""
    main = largest(opened_2d(filled_2d(opened_2d(raw > BODY_HU, spacing, 4.0)), spacing, 12.0))
    if main is None:
        return None
    for index in range(len(main)):
        piece = largest(main[index])
        main[index] = False if piece is None else ndimage.binary_fill_holes(piece)
    return main


def _spine(bone: Mask, body: Mask, spacing: Triple) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a disc of vertebral size holds most bone, near the body's midline and in its back half."""
    dx = spacing[2]
    density = disc_mean(bone, spacing, SPINE_RADIUS_MM)
    points = np.full((len(bone), 2), np.nan)
    share = np.zeros(len(bone))
    for index, plane in enumerate(body):
        rows, cols = np.nonzero(plane)
        if rows.size == 0:
            continue
        top, bottom, mid = rows.min(), rows.max(), 0.5 * (cols.min() + cols.max())
        width = (cols.max() - cols.min() + 1) * dx
        depth = (np.arange(plane.shape[0]) - top) / max(bottom - top, 1)
        across = np.exp(-0.5 * ((np.arange(plane.shape[1]) - mid) * dx / (0.12 * width)) ** 2)
        prior = np.exp(-0.5 * ((depth - 0.68) / 0.14) ** 2)[:, None] * across[None, :]
        score = density[index] * prior
        place = np.unravel_index(int(np.argmax(score)), score.shape)
        points[index] = place
        share[index] = density[index][place]
    return _steady(points), share


def _steady(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median along the slices; slices without a body take their neighbours' place."""
    good = np.isfinite(points[:, 0])
    index = np.arange(len(points))
    filled = np.stack([np.interp(index, index[good], points[good, k]) for k in range(2)], axis=1)
    return np.asarray(ndimage.median_filter(filled, size=(7, 1), mode="nearest"), dtype=np.float64)


def _inner(smooth: Floats, body: Mask, bone: Mask, spacing: Triple) -> Mask:
    """Convex envelope, slice by slice, of what is not fat under the skin."""
    from skimage.morphology import convex_hull_image

    shrunk = np.stack([ndimage.distance_transform_edt(np.pad(p, 1), sampling=spacing[1:])[1:-1, 1:-1] for p in body])
    solid = opened_2d(((smooth > -25.0) | bone) & (shrunk > 7.0), spacing, 4.0)
    inner = np.zeros_like(body)
    for index, plane in enumerate(solid):
        if plane.sum() >= 10:
            inner[index] = convex_hull_image(plane) & body[index]
    return inner


def positions(inner: Mask, spine: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Coordinates across and along, relative to the spine (0) and the walls of ``inner`` (-1 right or front, 1)."""
    shape = inner.shape
    u = np.zeros(shape, dtype=np.float32)
    v = np.zeros(shape, dtype=np.float32)
    for index, plane in enumerate(inner):
        rows, cols = np.nonzero(plane)
        if rows.size == 0:
            continue
        row, col = spine[index]
        across = np.arange(shape[2]) - col
        along = np.arange(shape[1]) - row
        half = np.where(across < 0, max(col - cols.min(), 1.0), max(cols.max() - col, 1.0))
        reach = np.where(along < 0, max(row - rows.min(), 1.0), max(rows.max() - row, 1.0))
        u[index] = (across / half)[None, :]
        v[index] = (along / reach)[:, None]
    return u, v
