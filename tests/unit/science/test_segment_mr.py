"""The liver on simulated MR, and on images that hold none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.imaging.phantoms.mr import MRPhantom, simulate_mr
from steatoscope.science.segment.mr import find_mr_liver


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2.0 * (a & b).sum() / max(int(a.sum() + b.sum()), 1))


def _anatomy(phantom: MRPhantom) -> Volume:
    power = (np.abs(phantom.train.data) ** 2).mean(axis=0)
    return Volume(np.sqrt(power).astype(np.float32), phantom.train.geometry, "au")


def _fat_map(phantom: MRPhantom, fat: float, sd: float) -> Volume:
    """A fat map as a fit would give it: the liver's value within it, 90 % in fat, low elsewhere, with noise."""
    rng = np.random.default_rng(5)
    body = phantom.masks["body"]
    signal = _anatomy(phantom).data
    lean = np.zeros(body.shape)
    for name, value in (("liver", fat), ("spleen", 1.0), ("kidneys", 1.0), ("aorta", 0.5)):
        lean[phantom.masks[name]] = value
    organs = phantom.masks["liver"] | phantom.masks["spleen"] | phantom.masks["kidneys"] | phantom.masks["aorta"]
    data = np.where(organs, lean, np.where(body & (signal > 0), 90.0, np.nan))
    return Volume((data + rng.normal(0.0, sd, data.shape)).astype(np.float32), phantom.train.geometry, "percent")


@pytest.mark.parametrize("fat", [3.0, 25.0])
def test_liver_with_a_fat_map(fat: float) -> None:
    phantom = simulate_mr(fat, seed=int(fat))
    found = find_mr_liver(_anatomy(phantom), _fat_map(phantom, fat, 2.0))
    assert found.mask is not None
    assert dice(found.mask, phantom.masks["liver"]) > 0.8
    assert found.confidence > 0.4


def _axial(liver_left: bool) -> Volume:
    """A trunk section with a liver on one side and a smaller spleen on the other, geometry unknown."""
    rows, cols = np.mgrid[:128, :192]
    body = ((rows - 64) / 55.0) ** 2 + ((cols - 96) / 85.0) ** 2 < 1
    inside = ((rows - 64) / 47.0) ** 2 + ((cols - 96) / 77.0) ** 2 < 1
    plane = np.where(body, 900.0, 5.0)
    rng = np.random.default_rng(2)
    bowel = ndimage.gaussian_filter(rng.normal(size=plane.shape), 3.0)
    plane[inside] = 650.0 + 150.0 * bowel[inside] / bowel.std()
    plane[((rows - 58) / 36.0) ** 2 + ((cols - 58) / 36.0) ** 2 < 1] = 380.0
    plane[((rows - 76) / 18.0) ** 2 + ((cols - 150) / 12.0) ** 2 < 1] = 250.0
    plane[(rows > 80) & (abs(cols - 96) < 16) & inside] = 300.0
    plane = plane + rng.normal(0.0, 8.0, plane.shape)
    image = plane if liver_left else plane[:, ::-1]
    return Volume(np.abs(image)[None].astype(np.float32), Geometry.from_spacing((1, 1, 1), known=False), "au")


def test_unknown_geometry_assumes_usual_display_and_says_so() -> None:
    found = find_mr_liver(_axial(True))
    assert found.mask is not None
    assert np.nonzero(found.mask)[2].mean() < 80
    assert any("geometry" in note for note in found.notes)
    assert found.confidence < 0.7


def test_mirrored_image_is_noticed() -> None:
    found = find_mr_liver(_axial(False))
    assert found.mask is not None
    assert np.nonzero(found.mask)[2].mean() > 112
    assert any("mirrored" in note for note in found.notes)


@pytest.mark.parametrize(
    "plane",
    [
        np.zeros((64, 64)),
        np.random.default_rng(0).rayleigh(10.0, (96, 96)),
        np.tril(np.full((96, 96), 500.0)),
        np.where(np.hypot(*np.mgrid[-48:48, -48:48]) < 15, 500.0, 3.0),
    ],
    ids=["empty", "noise", "cut corner", "small disc"],
)
def test_no_liver_in_other_images(plane: np.ndarray) -> None:
    geometry = Geometry.from_spacing((5.0, 2.0, 2.0), known=False)
    assert find_mr_liver(Volume(plane[None].astype(np.float32), geometry, "au")).mask is None
