"""Echoes of a drawn body along beams, from scatterers to grey levels, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.phantoms.us_acoustics import Acoustics, USSettings
from steatoscope.imaging.phantoms.us_canvas import Canvas, Tissue
from steatoscope.imaging.phantoms.us_field import BeamGrid, Complex, axial_only, convolve, texture, white
from steatoscope.imaging.phantoms.us_scanconvert import Values, from_beams, to_beams
from steatoscope.imaging.phantoms.us_wall import BodyWall

_BREATH_MS: Final = 4000.0
_BREATH_CM: Final = (0.9, 0.35)
_HAZE_DB: Final = -12.0
_HAZE_CM: Final = 1.2
_INTERFACE_SPECKLE: Final = 0.45
_INTERFACE_SMOOTH: Final = 0.10
_LUMPS_DB: Final = 3.5
_LUMPY: Final = np.isin(np.array(Tissue), (Tissue.OTHER, Tissue.SINUS, Tissue.FAT, Tissue.MUSCLE))


@dataclass(frozen=True, eq=False)
class Body:
    """What lies before the probe: drawn organs, body wall and liver acoustics, and the beams that look at them."""

    canvas: Canvas
    wall: BodyWall
    acoustics: Acoustics
    grid: BeamGrid
    face_cm: float

    def positions(self) -> tuple[Values, Values]:
        """Position (x, z) in cm of every sample, each (samples, beams)."""
        return from_beams(self.grid.depth[:, None], self.grid.angle[None], self.face_cm)


@dataclass(frozen=True, eq=False)
class Scatterers:
    """Scatterers on the beam grid (samples, beams): complex ``points``; ``lumps``, the amplitude of coarse tissue."""

    points: Complex
    lumps: Floats

    def slid(self, row: NDArray[np.intp], column: NDArray[np.intp]) -> Scatterers:
        """Scatterers fetched from other places of the grid."""
        return Scatterers(self.points[row, column], self.lumps[row, column])


def echo_frames(body: Body, settings: USSettings, frames: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Grey levels 0-255 (samples, beams), float32, of each frame; only electronic noise and breathing change."""
    grid = body.grid
    scatterers = _scatterers(body, rng)
    wall_lines = body.wall.specular(grid.depth[:, None], grid.angle[None], rng)
    contact = body.wall.contact_db(grid.angle, rng)
    haze = convolve(white(rng, grid.shape), grid) * _haze(body)
    for k in range(frames):
        moved = breathing(k * settings.frame_time_ms)
        echo, loss = _echo(body, scatterers, wall_lines, moved)
        seen = (echo + haze) * _amplitude(contact[None] - 2.0 * settings.frequency_mhz * loss)
        noise = axial_only(white(rng, grid.shape), grid) * np.float32(10.0 ** (settings.noise_db / 20.0))
        yield grid.crop(compress((seen + noise).astype(np.complex64), grid.depth, settings))


def breathing(time_ms: float) -> tuple[float, float]:
    """How far (x, z) in cm the organs have slid at a time; none at time 0."""
    phase = np.sin(np.pi * time_ms / _BREATH_MS) ** 2
    return float(_BREATH_CM[0] * phase), float(_BREATH_CM[1] * phase)


def compress(echo: Complex, depth: Values, settings: USSettings) -> Floats:
    """Grey levels of echoes (samples, beams): time gain, gain and dynamic range, clipped to 0-255."""
    power = np.maximum(echo.real**2 + echo.imag**2, np.float32(1e-30))
    gain = 2.0 * settings.frequency_mhz * settings.tgc_db_cm_mhz * depth + settings.gain_db
    level = 10.0 * np.log10(power) + gain.astype(np.float32)[:, None]
    span = settings.dynamic_range_db
    grey = np.clip(np.float32(255.0 / span) * (level + np.float32(span)), 0.0, 255.0)
    return np.asarray(grey, dtype=np.float32)


def echogenicity_db(acoustics: Acoustics) -> Floats:
    """Level of each tissue in dB above healthy liver, by label."""
    table = {
        Tissue.OTHER: 5.0,
        Tissue.LIVER: acoustics.echogenicity_db,
        Tissue.HEPATIC_VEIN: acoustics.vessel_db,
        Tissue.PORTAL: acoustics.vessel_db + 2.0,
        Tissue.CORTEX: -1.5,
        Tissue.MEDULLA: -6.0,
        Tissue.SINUS: 8.0,
        Tissue.LUNG: -6.0,
        Tissue.SKIN: 6.0,
        Tissue.FAT: -2.0,
        Tissue.MUSCLE: -1.0,
    }
    return np.array([table[tissue] for tissue in Tissue], dtype=np.float32)


def attenuation(acoustics: Acoustics) -> Floats:
    """Attenuation of each tissue in dB/cm/MHz, by label."""
    table = dict.fromkeys(Tissue, 0.7) | {
        Tissue.LIVER: acoustics.attenuation_db_cm_mhz,
        Tissue.HEPATIC_VEIN: 0.18,
        Tissue.PORTAL: 0.18,
        Tissue.CORTEX: 0.75,
        Tissue.MEDULLA: 0.75,
        Tissue.SINUS: 0.8,
        Tissue.LUNG: 1.1,
        Tissue.FAT: 0.63,
        Tissue.MUSCLE: 1.0,
    }
    return np.array([table[tissue] for tissue in Tissue], dtype=np.float32)


def _scatterers(body: Body, rng: np.random.Generator) -> Scatterers:
    grid = body.grid
    points = white(rng, grid.shape) * texture(rng, grid, body.acoustics.nakagami_m)
    rough = cv2.GaussianBlur(rng.standard_normal(grid.shape, dtype=np.float32), (0, 0), sigmaX=7.0, sigmaY=11.0)
    return Scatterers(points.astype(np.complex64), _amplitude(_LUMPS_DB * rough / rough.std()))


def _echo(body: Body, scatterers: Scatterers, wall_lines: Floats, moved: tuple[float, float]) -> tuple[Complex, Floats]:
    """Echoes before attenuation, and the attenuation integral to each sample in dB/MHz."""
    grid = body.grid
    x, z = body.positions()
    inside = body.wall.inside(grid.depth[:, None], grid.angle[None])
    layers = body.wall.labels(grid.depth[:, None], grid.angle[None])
    x, z = x - moved[0], z - moved[1]
    labels = np.where(inside, layers, body.canvas.labels_at(x, z))
    lines = np.where(inside, np.float32(0.0), body.canvas.specular_at(x, z)) + wall_lines
    if moved != (0.0, 0.0):
        scatterers = scatterers.slid(*_origin(body, x, z, inside))
    amplitude = _amplitude(echogenicity_db(body.acoustics))[labels]
    amplitude = np.where(_LUMPY[labels], amplitude * scatterers.lumps, amplitude) + _INTERFACE_SPECKLE * lines
    echo = convolve((amplitude * scatterers.points + _INTERFACE_SMOOTH * lines).astype(np.complex64), grid)
    per_sample = attenuation(body.acoustics)[labels] * np.float32(grid.depth[1] - grid.depth[0])
    return echo, np.cumsum(per_sample, axis=0, dtype=np.float32)


def _origin(body: Body, x: Values, z: Values, inside: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where on the grid the scatterers at (x, z) of the moved organs were at rest; those of the wall stay."""
    grid = body.grid
    depth, angle = to_beams(x, z, body.face_cm)
    row = np.rint(depth / (grid.depth[1] - grid.depth[0])).astype(np.intp) % grid.depth.size
    column = np.rint((angle - grid.angle[0]) / (grid.angle[1] - grid.angle[0])).astype(np.intp) % grid.angle.size
    rows, columns = np.indices(grid.shape, dtype=np.intp)
    return np.where(inside, rows, row), np.where(inside, columns, column)


def _haze(body: Body) -> Floats:
    """Reverberation from the body wall: strongest at its bottom, fading below it."""
    below = body.grid.depth[:, None] - body.wall.bottom(body.grid.angle)[None]
    haze = 10.0 ** (_HAZE_DB / 20.0) * np.exp(-np.maximum(below, 0.0) / _HAZE_CM)
    return np.asarray(haze, dtype=np.float32)


def _amplitude(level_db: Values | Floats) -> Floats:
    amplitude = np.power(np.float32(10.0), np.asarray(level_db, dtype=np.float32) / np.float32(20.0))
    return np.asarray(amplitude, dtype=np.float32)
