"""Foreign ultrasound pictures by kind, for the benchmark ``refusal``: each a PNG, or a file that pydicom ships."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.imaging.io.write import write_png
from steatoscope.learning.evaluation.trust_refusal_cases import Case, pydicom_file
from steatoscope.learning.evaluation.trust_refusal_pictures import (
    PACKAGE_PICTURES,
    Picture,
    Rng,
    blank,
    cartoon,
    drawn_from,
    face,
    in_sector,
    noise,
    package_picture,
    screen,
    sector_of,
    varied,
)
from steatoscope.learning.evaluation.trust_refusal_sources import Sources

TUNED: Final = frozenset({"photograph", "texture", "noise", "CT slice", "tiles shuffled", "page of text"})
"""Kinds that were looked at while limits were set; all others were held out until the limits stood."""
US_EXAMPLES: Final = (
    "examples_jpeg2k.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
    "examples_ybr_color.dcm",
    "ExplVR_BigEnd.dcm",
    "image_dfl.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "SC_rgb_jpeg.dcm",
)
_FEWEST_TILES, _MOST_TILES = 4, 9

Make = Callable[[Rng], Picture]


def us_kinds(sources: Sources) -> dict[str, Make]:
    """The kinds that are drawn by chance, each with its maker of one picture."""
    shipped: dict[str, Make] = {
        kind: partial(_from_package, PACKAGE_PICTURES[kind]) for kind in PACKAGE_PICTURES if kind != "drawing"
    }
    return {
        **shipped,
        "face": face,
        "drawing or cartoon": _cartoon,
        "screen with text": screen,
        "noise": noise,
        "blank or even": blank,
        "picture in a sector": _picture_in_sector,
        "noise in a sector": lambda rng: in_sector(noise(rng), rng),
        "test object": _test_object,
        "CT slice": lambda rng: varied(drawn_from(sources.ct_slices(), rng), rng),
        "MR slice": lambda rng: varied(drawn_from(sources.mr_slices(), rng), rng),
        "tiles shuffled": lambda rng: tiles_shuffled(drawn_from(sources.livers(), rng), rng),
        "beams shuffled": lambda rng: beams_shuffled(drawn_from(sources.livers(), rng), rng),
        "colour Doppler": lambda rng: colour_doppler(drawn_from(sources.livers(), rng), rng),
        "extreme gain": lambda rng: extreme_gain(drawn_from(sources.livers(), rng), rng),
        "heavy crop": lambda rng: heavy_crop(drawn_from(sources.livers(), rng), rng),
        "upside down": lambda rng: np.ascontiguousarray(drawn_from(sources.livers(), rng)[::-1]),
    }


def us_foreign(sources: Sources, n: int, seed: int) -> list[Case]:
    """``n`` pictures of every kind, and the ultrasound examples of pydicom once each; one seed, one set."""
    cases = []
    for place, (kind, make) in enumerate(us_kinds(sources).items()):
        for k in range(n):
            draw = partial(_written, make, (seed, 1, place, k))
            cases.append(Case("US", kind, f"{kind} {k:03d}", draw, tuned=kind in TUNED))
    shipped = [Case("US", "pydicom's examples", name, partial(pydicom_file, name)) for name in US_EXAMPLES]
    return cases + shipped


def _written(make: Make, seed: Sequence[int], folder: Path) -> list[Path]:
    path = folder / "picture.png"
    write_png(path, make(np.random.default_rng(seed)))
    return [path]


def _from_package(names: Sequence[str], rng: Rng) -> Picture:
    return varied(package_picture(names[int(rng.integers(0, len(names)))]), rng)


def _cartoon(rng: Rng) -> Picture:
    return cartoon(rng) if rng.random() < 0.6 else _from_package(PACKAGE_PICTURES["drawing"], rng)


def _picture_in_sector(rng: Rng) -> Picture:
    """A photograph, texture, or slide behind the sector's outline: only its content is foreign."""
    kinds = ("photograph", "texture", "microscope or eye", "sky")
    return in_sector(_from_package(PACKAGE_PICTURES[kinds[int(rng.integers(0, len(kinds)))]], rng), rng)


def _test_object(rng: Rng) -> Picture:
    """A quality-control object: even speckle with a lattice of wires and dark or bright cylinders, in a sector."""
    sector = sector_of(rng)
    rows, columns = sector.shape
    level = np.full(sector.shape, rng.uniform(0.6, 1.2))
    for y in range(60, rows, int(rng.integers(60, 110))):
        for x in range(40, columns, int(rng.integers(90, 160))):
            gain = float(rng.choice([0.05, 0.2, 2.5, 4.0]))
            cv2.circle(level, (x, y), int(rng.integers(8, 26)), gain, -1)
    speckle = cv2.GaussianBlur(rng.rayleigh(size=sector.shape), (0, 0), sigmaX=2.2, sigmaY=1.1)
    shown = np.clip(60.0 * np.log1p(3.0 * level * speckle), 0, 255)
    for y in range(40, rows, int(rng.integers(35, 60))):
        cv2.circle(shown, (columns // 2, y), 2, 255.0, -1)
    return np.asarray(np.where(sector, shown, 0.0), dtype=np.uint8)


def tiles_shuffled(picture: Picture, rng: Rng) -> Picture:
    """A picture cut in 16-81 tiles that change places."""
    count = int(rng.integers(_FEWEST_TILES, _MOST_TILES + 1))
    high, wide = picture.shape[0] // count, picture.shape[1] // count
    tiles = [picture[r * high : (r + 1) * high, c * wide : (c + 1) * wide] for r in range(count) for c in range(count)]
    order = rng.permutation(len(tiles))
    lines = [np.hstack([tiles[k] for k in order[r * count : (r + 1) * count]]) for r in range(count)]
    return np.asarray(np.vstack(lines), dtype=np.uint8)


def beams_shuffled(picture: Picture, rng: Rng) -> Picture:
    """A picture whose columns change places one by one."""
    return np.ascontiguousarray(picture[:, rng.permutation(picture.shape[1])])


def colour_doppler(picture: Picture, rng: Rng) -> Picture:
    """A picture with a colour box of flow in red and blue over a part of its tissue."""
    rows, columns = picture.shape
    shown = np.repeat(picture[..., None], 3, axis=2)
    flow = cv2.GaussianBlur(rng.normal(size=picture.shape), (0, 0), rng.uniform(6.0, 14.0))
    box = np.zeros(picture.shape, dtype=bool)
    high, wide = round(rows * rng.uniform(0.25, 0.45)), round(columns * rng.uniform(0.25, 0.45))
    y, x = round(rows * rng.uniform(0.2, 0.4)), round(columns * rng.uniform(0.25, 0.4))
    box[y : y + high, x : x + wide] = True
    strong = np.abs(flow) > np.quantile(np.abs(flow[box]), rng.uniform(0.5, 0.75))
    towards, away = box & strong & (flow > 0) & (picture > 0), box & strong & (flow < 0) & (picture > 0)
    shown[towards] = (220, 40, 10)
    shown[away] = (10, 60, 220)
    return np.asarray(shown, dtype=np.uint8)


def extreme_gain(picture: Picture, rng: Rng) -> Picture:
    """A picture far too dark or nearly all white: no grey levels are left in most of it."""
    values = picture.astype(np.float64)
    if rng.random() < 0.5:
        return np.asarray(np.clip(values * rng.uniform(0.01, 0.06), 0, 255), dtype=np.uint8)
    return np.asarray(np.where(picture > 8, np.clip(values * rng.uniform(8.0, 20.0) + 60.0, 0, 255), 0), dtype=np.uint8)


def heavy_crop(picture: Picture, rng: Rng) -> Picture:
    """A small part from the middle of the tissue (18-30 % a side), enlarged: no edge of the scan is in it."""
    rows, columns = picture.shape
    share = rng.uniform(0.18, 0.30)
    high, wide = round(rows * share), round(columns * share)
    y, x = round(rows * rng.uniform(0.3, 0.45)), round(columns * rng.uniform(0.35, 0.45))
    part = picture[y : y + high, x : x + wide]
    return np.asarray(cv2.resize(part, (wide * 4, high * 4), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


Mask = NDArray[np.bool_]
