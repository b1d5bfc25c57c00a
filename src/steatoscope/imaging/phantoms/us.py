"""Simulated B-mode ultrasound of the liver with known fat, exact masks and known machine settings.

Echo model (clinical reference, 4.2): the level of an echo in dB is its echogenicity, minus the round-trip attenuation
``2 f integral(alpha dz)``, plus speckle; time gain ``2 f alpha_tgc z`` and gain are added, and the dynamic range maps
to 0-255. Scatterers are convolved with the point-spread function in beam space and scan-converted. In clips the organs
slide below the body wall as in breathing. Depths on the picture assume 1540 m/s, as on every scanner; the liver's own
speed of sound is reported in the truth and does not bend the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from steatoscope.core.image import Clip, Mask, USFacts
from steatoscope.imaging.phantoms.us_acoustics import Acoustics, USSettings, draw_acoustics, histology_percent
from steatoscope.imaging.phantoms.us_canvas import Tissue
from steatoscope.imaging.phantoms.us_echo import Body, echo_frames
from steatoscope.imaging.phantoms.us_field import beam_grid
from steatoscope.imaging.phantoms.us_scanconvert import Probe, ScanGeometry, scan_convert, scan_geometry
from steatoscope.imaging.phantoms.us_scene import View, draw_scene
from steatoscope.imaging.phantoms.us_wall import BodyWall, draw_wall

_VESSELS: Final = (Tissue.HEPATIC_VEIN, Tissue.PORTAL)
_THICK_WALL_CM: Final = 2.5


@dataclass(frozen=True, eq=False)
class USPhantom:
    """A simulated scan: frames, exact masks of frame 0 (rows, columns), header facts and JSON-ready truth.

    ``liver`` excludes vessels; ``kidney`` is the renal cortex, None in the AR view. Masks lie within ``sector``.
    """

    clip: Clip
    view: View
    sector: Mask
    liver: Mask
    kidney: Mask | None
    vessels: Mask
    geometry: ScanGeometry
    facts: USFacts
    truth: Mapping[str, Any]
    modality: Literal["US"] = "US"

    @property
    def masks(self) -> Mapping[str, Mask]:
        """The masks by name."""
        named = {"sector": self.sector, "liver": self.liver, "vessels": self.vessels}
        return named if self.kidney is None else named | {"kidney": self.kidney}


def simulate_us(
    pdff_percent: float,
    seed: int = 0,
    *,
    view: View = "HR",
    probe: Probe = "curvilinear",
    frames: int = 1,
    size: tuple[int, int] = (434, 636),
    settings: USSettings | None = None,
    repeat: int | None = None,
) -> USPhantom:
    """B-mode frames of shape (frames, rows, columns) of a liver with ``pdff_percent``.

    The seed sets anatomy, acoustics between people, speckle and noise; ``repeat`` scans the same person again with
    speckle and noise of its own. Raises :class:`ValueError` for a PDFF outside 0-100 or no frames.
    """
    if not 0.0 <= pdff_percent <= 100.0:
        raise ValueError(f"PDFF must lie in 0-100 %, not {pdff_percent}")
    if frames < 1:
        raise ValueError("a clip needs at least one frame")
    settings = settings or USSettings()
    shape_rng, tissue_rng, echo_rng = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    if repeat is not None:
        echo_rng = np.random.default_rng((seed, repeat))
    acoustics = draw_acoustics(pdff_percent, tissue_rng)
    geometry = scan_geometry(probe, size, settings.depth_cm)
    wall = draw_wall(shape_rng)
    canvas = draw_scene(view, acoustics, geometry.face_cm, shape_rng)
    blur = 1.0 + 0.3 * max(0.0, wall.thickness - _THICK_WALL_CM)
    body = Body(canvas, wall, acoustics, beam_grid(geometry, settings.frequency_mhz, blur), geometry.face_cm)
    grey = echo_frames(body, settings, frames, echo_rng)
    pixels = np.stack([np.rint(scan_convert(frame, geometry)).astype(np.uint8) for frame in grey])
    truth = _truth(pdff_percent, seed, acoustics, settings, wall)
    truth |= {"view": view, "frames": frames, "geometry": geometry.document()}
    return _assemble(body, geometry, view, Clip(pixels, geometry.pixel_mm, None, None, settings.frame_time_ms), truth)


def _assemble(body: Body, geometry: ScanGeometry, view: View, clip: Clip, truth: Mapping[str, Any]) -> USPhantom:
    x, z = geometry.positions()
    depth, angle = geometry.beams()
    sector = geometry.mask()
    organs = np.where(body.wall.inside(depth, angle) | ~sector, np.uint8(Tissue.OTHER), body.canvas.labels_at(x, z))
    facts = USFacts(
        manufacturer="Simulated",
        model_name=f"Steatoscope {geometry.probe}",
        transducer_frequency_mhz=truth["settings"]["frequency_mhz"],
        depth_mm=geometry.depth_cm * 10.0,
    )
    return USPhantom(
        clip=clip,
        view=view,
        sector=sector,
        liver=organs == Tissue.LIVER,
        kidney=organs == Tissue.CORTEX if view == "HR" else None,
        vessels=np.isin(organs, _VESSELS),
        geometry=geometry,
        facts=facts,
        truth=truth,
    )


def _truth(
    pdff_percent: float, seed: int, acoustics: Acoustics, settings: USSettings, wall: BodyWall
) -> dict[str, Any]:
    return {
        "modality": "US",
        "simulator": "steatoscope.us/1",
        "pdff_percent": float(pdff_percent),
        "histology_percent": histology_percent(pdff_percent),
        "seed": int(seed),
        "acoustics": asdict(acoustics),
        "settings": asdict(settings),
        "body_wall_cm": wall.thickness,
        "attenuation_db_cm_mhz": acoustics.attenuation_db_cm_mhz,
        "tgc_db_cm_mhz": settings.tgc_db_cm_mhz,
        "frequency_mhz": settings.frequency_mhz,
        "dynamic_range_db": settings.dynamic_range_db,
    }
