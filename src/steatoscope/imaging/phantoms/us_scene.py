"""The two views of a liver scan drawn in the patient's plane: hepatorenal (HR) and attenuation (AR).

HR, intercostal long axis: liver left and above, right kidney 8-12 cm deep with a darker rim of cortex, pyramids, a
bright sinus and a bright capsule, Morison's pouch as a thin line between them. AR, oblique subcostal: liver down to
the diaphragm, hepatic veins running to the cava and a portal branch with bright walls.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from steatoscope.imaging.phantoms.us_acoustics import Acoustics
from steatoscope.imaging.phantoms.us_canvas import Canvas, Points, Tissue, ellipse, smooth_path

View = Literal["HR", "AR"]
_DIAPHRAGM_DB: Final = 30.0
_CAPSULE_DB: Final = 22.0


def draw_scene(view: View, acoustics: Acoustics, face_cm: float, rng: np.random.Generator) -> Canvas:
    """The organs of a view for one liver; the generator sets their shapes."""
    canvas = Canvas(face_cm)
    (_draw_hepatorenal if view == "HR" else _draw_attenuation)(canvas, acoustics, rng)
    return canvas


def _draw_hepatorenal(canvas: Canvas, acoustics: Acoustics, rng: np.random.Generator) -> None:
    centre = (float(rng.uniform(1.5, 4.0)), float(rng.uniform(9.0, 10.8)))
    axes = (float(rng.uniform(5.0, 5.9)), float(rng.uniform(2.2, 2.8)))
    tilt = float(np.radians(rng.uniform(4.0, 24.0)))
    jitter = rng.normal(0.0, 0.3, (10, 2))
    below = centre[1] + axes[1]
    corners = [
        (-19.0, -3.5),
        (19.0, -3.5),
        (11.0, 3.5),
        (centre[0] + 4.5, centre[1] - 1.0),
        (centre[0], centre[1]),
        (centre[0] - 4.0, below - 0.8),
        (-4.5, below + 0.4),
        (-7.5, below - 1.2),
        (-10.5, 8.0),
        (-14.0, 2.5),
    ]
    edge = smooth_path(np.array(corners) + jitter, closed=True)
    cava = smooth_path(np.array(corners[5:]) + jitter[5:], closed=False)
    lung = np.concatenate([cava, [(-19.5, 2.0), (-19.5, 27.0), (centre[0] - 9.0, 27.0)]])
    canvas.region(lung, Tissue.LUNG)
    canvas.region(edge, Tissue.LIVER)
    _vessels(canvas, acoustics, rng, (-3.0, 6.0), 2)
    canvas.interface(cava, 0.16, _DIAPHRAGM_DB - 4.0)
    _draw_kidney(canvas, centre, axes, tilt, rng)


def _draw_kidney(
    canvas: Canvas, centre: tuple[float, float], axes: tuple[float, float], tilt: float, rng: np.random.Generator
) -> None:
    outline = ellipse(centre, axes, tilt)
    pouch = ellipse(centre, (axes[0] + 0.22, axes[1] + 0.22), tilt)
    canvas.region(pouch, Tissue.OTHER)
    canvas.region(outline, Tissue.CORTEX)
    inner = (axes[0] * 0.62, axes[1] * 0.42)
    for t in np.linspace(0.0, 2.0 * np.pi, 9)[:-1] + rng.uniform(0.0, 0.5):
        place = ellipse(centre, (inner[0] * 1.16, inner[1] * 1.32), tilt, 360)[int(np.degrees(t)) % 360]
        canvas.region(ellipse((place[0], place[1]), (0.42, 0.36), tilt, 24), Tissue.MEDULLA)
    wobble = 1.0 + 0.12 * np.sin(np.linspace(0.0, 2 * np.pi, 96) * 5 + rng.uniform(0, 6))[:, None]
    canvas.region((ellipse(centre, inner, tilt) - centre) * wobble + centre, Tissue.SINUS)
    canvas.interface(np.concatenate([pouch, pouch[:1]]), 0.10, _CAPSULE_DB - 4.0)


def _draw_attenuation(canvas: Canvas, acoustics: Acoustics, rng: np.random.Generator) -> None:
    deep, middle, bend = rng.uniform(11.5, 14.0), rng.uniform(-2.0, 2.0), rng.uniform(0.03, 0.06)
    x = np.linspace(-19.0, 19.0, 80)
    diaphragm = np.stack([x, deep - bend * (x - middle) ** 2 + 0.15 * np.sin(0.6 * x)], axis=1)
    canvas.region(np.array([(-19.5, -3.5), (19.5, -3.5), (19.5, 27.0), (-19.5, 27.0)]), Tissue.LUNG)
    canvas.region(np.concatenate([diaphragm, [(19.0, -3.5), (-19.0, -3.5)]]), Tissue.LIVER)
    cava = (middle + float(rng.uniform(-1.0, 1.0)), deep - 1.3)
    for spread in (-1.0, 0.15, 1.0):
        tip = (cava[0] + spread * rng.uniform(4.5, 6.0), cava[1] - rng.uniform(4.5, 6.5))
        bow = ((cava[0] + tip[0]) / 2 + spread * rng.uniform(0.0, 1.0), (cava[1] + tip[1]) / 2 + rng.uniform(-0.2, 0.9))
        path = smooth_path(np.array([cava, bow, tip]), closed=False)
        canvas.tube(path, _uneven(0.9, 0.2, len(path), rng), Tissue.HEPATIC_VEIN)
    canvas.region(ellipse(cava, (1.1, 0.8), 0.2), Tissue.HEPATIC_VEIN)
    _vessels(canvas, acoustics, rng, (middle + float(rng.choice([-3.2, 3.2])), 5.6), 1)
    canvas.interface(diaphragm, 0.18, _DIAPHRAGM_DB)


def _vessels(
    canvas: Canvas, acoustics: Acoustics, rng: np.random.Generator, about: tuple[float, float], count: int
) -> None:
    """Portal branches with bright walls, and small veins seen end on."""
    for _ in range(count):
        start = np.array(about) + rng.normal(0.0, 0.7, 2)
        heading = rng.uniform(-0.5, 0.5)
        step = rng.uniform(1.2, 1.8) * np.array([np.cos(heading), np.sin(heading)])
        path = smooth_path(np.array([start - step, start + np.array([0.0, 0.3]), start + step]), closed=False)
        width = _uneven(rng.uniform(0.45, 0.7), 0.3, len(path), rng)
        _walls(canvas, path, width, acoustics)
        canvas.tube(path, width, Tissue.PORTAL)
    for _ in range(4):
        place = np.array(about) + rng.normal(0.0, 1.0, 2) * (2.8, 1.4)
        canvas.region(ellipse((place[0], place[1]), (rng.uniform(0.12, 0.28),) * 2, 0.0, 24), Tissue.HEPATIC_VEIN)


def _walls(canvas: Canvas, path: Points, width: Points, acoustics: Acoustics) -> None:
    level = acoustics.echogenicity_db + acoustics.portal_wall_db + 4.0
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]
    for side in (-1.0, 1.0):
        canvas.interface(path + side * across * (width[:, None] / 2.0 + 0.08), 0.16, level)


def _uneven(start: float, end: float, count: int, rng: np.random.Generator) -> Points:
    """Diameters that taper from start to end and waver by a tenth or so."""
    t = np.linspace(0.0, 1.0, count)
    waver = 1.0 + 0.12 * np.sin(9.0 * t + rng.uniform(0.0, 6.0)) + 0.06 * np.sin(23.0 * t + rng.uniform(0.0, 6.0))
    return np.asarray((start + (end - start) * t) * waver, dtype=np.float64)
