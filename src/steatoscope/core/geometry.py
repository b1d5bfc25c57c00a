"""Where voxels lie in the patient: an affine from voxel indices to millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Geometry:
    """The place of an array of shape (slices, rows, columns) in patient space.

    ``affine`` (4 x 4, float64) maps the homogeneous index ``(column, row, slice, 1)`` of a voxel's centre to DICOM
    patient coordinates (LPS, mm). ``known`` is False where the file gave no geometry and unit spacing stands in.
    """

    affine: NDArray[np.float64]
    known: bool = True

    def __post_init__(self) -> None:
        if self.affine.shape != (4, 4):
            raise ValueError(f"affine must be 4 x 4, not {self.affine.shape}")

    @classmethod
    def from_spacing(cls, spacing: tuple[float, float, float], *, known: bool = True) -> Geometry:
        """An axis-aligned geometry with spacing (slice, row, column) in mm and its first voxel at the origin."""
        dz, dy, dx = spacing
        return cls(np.diag([dx, dy, dz, 1.0]).astype(np.float64), known)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (slice, row, column), in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[2]), float(lengths[1]), float(lengths[0])

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector along the slice axis, in patient space."""
        axis = self.affine[:3, 2]
        return np.asarray(axis / np.linalg.norm(axis), dtype=np.float64)

    def to_ras(self) -> NDArray[np.float64]:
        """The affine in RAS orientation (NIfTI), for indices (column, row, slice)."""
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.affine

    @classmethod
    def from_ras(cls, affine: NDArray[np.float64]) -> Geometry:
        """From a NIfTI affine for indices (column, row, slice)."""
        return cls(np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine, dtype=np.float64))

    def same_space(self, other: Geometry, *, tolerance_mm: float = 0.1) -> bool:
        """Whether two geometries place their voxels alike within a tolerance in mm."""
        return bool(np.allclose(self.affine, other.affine, atol=tolerance_mm, rtol=0.0))
