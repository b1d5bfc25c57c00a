"""Simulated CT of the upper abdomen with a known fat fraction and exact masks.

The liver's HU is the inverse of the unenhanced 120 kV equation ``PDFF = -0.58 HU + 38.2`` (Pickhardt, Abdom Radiol
2018). Contrast phases raise the liver by 47 HU without and 36 HU with moderate steatosis (Pickhardt, 2024) and the
other organs by usual amounts. Away from 120 kV fat turns more negative and iodine brighter; the sizes of both effects
are illustrative, as published coefficients could not be verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from scipy import ndimage

from steatoscope.core.image import CTFacts, Floats, Mask, Volume
from steatoscope.imaging.phantoms.anatomy import Anatomy, build_anatomy
from steatoscope.imaging.phantoms.anatomy_scene import TISSUES

Phase = Literal["unenhanced", "arterial", "portal"]

SLOPE_HU_PER_PERCENT: Final = -1.0 / 0.58
LEAN_LIVER_HU: Final = 38.2 / 0.58
EXTENT_MM: Final = 200.0
_PLAIN_HU: Final = {
    "air": -1000.0,
    "table": -180.0,
    "fat": -103.0,
    "muscle": 54.0,
    "bone": 420.0,
    "marrow": 170.0,
    "lung": -850.0,
    "heart": 42.0,
    "stomach": 18.0,
    "gas": -950.0,
    "bowel": 28.0,
    "pancreas": 38.0,
    "bile": 9.0,
    "spleen": 49.0,
    "kidney": 32.0,
    "sinus": -60.0,
    "portal": 42.0,
    "hepatic_veins": 42.0,
    "cava": 40.0,
    "aorta": 43.0,
}
_IODINE_HU: Final[Mapping[Phase, Mapping[str, float]]] = {
    "unenhanced": {},
    "arterial": {"aorta": 270.0, "heart": 160.0, "spleen": 75.0, "kidney": 130.0, "portal": 25.0, "cava": 25.0}
    | {"pancreas": 60.0, "muscle": 5.0},
    "portal": {"aorta": 110.0, "heart": 100.0, "spleen": 72.0, "kidney": 145.0, "portal": 125.0, "cava": 95.0}
    | {"hepatic_veins": 115.0, "pancreas": 55.0, "muscle": 12.0},
}
_ARTERIAL_SHARE: Final = 0.3
_LESION_HU: Final = 30.0


@dataclass(frozen=True, eq=False)
class CTPhantom:
    """A simulated CT: the volume in HU, masks in its grid, header facts, and JSON-ready truth.

    Masks: ``liver`` (with its vessels and lesions), ``spleen``, ``aorta``, ``kidneys``, ``vessels``, ``lesions``,
    ``body``.
    """

    volume: Volume
    masks: Mapping[str, Mask]
    facts: CTFacts
    truth: Mapping[str, Any]
    modality: Literal["CT"] = "CT"


def liver_hu(pdff_percent: float, *, kvp: float = 120.0, phase: Phase = "unenhanced") -> float:
    """Attenuation of liver tissue in HU for a PDFF in percent at a tube voltage in kV and a contrast phase."""
    lower = (120.0 - kvp) / 40.0
    plain = LEAN_LIVER_HU + 2.5 * lower + SLOPE_HU_PER_PERCENT * (1.0 + 0.16 * lower) * pdff_percent
    if phase == "unenhanced":
        return plain
    iodine = float(np.interp(pdff_percent, [5.0, 20.0], [47.3, 35.7])) * _iodine_gain(kvp)
    return plain + iodine * (_ARTERIAL_SHARE if phase == "arterial" else 1.0)


def _iodine_gain(kvp: float) -> float:
    return float((120.0 / kvp) ** 1.3)


def simulate_ct(
    pdff_percent: float,
    seed: int = 0,
    *,
    noise_hu: float = 12.0,
    kvp: float = 120.0,
    phase: Phase = "unenhanced",
    lesions: int = 0,
    slice_mm: float = 5.0,
    pixel_mm: float = 2.2,
    matrix: int = 160,
    repeat: int | None = None,
) -> CTPhantom:
    """An upper abdomen of 200 mm with a uniform liver fat of ``pdff_percent`` and noise of SD ``noise_hu``.

    The seed sets body and organ shape, texture and noise; ``repeat`` scans the same body again with noise of its own.
    ``lesions`` puts hypodense nodules into the liver. Raises :class:`ValueError` for a PDFF outside 0-100.
    """
    if not 0.0 <= pdff_percent <= 100.0:
        raise ValueError(f"PDFF must lie in 0-100 %, not {pdff_percent}")
    rng = np.random.default_rng(seed)
    shape = (max(1, round(EXTENT_MM / slice_mm)), matrix, matrix)
    anatomy = build_anatomy(rng, shape=shape, spacing=(slice_mm, pixel_mm, pixel_mm), lesions=lesions)
    target = liver_hu(pdff_percent, kvp=kvp, phase=phase)
    clean = _paint(anatomy, _tissue_hu(target, kvp, phase, rng), rng)
    again = rng if repeat is None else np.random.default_rng((seed, repeat))
    data = clean + _kernel_noise(again, clean.shape, noise_hu)
    truth = {
        "modality": "CT",
        "simulator": "steatoscope.ct/1",
        "pdff_percent": float(pdff_percent),
        "liver_hu": target,
        "seed": int(seed),
        "noise_hu": float(noise_hu),
        "kvp": float(kvp),
        "phase": phase,
        "lesions": int(lesions),
        "spacing_mm": [slice_mm, pixel_mm, pixel_mm],
        "equation": "HU = (38.2 - PDFF) / 0.58 at 120 kV, unenhanced",
    }
    volume = Volume(np.maximum(data, -1024.0).astype(np.float32), anatomy.geometry, "HU")
    return CTPhantom(volume, anatomy.masks(), _facts(kvp, phase, slice_mm), truth)


def _facts(kvp: float, phase: Phase, slice_mm: float) -> CTFacts:
    enhanced = phase != "unenhanced"
    words = {"unenhanced": "Abdomen native", "arterial": "Abdomen arterial", "portal": "Abdomen portal venous"}
    return CTFacts(
        kvp=kvp,
        contrast_agent="Simulated iodine" if enhanced else None,
        contrast_route="IV" if enhanced else None,
        series_text=words[phase],
        kernel="SIMULATED SOFT",
        slice_thickness_mm=slice_mm,
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
    )


def _tissue_hu(liver: float, kvp: float, phase: Phase, rng: np.random.Generator) -> Floats:
    """HU of each tissue, in the order of ``TISSUES``, with a spread from person to person outside the liver."""
    table = dict(_PLAIN_HU)
    for tissue in ("spleen", "kidney", "muscle", "pancreas"):
        table[tissue] += float(np.clip(rng.normal(0.0, 2.0), -4.0, 4.0))
    table["fat"] *= 1.0 + 0.005 * (120.0 - kvp)
    for tissue, rise in _IODINE_HU[phase].items():
        table[tissue] += rise * _iodine_gain(kvp)
    table["liver"] = liver
    table["lesions"] = liver - _LESION_HU
    return np.array([table[tissue] for tissue in TISSUES], dtype=np.float32)


def _paint(anatomy: Anatomy, hu: Floats, rng: np.random.Generator) -> Floats:
    """Tissue HU with a smooth texture of SD 1.5 HU (centred in the liver) and the blur of the scanner."""
    texture = ndimage.gaussian_filter(rng.standard_normal(anatomy.labels.shape, dtype=np.float32), (1.0, 3.0, 3.0))
    texture *= 1.5 / float(texture.std())
    texture -= float(np.median(texture[anatomy.tissue("liver")]))
    image = hu[anatomy.labels]
    image[anatomy.labels > 0] += texture[anatomy.labels > 0]
    return np.asarray(ndimage.gaussian_filter(image, (0.0, 0.55, 0.55)), dtype=np.float32)


def _kernel_noise(rng: np.random.Generator, shape: tuple[int, ...], sd: float) -> Floats:
    """Noise as a soft reconstruction kernel leaves it: correlated in plane, not between slices."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0.0, 0.8, 0.8))
    return np.asarray(noise * (sd / float(noise.std())), dtype=np.float32)
