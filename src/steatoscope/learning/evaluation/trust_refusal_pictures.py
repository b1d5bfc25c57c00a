"""Pictures that are no ultrasound of a liver: what packages ship, and what is drawn; for the benchmark ``refusal``.

scikit-image's own wheel holds the photographs and textures named here; nothing is downloaded. Every picture is 8-bit,
(rows, columns) or (rows, columns, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Rng = np.random.Generator

PACKAGE_PICTURES: Final = {
    "photograph": (
        "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png",
        "motorcycle_right.png", "clock_motion.png", "coins.png",
    ),
    "texture": ("brick.png", "grass.png", "gravel.png"),
    "microscope or eye": ("cell.png", "ihc.png", "retina.jpg", "microaneurysms.png"),
    "sky": ("moon.png", "hubble_deep_field.jpg"),
    "drawing": ("horse.png", "chessboard_GRAY.png", "phantom.png", "logo.png", "color.png"),
    "page of text": ("page.png", "text.png"),
}  # fmt: skip
FACES: Final = "lfw_subset.npy"
_SIDES: Final = (300, 700)
_WORDS: Final = ("PATIENT", "SENT", "INBOX", "LOGIN", "REPORT", "2024-05-17", "OK", "Cancel", "File", "Edit", "MI 0.9")


def package_picture(name: str) -> Picture:
    """One of scikit-image's pictures by its file name."""
    return _read(name).copy()


@lru_cache(maxsize=32)
def _read(name: str) -> Picture:
    import skimage
    from PIL import Image

    with Image.open(Path(skimage.__file__).parent / "data" / name) as opened:
        pixels = np.asarray(opened.convert("L" if opened.mode in ("1", "L", "I", "I;16") else "RGB"))
    return np.asarray(pixels, dtype=np.uint8)


def varied(picture: Picture, rng: Rng) -> Picture:
    """A random part of a picture (55-100 % a side), perhaps mirrored or without colour, 300-700 pixels wide."""
    rows, columns = picture.shape[:2]
    high, wide = (max(24, round(side * rng.uniform(0.55, 1.0))) for side in (rows, columns))
    y, x = int(rng.integers(0, rows - high + 1)), int(rng.integers(0, columns - wide + 1))
    part = picture[y : y + high, x : x + wide]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if part.ndim == 3 and rng.random() < 0.7:
        part = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
    width = int(rng.integers(*_SIDES))
    height = int(np.clip(round(width * high / wide), 160, 1000))
    return np.asarray(cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def face(rng: Rng) -> Picture:
    """One of scikit-image's 100 faces, enlarged from 25 pixels a side."""
    import skimage

    faces: NDArray[Any] = np.load(Path(skimage.__file__).parent / "data" / FACES)
    chosen = np.asarray(faces[int(rng.integers(0, 100))] * 255.0, dtype=np.uint8)
    side = int(rng.integers(*_SIDES))
    return np.asarray(cv2.resize(chosen, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def noise(rng: Rng) -> Picture:
    """White, smooth, 1/f or speckle noise over the whole picture."""
    shape = int(rng.integers(*_SIDES)), int(rng.integers(*_SIDES))
    way = int(rng.integers(0, 4))
    if way == 0:
        return np.asarray(rng.integers(0, 256, shape), dtype=np.uint8)
    if way == 1:
        return _stretched(cv2.GaussianBlur(rng.normal(size=shape), (0, 0), rng.uniform(1.5, 20.0)))
    if way == 2:
        return _stretched(_pink(shape, rng))
    return _stretched(np.log1p(20.0 * cv2.GaussianBlur(rng.rayleigh(size=shape), (0, 0), rng.uniform(0.6, 2.5))))


def _pink(shape: tuple[int, int], rng: Rng) -> NDArray[np.float64]:
    y, x = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
    size = np.hypot(y, x)
    size[0, 0] = 1.0
    return np.asarray(np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) / size ** rng.uniform(0.8, 1.6)).real)


def _stretched(values: NDArray[Any]) -> Picture:
    low, high = np.percentile(values, [0.5, 99.5])
    return np.asarray(np.clip((values - low) / max(float(high - low), 1e-9) * 255.0, 0, 255), dtype=np.uint8)


def blank(rng: Rng) -> Picture:
    """An even picture: black, white, one grey or one colour, a ramp, or one bright spot."""
    rows, columns = int(rng.integers(*_SIDES)), int(rng.integers(*_SIDES))
    way = int(rng.integers(0, 6))
    if way == 0:
        return np.zeros((rows, columns), np.uint8)
    if way == 1:
        return np.full((rows, columns), 255, np.uint8)
    if way == 2:
        return np.full((rows, columns), int(rng.integers(1, 255)), np.uint8)
    if way == 3:
        return np.broadcast_to(np.asarray(rng.integers(0, 256, 3), np.uint8), (rows, columns, 3)).copy()
    if way == 4:
        along = np.linspace(0, 255, rows)[:, None] if rng.random() < 0.5 else np.linspace(0, 255, columns)[None]
        return np.broadcast_to(along, (rows, columns)).astype(np.uint8)
    spot = np.zeros((rows, columns), np.uint8)
    cv2.circle(spot, (columns // 2, rows // 2), int(rng.integers(3, 80)), 255, -1)
    return spot


def screen(rng: Rng) -> Picture:
    """A screen or page with lines of text, boxes and buttons."""
    rows, columns = int(rng.integers(*_SIDES)), int(rng.integers(*_SIDES))
    dark = rng.random() < 0.5
    picture = np.full((rows, columns, 3), 20 if dark else 240, np.uint8)
    ink = (230, 230, 230) if dark else (20, 20, 20)
    for _ in range(int(rng.integers(1, 6))):
        x, y = int(rng.integers(0, columns)), int(rng.integers(0, rows))
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        far = x + int(rng.integers(30, 300)), y + int(rng.integers(15, 200))
        cv2.rectangle(picture, (x, y), far, colour, int(rng.choice([-1, 2])))
    scale = float(rng.uniform(0.3, 0.8))
    for y in range(20, rows, int(40 * scale) + 8):
        text = " ".join(rng.choice(_WORDS, int(rng.integers(1, 9))))
        cv2.putText(picture, text, (int(rng.integers(2, 30)), y), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)
    return picture


def cartoon(rng: Rng) -> Picture:
    """Flat shapes with outlines on a flat ground."""
    rows, columns = int(rng.integers(*_SIDES)), int(rng.integers(*_SIDES))
    picture = np.full((rows, columns, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(int(rng.integers(4, 16))):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        centre = int(rng.integers(0, columns)), int(rng.integers(0, rows))
        axes = int(rng.integers(10, columns // 3)), int(rng.integers(10, rows // 3))
        tilt = float(rng.uniform(0, 180))
        cv2.ellipse(picture, centre, axes, tilt, 0, 360, colour, -1)
        cv2.ellipse(picture, centre, axes, tilt, 0, 360, (0, 0, 0), 2)
    return picture if rng.random() < 0.5 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def sector_of(rng: Rng, rows: int = 480, columns: int = 640) -> NDArray[np.bool_]:
    """The outline (rows, columns) of a curved or phased probe's picture."""
    apex_y = float(rng.uniform(-120.0, 10.0))
    inner = max(0.0, rng.uniform(10.0, 60.0) - apex_y) if apex_y < -20.0 else 0.0
    half = np.radians(rng.uniform(28.0, 44.0))
    y, x = np.indices((rows, columns), dtype=np.float64)
    radius, angle = np.hypot(x - columns / 2, y - apex_y), np.arctan2(x - columns / 2, y - apex_y)
    return np.asarray((radius >= inner) & (radius <= rows - 15.0 - apex_y) & (np.abs(angle) <= half))


def in_sector(picture: Picture, rng: Rng) -> Picture:
    """A picture seen through the sector of an ultrasound probe, grey on black."""
    sector = sector_of(rng)
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    filled = cv2.resize(np.asarray(grey), (sector.shape[1], sector.shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(np.where(sector, filled, 0), dtype=np.uint8)


def drawn_from(pictures: Sequence[Picture], rng: Rng) -> Picture:
    """One of several pictures."""
    return pictures[int(rng.integers(0, len(pictures)))]
