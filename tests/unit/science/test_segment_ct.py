"""Organs on simulated CT of known anatomy, and on images that hold no liver."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.imaging.phantoms.ct import CTPhantom, simulate_ct
from steatoscope.science.segment.ct import CTOrgans, find_ct_organs


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2.0 * (a & b).sum() / max(int(a.sum() + b.sum()), 1))


@cache
def phantom(fat: float, phase: str = "unenhanced") -> tuple[CTPhantom, CTOrgans]:
    simulated = simulate_ct(fat, seed=int(fat), phase=phase)  # type: ignore[arg-type]
    return simulated, find_ct_organs(simulated.volume)


@pytest.mark.parametrize("fat", [5.0, 25.0, 40.0])
def test_liver_and_its_attenuation_down_to_severe_fat(fat: float) -> None:
    truth, found = phantom(fat)
    assert found.liver is not None
    assert dice(found.liver, truth.masks["liver"]) > 0.84
    inside = truth.volume.data[found.liver]
    assert abs(np.median(inside) - truth.truth["liver_hu"]) < 3.0
    assert found.confidence["liver"] > 0.5


@pytest.mark.parametrize(("name", "mask"), [("spleen", "spleen"), ("aorta", "aorta"), ("kidney", "kidneys")])
def test_neighbours_are_found_unenhanced(name: str, mask: str) -> None:
    truth, found = phantom(5.0)
    organ = getattr(found, name)
    assert organ is not None
    assert (organ & truth.masks[mask]).sum() > 0.6 * organ.sum()
    value = found.hu[name]
    assert value is not None
    assert value < 60.0


def test_fluid_under_gas_is_no_spleen() -> None:
    truth, found = phantom(5.0)
    spleen = truth.masks["spleen"]
    index = int(np.argmax(spleen.sum(axis=(1, 2))))
    plane = truth.volume.data[index : index + 1].copy()
    whole = find_ct_organs(Volume(plane, truth.volume.geometry, "HU"))
    assert found.spleen is not None
    assert whole.spleen is not None
    rows = np.nonzero(spleen[index])[0]
    level = rows.min() + (rows.max() - rows.min()) // 4
    gas = spleen[index].copy()
    gas[level:] = False
    plane[0][gas] = -950.0
    assert find_ct_organs(Volume(plane, truth.volume.geometry, "HU")).spleen is None


def test_portal_phase_shows_in_every_organ() -> None:
    _, found = phantom(10.0, "portal")
    for name in ("aorta", "spleen", "kidney"):
        value = found.hu[name]
        assert value is not None
        assert value > 100.0
    assert found.bright_share is not None
    assert found.bright_share > 0.1
    plain = phantom(5.0)[1].bright_share
    assert plain is not None
    assert plain < 0.03


def test_single_slice_through_the_liver() -> None:
    truth, _ = phantom(5.0)
    index = int(np.argmax(truth.masks["liver"].sum(axis=(1, 2))))
    one = Volume(truth.volume.data[index : index + 1], truth.volume.geometry, "HU")
    found = find_ct_organs(one)
    assert found.liver is not None
    assert dice(found.liver, truth.masks["liver"][index : index + 1]) > 0.8
    assert abs(np.median(one.data[found.liver]) - truth.truth["liver_hu"]) < 3.0


def test_storage_order_does_not_matter() -> None:
    truth, found = phantom(25.0)
    volume = truth.volume
    turned = np.ascontiguousarray(volume.data[::-1, ::-1, ::-1])
    affine = volume.geometry.affine.copy()
    last = np.array([volume.data.shape[2] - 1, volume.data.shape[1] - 1, volume.data.shape[0] - 1, 1.0])
    affine[:3, 3] = (volume.geometry.affine @ last)[:3]
    affine[:3, :3] *= -1.0
    again = find_ct_organs(Volume(turned, Geometry(affine), "HU"))
    assert found.liver is not None
    assert again.liver is not None
    assert dice(again.liver[::-1, ::-1, ::-1], found.liver) > 0.98


def _image(plane: np.ndarray, pixel_mm: float, slices: int = 4) -> Volume:
    rng = np.random.default_rng(3)
    data = np.repeat(plane[None], slices, axis=0) + rng.normal(0.0, 8.0, (slices, *plane.shape))
    return Volume(data.astype(np.float32), Geometry.from_spacing((5.0, pixel_mm, pixel_mm)), "HU")


def _ellipse(ry: float, rx: float, cx: float = 96.0) -> np.ndarray:
    rows, cols = np.mgrid[:192, :192]
    return ((rows - 96.0) / ry) ** 2 + ((cols - cx) / rx) ** 2 < 1.0


def _water() -> Volume:
    return _image(np.where(_ellipse(75, 75), 0.0, -1000.0), 2.0)


def _uniform() -> Volume:
    return _image(np.where(_ellipse(60, 85), 50.0, -1000.0), 2.0)


def _head() -> Volume:
    plane = np.where(_ellipse(90, 75), 900.0, -1000.0)
    return _image(np.where(_ellipse(82, 67), 35.0, plane), 1.0)


def _thigh() -> Volume:
    plane = np.where(_ellipse(82, 82), -100.0, -1000.0)
    plane = np.where(_ellipse(72, 72), 55.0, plane)
    return _image(np.where(_ellipse(14, 14, 102.0), 1000.0, plane), 1.6)


def _air() -> Volume:
    return _image(np.full((192, 192), -1000.0), 2.0)


@pytest.mark.parametrize("make", [_water, _uniform, _head, _thigh, _air])
def test_no_liver_where_there_is_none(make) -> None:  # type: ignore[no-untyped-def]
    assert find_ct_organs(make()).liver is None


def test_chest_above_the_liver_has_none() -> None:
    truth, _ = phantom(5.0)
    above = int(np.flatnonzero(truth.masks["liver"].any(axis=(1, 2))).max()) + 3
    top = Volume(truth.volume.data[above:], truth.volume.geometry, "HU")
    assert top.data.shape[0] >= 1
    assert find_ct_organs(top).liver is None


@pytest.mark.parametrize("known", [True, False])
def test_upside_down_without_a_flag_is_noticed(known: bool) -> None:
    truth, _ = phantom(5.0)
    spacing = truth.volume.geometry.spacing
    wrong = Geometry.from_spacing(spacing if known else (1.0, 1.0, 1.0), known=known)
    middle = slice(18, 23)
    upside = Volume(np.ascontiguousarray(truth.volume.data[middle, ::-1]), wrong, "HU")
    found = find_ct_organs(upside)
    assert found.liver is not None
    assert dice(found.liver[:, ::-1], truth.masks["liver"][middle]) > 0.8
    assert any("upside down" in note for note in found.notes)
