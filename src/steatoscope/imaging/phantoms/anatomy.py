"""A simplified upper abdomen from smooth shapes in millimetres: size and place of the organs as in an adult on CT.

Coordinates are LPS with the origin in the middle of the field of view: x to the patient's left, y to the back, z to the
head. Organs have usual adult sizes (liver 1.1 to 2.0 l; spleen 0.1 to 0.2 l: Prassopoulos, Eur Radiol 1997).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask
from steatoscope.imaging.phantoms.anatomy_scene import TISSUES, Build, Field, Scene


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Tissue labels (indices into ``TISSUES``) of shape (slices, rows, columns) with their geometry."""

    labels: NDArray[np.uint8]
    geometry: Geometry

    def tissue(self, *names: str) -> Mask:
        """Voxels of any of these tissues."""
        return np.isin(self.labels, [TISSUES.index(name) for name in names])

    def masks(self) -> Mapping[str, Mask]:
        """Organ masks as a reader would draw them: the liver with its vessels and lesions, the kidneys with sinus."""
        return {
            "liver": self.tissue("liver", "portal", "hepatic_veins", "lesions") & self._liver_box(),
            "spleen": self.tissue("spleen"),
            "aorta": self.tissue("aorta"),
            "kidneys": self.tissue("kidney", "sinus"),
            "vessels": self.tissue("portal", "hepatic_veins"),
            "lesions": self.tissue("lesions"),
            "body": ~self.tissue("air", "table"),
        }

    def _liver_box(self) -> Mask:
        """Where vessels belong to the liver: within its outline, closed over the vessels by 6 mm."""
        _, dy, dx = self.geometry.spacing
        liver = self.tissue("liver", "lesions")
        size = (1, 2 * round(6.0 / dy) + 1, 2 * round(6.0 / dx) + 1)
        return np.asarray(ndimage.binary_closing(liver, np.ones(size, dtype=bool)) | liver, dtype=bool)


def build_anatomy(
    rng: np.random.Generator, *, shape: tuple[int, int, int], spacing: tuple[float, float, float], lesions: int = 0
) -> Anatomy:
    """An upper abdomen on a grid of (slices, rows, columns) with spacing (slice, row, column) in mm."""
    geometry = _centred_geometry(shape, spacing)
    z, y, x = (_axis(axis, count, step) for axis, (count, step) in enumerate(zip(shape, spacing, strict=True)))
    scene = Scene(x, y, z, Build.draw(rng), rng, shape)
    scene.trunk()
    scene.chest()
    scene.gut()
    scene.organs()
    scene.vessels()
    scene.lesions(lesions)
    return Anatomy(scene.labels, geometry)


def _axis(axis: int, count: int, step: float) -> Field:
    """Centred positions in mm along one axis, shaped to broadcast over the grid."""
    places = (np.arange(count) - (count - 1) / 2.0) * step
    return places.astype(np.float32).reshape(np.roll((-1, 1, 1), axis))


def _centred_geometry(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Geometry:
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    affine[:3, 3] = [-(n - 1) / 2.0 * step for n, step in zip(shape[::-1], spacing[::-1], strict=True)]
    return Geometry(affine)
