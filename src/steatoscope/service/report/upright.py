"""Turns a picture so that it stands as a radiologist expects it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from steatoscope.pipeline.outcome import Picture

Box = tuple[int, int, int, int]


def upright(picture: Picture) -> Picture:
    """The picture with its ``flip`` carried out on image, masks, map and boxes (x0, y0, x1, y1)."""
    if not any(picture.flip):
        return picture
    kinds_and_boxes = tuple(
        (kind, _turned_box(box, picture.grey.shape, picture.flip), score) for kind, box, score in picture.boxes
    )
    return replace(
        picture,
        grey=_turned(picture.grey, picture.flip),
        liver=_maybe(picture.liver, picture.flip),
        spleen=_maybe(picture.spleen, picture.flip),
        kidney=_maybe(picture.kidney, picture.flip),
        sector=_maybe(picture.sector, picture.flip),
        lesions=_maybe(picture.lesions, picture.flip),
        heat=_maybe(picture.heat, picture.flip),
        boxes=kinds_and_boxes,
        sites=tuple((name, _turned_box(box, picture.grey.shape, picture.flip)) for name, box in picture.sites),
        flip=(False, False),
    )


def _turned(array: NDArray[Any], flip: tuple[bool, bool]) -> NDArray[Any]:
    rows = -1 if flip[0] else 1
    columns = -1 if flip[1] else 1
    return array[::rows, ::columns]


def _maybe(array: NDArray[Any] | None, flip: tuple[bool, bool]) -> NDArray[Any] | None:
    return None if array is None else _turned(array, flip)


def _turned_box(box: Box, shape: tuple[int, ...], flip: tuple[bool, bool]) -> Box:
    """Boxes are half-open: x1 and y1 lie one beyond the last pixel."""
    x0, y0, x1, y1 = box
    if flip[0]:
        y0, y1 = shape[0] - y1, shape[0] - y0
    if flip[1]:
        x0, x1 = shape[1] - x1, shape[1] - x0
    return x0, y0, x1, y1
