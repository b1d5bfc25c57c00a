"""Foreign MR by kind, for the benchmark ``refusal``: six complex echoes that a fit would accept.

Echo times and field strength are stated and right, so only the pixels can give the image away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from steatoscope.core.image import EchoTrain
from steatoscope.imaging.io.write import write_mat_imdataparams
from steatoscope.imaging.phantoms.mr_signal import Acquisition, Tissue, even_echoes, simulate_echoes
from steatoscope.learning.evaluation.trust_refusal_cases import Case, pydicom_file
from steatoscope.learning.evaluation.trust_refusal_pictures import (
    PACKAGE_PICTURES,
    Picture,
    drawn_from,
    package_picture,
)
from steatoscope.learning.evaluation.trust_refusal_sources import Sources
from steatoscope.learning.evaluation.trust_refusal_us import tiles_shuffled
from steatoscope.learning.evaluation.trust_refusal_volumes import BODIES, Body, Floats, Rng, grid

TUNED: Final = frozenset(
    {"photograph", "ultrasound picture", "CT slice", "tiles of an MR shuffled", "pelvis", "thorax"}
)
"""Kinds that were looked at while limits and rules were set."""
MR_EXAMPLES: Final = ("MR_small.dcm", "MR_small_padded.dcm", "MR_truncated.dcm", "MR_small_RLE.dcm")
DENSITY: Final = (1.0, 95.0, 90.0, 70.0, 8.0, 12.0, 80.0, 3.0, 60.0)
FAT_PERCENT: Final = (0.0, 0.0, 92.0, 3.0, 2.0, 20.0, 0.0, 0.0, 12.0)
R2STAR: Final = (20.0, 5.0, 30.0, 35.0, 200.0, 150.0, 20.0, 300.0, 45.0)
_SLICES: Final = slice(2, 6)
_FIELD_T: Final = 3.0

Make = Callable[[Rng], "tuple[Floats, Floats, Floats]"]


def mr_kinds(sources: Sources) -> dict[str, Make]:
    """The kinds that are drawn by chance: density, fat in percent and R2* in 1/s, each (4, 128, 128)."""
    bodies: dict[str, Make] = {name: partial(_body, name) for name in BODIES}
    return {
        **bodies,
        "noise": _noise,
        "blank or even": _blank,
        "photograph": _photograph,
        "ultrasound picture": lambda rng: _picture(drawn_from(sources.livers(), rng), rng),
        "CT slice": lambda rng: _picture(drawn_from(sources.ct_slices(), rng), rng),
        "tiles of an MR shuffled": lambda rng: _picture(tiles_shuffled(drawn_from(sources.mr_slices(), rng), rng), rng),
    }


def mr_foreign(sources: Sources, n: int, seed: int) -> list[Case]:
    """``n`` echo trains of every kind, and the MR examples of pydicom once each."""
    cases = []
    for place, (kind, make) in enumerate(mr_kinds(sources).items()):
        for k in range(n):
            draw = partial(_written, make, (seed, 3, place, k))
            cases.append(Case("MR", kind, f"{kind} {k:03d}", draw, tuned=kind in TUNED))
    return cases + [Case("MR", "pydicom's examples", name, partial(pydicom_file, name)) for name in MR_EXAMPLES]


def _written(make: Make, seed: Sequence[int], folder: Path) -> list[Path]:
    rng = np.random.default_rng(seed)
    density, fat, rate = make(rng)
    y, x = np.mgrid[-1.0 : 1.0 : density.shape[1] * 1j, -1.0 : 1.0 : density.shape[2] * 1j]
    field = np.broadcast_to(rng.uniform(-40, 40) * x + rng.uniform(-40, 40) * y, density.shape)
    tissue = Tissue(density, fat, rate, field.astype(np.float32), np.zeros(density.shape, np.float32))
    taken = Acquisition(even_echoes(1.15e-3, 0.96e-3, 6), _FIELD_T, 60.0)
    train = EchoTrain(simulate_echoes(tissue, taken, rng), np.asarray(taken.echo_times_s), _FIELD_T, grid(), "complex")
    path = folder / "mr.mat"
    write_mat_imdataparams(path, train)
    return [path]


def _filled(body: Body, values: Sequence[float]) -> Floats:
    return np.asarray(values, dtype=np.float32)[body]


def _body(name: str, rng: Rng) -> tuple[Floats, Floats, Floats]:
    body = BODIES[name](rng)[_SLICES]
    return _filled(body, DENSITY), _filled(body, FAT_PERCENT), _filled(body, R2STAR)


def _even(shape: tuple[int, ...], value: float) -> Floats:
    return np.full(shape, value, np.float32)


def _shape() -> tuple[int, int, int]:
    return 4, 128, 128


def _noise(rng: Rng) -> tuple[Floats, Floats, Floats]:
    density = rng.rayleigh(30.0, _shape()).astype(np.float32)
    return density, rng.uniform(0, 100, _shape()).astype(np.float32), _even(_shape(), 40.0)


def _blank(rng: Rng) -> tuple[Floats, Floats, Floats]:
    level, fat = float(rng.choice([0.0, 20.0, 100.0])), float(rng.choice([0.0, 10.0, 100.0]))
    return _even(_shape(), level), _even(_shape(), fat), _even(_shape(), 30.0)


def _photograph(rng: Rng) -> tuple[Floats, Floats, Floats]:
    names = (*PACKAGE_PICTURES["photograph"], *PACKAGE_PICTURES["microscope or eye"])
    return _picture(package_picture(names[int(rng.integers(0, len(names)))]), rng)


def _picture(picture: Picture, rng: Rng) -> tuple[Floats, Floats, Floats]:
    """One grey picture in every slice as density, with an even fat fraction."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(np.asarray(grey), _shape()[1:][::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 2.55
    density = np.repeat(small[None], _shape()[0], axis=0)
    return density, _even(_shape(), float(rng.uniform(0, 30))), _even(_shape(), float(rng.uniform(20, 60)))
