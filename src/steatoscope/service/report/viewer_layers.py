"""The layers of the page's image viewer: images, masks and maps of one scene, each slice or frame as bytes.

Images are ``uint8``, or ``int16`` as value / slope with all low bytes before all high bytes (it packs better) and
-32768 where undefined. Masks have one bit a pixel, lowest bit first. Maps are ``uint8``: 0 is undefined, 1 to 255 run
from ``low`` to ``high``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask

UNDEFINED: Final = -32768
COLOURS: Final = {
    "liver": "#56b4e9",
    "spleen": "#f0e442",
    "kidney": "#cc79a7",
    "sector": "#56b4e9",
    "lesion": "#ffffff",
    "fatty": "#e69f00",
    "spared": "#3fd0a4",
}
DASHES: Final = {"spleen": [6, 4], "kidney": [2, 3], "sector": [6, 4], "spared": [6, 4]}
_SLOPES: Final = {"HU": 1.0, "percent": 0.01, "1/s": 0.1}
_LIMIT: Final = 32767


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: its key in addresses, what the viewer must know of it, and its planes by index."""

    key: str
    facts: Mapping[str, Any]
    indexes: tuple[int, ...]
    plane: Callable[[int], bytes]


def grey_layer(frames: NDArray[np.uint8], title: str) -> Layer:
    """Grey frames (frames, rows, columns), shown as they are."""
    facts = {
        "title": title,
        "unit": "grey",
        "encoding": "uint8",
        "slope": 1.0,
        "presets": [_preset("full", 0.0, 255.0), _preset("brighter", 0.0, 160.0), _preset("contrast", 30.0, 190.0)],
    }
    return Layer("image", facts, tuple(range(frames.shape[0])), lambda index: frames[index].tobytes())


def value_layer(
    key: str, title: str, data: NDArray[np.floating], unit: str, presets: Sequence[tuple[str, float, float]]
) -> Layer:
    """Voxels (slices, rows, columns) with a unit; ``presets`` are names with display limits, the first the default."""
    slope = _SLOPES.get(unit) or _slope_of(data)
    facts = {
        "title": title,
        "unit": unit,
        "encoding": "int16",
        "slope": slope,
        "presets": [_preset(*preset) for preset in presets],
    }
    return Layer(key, facts, tuple(range(data.shape[0])), lambda index: _sixteen(data[index], slope))


def mask_layer(key: str, mask: Mask, indexes: Sequence[int] | None = None) -> Layer:
    """A mask (slices, rows, columns), kept where it holds anything; or one plane that stands for several frames."""
    facts: dict[str, Any] = {"colour": COLOURS[key], "dash": DASHES.get(key, [])}
    if indexes is not None:
        bits = packed(mask[0])
        return Layer(f"mask-{key}", {**facts, "shared": True}, tuple(indexes), lambda _index: bits)
    held = tuple(int(k) for k in np.flatnonzero(mask.reshape(mask.shape[0], -1).any(axis=1)))
    return Layer(f"mask-{key}", {**facts, "shared": False}, held, lambda index: packed(mask[index]))


def frames_layer(key: str, masks: Mapping[int, Mask]) -> Layer:
    """Masks (rows, columns) of single frames."""
    facts = {"colour": COLOURS[key], "dash": DASHES.get(key, []), "shared": False}
    return Layer(f"mask-{key}", facts, tuple(sorted(masks)), lambda index: packed(masks[index]))


def heat_layer(
    key: str,
    title: str,
    heat: NDArray[np.floating],
    limits: tuple[float, float],
    unit: str,
    indexes: Sequence[int] | None = None,
) -> Layer:
    """A map (slices, rows, columns) in ``unit``, NaN where undefined; or one plane that stands for several frames."""
    low, high = limits
    facts = {"title": title, "low": low, "high": high, "unit": unit, "diverging": low < 0.0}
    if indexes is not None:
        values = _eight(heat[0], low, high)
        return Layer(f"heat-{key}", {**facts, "shared": True}, tuple(indexes), lambda _index: values)
    held = tuple(k for k in range(heat.shape[0]) if np.isfinite(heat[k]).any())
    return Layer(f"heat-{key}", {**facts, "shared": False}, held, lambda index: _eight(heat[index], low, high))


def packed(mask: Mask) -> bytes:
    """A mask (rows, columns) as bits, row by row, lowest bit first."""
    return np.packbits(mask, axis=None, bitorder="little").tobytes()


def unpacked(bits: bytes, shape: tuple[int, int]) -> Mask:
    """A mask (rows, columns) from its bits."""
    flat = np.unpackbits(np.frombuffer(bits, np.uint8), count=shape[0] * shape[1], bitorder="little")
    return flat.reshape(shape).astype(np.bool_)


def orientation(geometry: Geometry, flip: tuple[bool, bool]) -> dict[str, str] | None:
    """Which side of the patient lies at each edge of the shown picture; None where the geometry is unknown."""
    if not geometry.known:
        return None
    columns = geometry.affine[:3, 0] * (-1.0 if flip[1] else 1.0)
    rows = geometry.affine[:3, 1] * (-1.0 if flip[0] else 1.0)
    return {"right": _side(columns), "left": _side(-columns), "bottom": _side(rows), "top": _side(-rows)}


def _side(direction: NDArray[np.float64]) -> str:
    axis = int(np.argmax(np.abs(direction)))
    return ("RL", "AP", "IS")[axis][int(direction[axis] > 0)]


def _preset(name: str, low: float, high: float) -> dict[str, Any]:
    return {"name": name, "center": round((low + high) / 2, 4), "width": round(max(high - low, 1e-3), 4)}


def _slope_of(data: NDArray[np.floating]) -> float:
    """A step that lets the largest value fit into 16 bits; 1 where whole numbers fit as they are."""
    known = data[np.isfinite(data)]
    most = float(np.abs(known).max(initial=0.0))
    if most <= _LIMIT and np.array_equal(known, np.rint(known)):
        return 1.0
    return most / _LIMIT if most > 0 else 1.0


def _sixteen(plane: NDArray[np.floating], slope: float) -> bytes:
    scaled = np.clip(np.rint(plane / slope), -_LIMIT, _LIMIT)
    whole = np.where(np.isfinite(plane), scaled, UNDEFINED).astype("<i2")
    return whole.view(np.uint8).reshape(-1, 2).T.tobytes()


def _eight(plane: NDArray[np.floating], low: float, high: float) -> bytes:
    scaled = 1.0 + np.clip((plane - low) / (high - low), 0.0, 1.0) * 254.0
    return np.where(np.isfinite(plane), np.rint(np.nan_to_num(scaled)), 0).astype(np.uint8).tobytes()
