"""What is cut from a liver mask: a kidney that touches it and thin nubs; a fatty area within the liver stays."""

from __future__ import annotations

import numpy as np

from steatoscope.science.segment.compartments import Compartment
from steatoscope.science.segment.ct_trim import without_kidney, without_nubs
from steatoscope.science.segment.torso import Torso

SPACING = (5.0, 2.5, 2.5)
SHAPE = (1, 100, 140)
SPINE = (70.0, 70.0)


def _disc(row: float, col: float, radius_mm: float) -> np.ndarray:
    rows, cols = np.indices(SHAPE[1:])
    inside = np.hypot(rows - row, cols - col) * 2.5 < radius_mm
    return np.asarray(inside[None])


LIVER = _disc(45.0, 26.0, 52.0)
KIDNEY = _disc(64.0, 44.0, 22.0)


def _torso(hu: np.ndarray) -> Torso:
    rng = np.random.default_rng(5)
    noisy = (hu + rng.normal(0.0, 2.0, SHAPE)).astype(np.float32)
    full = np.ones(SHAPE, dtype=bool)
    flat = np.zeros(SHAPE, dtype=np.float32)
    return Torso(noisy, noisy, SPACING, full, full, ~full, ~full, np.array([SPINE]), np.array([0.5]), flat, flat)


def _core(mask: np.ndarray) -> Compartment:
    return Compartment(mask, 46.0, 3.0, 1.0)


def test_touching_kidney_is_cut_off_and_the_liver_kept() -> None:
    hu = np.where(LIVER, 46.0, np.where(KIDNEY, 30.0, -100.0))
    both = LIVER | KIDNEY
    kept = without_kidney(_torso(hu), _core(_disc(45.0, 26.0, 30.0)), both)
    assert (kept & KIDNEY & ~LIVER).sum() < 0.05 * (KIDNEY & ~LIVER).sum()
    assert (kept & LIVER).sum() > 0.93 * LIVER.sum()


def test_same_shape_at_the_livers_attenuation_is_kept() -> None:
    both = LIVER | KIDNEY
    assert without_kidney(_torso(np.where(both, 46.0, -100.0)), _core(LIVER), both) is both


def test_fatty_area_within_the_liver_is_kept() -> None:
    patch = _disc(48.0, 30.0, 22.0)
    hu = np.where(LIVER, np.where(patch, 28.0, 46.0), -100.0)
    assert without_kidney(_torso(hu), _core(LIVER & ~patch), LIVER) is LIVER


def test_thin_nub_goes_and_a_wide_lobe_stays() -> None:
    nub = np.zeros(SHAPE, dtype=bool)
    nub[0, 43:47, 46:58] = True
    lobe = np.zeros(SHAPE, dtype=bool)
    lobe[0, 26:33, 26:72] = True
    whole = LIVER | nub | lobe
    kept = without_nubs(_torso(np.where(whole, 46.0, -100.0)), _core(_disc(45.0, 26.0, 30.0)), whole)
    assert kept[nub & ~LIVER].mean() < 0.25
    assert kept[lobe].mean() > 0.9
    assert (kept & LIVER).sum() > 0.97 * LIVER.sum()
