"""Simulated livers as slices of the CT localiser's window: lean to fatty, in three contrast phases, without lesions."""

from __future__ import annotations

import numpy as np

from steatoscope.imaging.phantoms.ct import CTPhantom, Phase, simulate_ct
from steatoscope.learning.inference.ct_localiser_window import CANVAS, LiverWindow
from steatoscope.learning.training.ct_focal_slices import LiverSlice

PHASES: tuple[Phase, ...] = ("unenhanced", "unenhanced", "arterial", "portal")
LEAST_LIVER_MM2 = 3000.0
AIR_HU = -1000.0


def phantom_slices(count: int, seed: int, *, each: int = 4) -> list[LiverSlice]:
    """Slices of ``count`` simulated livers without lesions, lean to fatty, in three contrast phases."""
    found: list[LiverSlice] = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        phantom = simulate_ct(
            float(rng.uniform(0.0, 35.0)),
            seed=1000 * seed + number,
            noise_hu=float(rng.uniform(6.0, 20.0)),
            phase=PHASES[number % len(PHASES)],
            slice_mm=10.0,
            pixel_mm=1.6,
            matrix=220,
        )
        found += slices_of_phantom(phantom, f"phantom {seed}-{number}", each)
    return found


def slices_of_phantom(phantom: CTPhantom, name: str, each: int) -> list[LiverSlice]:
    """``each`` slices spread over a phantom's liver, in the localiser's window."""
    liver, spacing = phantom.masks["liver"], phantom.volume.geometry.spacing
    areas = liver.sum(axis=(1, 2)) * spacing[1] * spacing[2]
    places = np.flatnonzero(areas >= LEAST_LIVER_MM2)
    chosen = places[np.linspace(0, len(places) - 1, min(each, len(places))).round().astype(int)]
    return [_phantom_slice(phantom, int(z), name) for z in chosen]


def _phantom_slice(phantom: CTPhantom, z: int, name: str) -> LiverSlice:
    liver, spacing = phantom.masks["liver"][z], phantom.volume.geometry.spacing
    window = LiverWindow.around(liver, (spacing[1], spacing[2]))
    hu = window.to_canvas(phantom.volume.data[z], outside=AIR_HU)
    none = np.zeros(CANVAS, dtype=np.bool_)
    inside = window.to_canvas(liver) > 0.5
    return LiverSlice(f"{name} slice {z}", name, np.round(hu).astype(np.int16), inside, none, none, 0.0)
