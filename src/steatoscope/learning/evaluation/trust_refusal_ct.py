"""Foreign CT by kind, for the benchmark ``refusal``: DICOM series whose headers say unenhanced, 120 kV.

The header is right in everything but the body part, so only the pixels can give the image away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from steatoscope.core.image import CTFacts, Volume
from steatoscope.imaging.phantoms.ct import CTPhantom
from steatoscope.imaging.phantoms.write_dicom import write_ct_series
from steatoscope.learning.evaluation.trust_refusal_cases import Case, pydicom_file
from steatoscope.learning.evaluation.trust_refusal_pictures import (
    PACKAGE_PICTURES,
    Picture,
    drawn_from,
    package_picture,
)
from steatoscope.learning.evaluation.trust_refusal_sources import Sources
from steatoscope.learning.evaluation.trust_refusal_us import tiles_shuffled
from steatoscope.learning.evaluation.trust_refusal_volumes import (
    BODIES,
    SHAPE,
    SPACING_MM,
    Floats,
    Rng,
    as_hu,
    grid,
)

HELD_OUT: Final = frozenset({"pelvis of a real CT"})
"""Kinds that were not looked at while the limits of a body's tissue were set; two of every other kind were."""
CT_EXAMPLES: Final = ("CT_small.dcm", "693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm", "rtdose.dcm", "liver_1frame.dcm")
_FACTS: Final = CTFacts(
    kvp=120.0,
    series_text="ABDOMEN WITHOUT CONTRAST",
    kernel="B30f",
    slice_thickness_mm=6.0,
    image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
)

Make = Callable[[Rng], Floats]


def ct_kinds(sources: Sources) -> dict[str, Make]:
    """The kinds that are drawn by chance, each with its maker of one volume in HU (8, 128, 128)."""
    bodies: dict[str, Make] = {name: partial(_body, name) for name in BODIES}
    pelvis = sources.pelvis()
    real: dict[str, Make] = {} if pelvis is None else {"pelvis of a real CT": partial(_slab, pelvis)}
    return {
        **bodies,
        "noise": _noise,
        "blank or even": _blank,
        "photograph": _photograph,
        "ultrasound picture": lambda rng: _stack(drawn_from(sources.livers(), rng), rng),
        "MR slice": lambda rng: _stack(drawn_from(sources.mr_slices(), rng), rng),
        "tiles of a CT shuffled": _tiles,
        "slices of a CT shuffled": _slices,
        **real,
        "even cylinder in fat": _even_cylinder,
        "disc in a cylinder": _disc,
    }


def ct_foreign(sources: Sources, n: int, seed: int) -> list[Case]:
    """``n`` volumes of every kind, and the CT examples of pydicom once each."""
    cases = []
    for place, (kind, make) in enumerate(ct_kinds(sources).items()):
        for k in range(n):
            draw = partial(_written, make, (seed, 2, place, k))
            cases.append(Case("CT", kind, f"{kind} {k:03d}", draw, tuned=kind not in HELD_OUT))
    shipped = [Case("CT", "pydicom's examples", name, partial(pydicom_file, name), tuned=True) for name in CT_EXAMPLES]
    return cases + shipped


def _written(make: Make, seed: Sequence[int], folder: Path) -> list[Path]:
    return write_hu(make(np.random.default_rng(seed)), folder)


def write_hu(values: Floats, folder: Path) -> list[Path]:
    """HU (slices, rows, columns) on the common grid as a DICOM series with the header of an unenhanced abdomen."""
    truth = {"simulator": "foreign", "seed": int(abs(float(values.sum())) % 1e9), "pdff_percent": 0.0}
    volume = Volume(np.clip(values, -1024.0, 3000.0).astype(np.float32), grid(), "HU")
    write_ct_series(CTPhantom(volume, {}, _FACTS, truth), folder)
    return [folder]


def _body(name: str, rng: Rng) -> Floats:
    return as_hu(BODIES[name](rng), rng)


def _even_cylinder(rng: Rng) -> Floats:
    """A cylinder of the density of a liver in a ring of fat: a test object without bone."""
    return _rings(
        ((float(rng.uniform(85, 115)), -100.0), (float(rng.uniform(70, 82)), float(rng.uniform(40, 55)))), rng
    )


def _disc(rng: Rng) -> Floats:
    """A disc of the density of a liver, beside the middle of a darker cylinder in a ring of fat."""
    rings = ((float(rng.uniform(95, 115)), -100.0), (float(rng.uniform(82, 92)), 20.0))
    return _rings((*rings, (float(rng.uniform(34, 44)), float(rng.uniform(45, 55)))), rng, aside=35.0)


def _rings(rings: Sequence[tuple[float, float]], rng: Rng, aside: float = 0.0) -> Floats:
    """Cylinders of (radius in mm, HU) inside one another in air, with noise of SD 5-10; the last lies aside (mm)."""
    _, rows, columns = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(SHAPE, SPACING_MM, strict=True))
    plane = np.full(SHAPE[1:], -1000.0)
    for place, (radius, value) in enumerate(rings):
        centre = -aside if place == len(rings) - 1 else 0.0
        plane[np.hypot(rows[:, None], columns[None, :] - centre) < radius] = value
    noise = rng.normal(0.0, rng.uniform(5.0, 10.0), SHAPE) * (plane > -1000.0)
    return np.asarray(plane + noise, dtype=np.float32)


def _noise(rng: Rng) -> Floats:
    values = rng.normal(rng.uniform(-50, 80), rng.uniform(20.0, 300.0), SHAPE)
    return np.asarray(values, dtype=np.float32)


def _blank(rng: Rng) -> Floats:
    return np.full(SHAPE, float(rng.choice([-1024.0, -1000.0, 0.0, 40.0, 60.0, 1000.0])), np.float32)


def _photograph(rng: Rng) -> Floats:
    names = (*PACKAGE_PICTURES["photograph"], *PACKAGE_PICTURES["microscope or eye"])
    return _stack(package_picture(names[int(rng.integers(0, len(names)))]), rng)


def _stack(picture: Picture, rng: Rng) -> Floats:
    """One grey picture in every slice, its 0-255 spread over -200 to 250 HU or -1000 to 400 HU, with a little noise."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(np.asarray(grey), SHAPE[1:][::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    low, high = ((-200.0, 250.0), (-1000.0, 400.0))[int(rng.integers(0, 2))]
    volume = np.repeat((low + small * (high - low))[None], SHAPE[0], axis=0)
    return np.asarray(volume + rng.normal(0.0, 5.0, SHAPE), dtype=np.float32)


def _slab(volume: Floats, rng: Rng) -> Floats:
    """Every second slice of a part of a volume, 8 of them, with a little noise."""
    first = int(rng.integers(0, volume.shape[0] - 2 * SHAPE[0] + 1))
    part = volume[first : first + 2 * SHAPE[0] : 2]
    return np.asarray(part + rng.normal(0.0, 5.0, part.shape), dtype=np.float32)


def _patient(rng: Rng) -> Floats:
    """A simulated upper abdomen, 8 slices on 128 x 128 pixels."""
    from steatoscope.imaging.phantoms.ct import simulate_ct

    data = simulate_ct(float(rng.uniform(0, 30)), int(rng.integers(0, 10_000)), pixel_mm=3.0, matrix=128).volume.data
    return np.asarray(data[8 : 8 + SHAPE[0]], dtype=np.float32)


def _tiles(rng: Rng) -> Floats:
    volume = _patient(rng)
    seed = int(rng.integers(0, 2**31))
    low, high = -1024.0, 400.0
    levels = np.clip((volume - low) / (high - low) * 255.0, 0, 255).astype(np.uint8)
    # every slice has the same new order, so that the tiles are columns through the body
    mixed = np.stack([tiles_shuffled(plane, np.random.default_rng(seed)) for plane in levels]).astype(np.float32)
    return np.asarray(mixed / 255.0 * (high - low) + low, dtype=np.float32)


def _slices(rng: Rng) -> Floats:
    """Slices of different patients, each turned by a quarter as chance has it: no body at all."""
    planes = [_patient(rng)[int(rng.integers(0, SHAPE[0]))] for _ in range(4)]
    chosen = [np.rot90(planes[int(rng.integers(0, 4))], int(rng.integers(1, 4))) for _ in range(SHAPE[0])]
    return np.asarray(np.stack(chosen), dtype=np.float32)
