"""PNG, JPEG and TIFF pages: sizes from the header first, then grey values and the share of coloured pixels."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.colour import coloured_share, to_grey
from steatoscope.imaging.io.decoding import cut_short, decoding, too_large
from steatoscope.imaging.io.finite import check_finite
from steatoscope.imaging.io.options import MAX_SIDE

MAX_PAGES: Final = 4096
_TIFF_BYTES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_FORMATS: Final = ("PNG", "JPEG", "TIFF")
_DEEP_MODES: Final = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_TRUNCATED_WORDS: Final = ("truncated", "not processed")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a raster file as its header tells it: size in pixels, more than 8 bits, lossy coding."""

    path: Path
    index: int
    width: int
    height: int
    deep: bool
    lossy: bool

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height


@dataclass(frozen=True, eq=False)
class Pixels:
    """A decoded page: grey of shape (rows, columns), uint8, or uint16 or float32 where deep; coloured share 0-1."""

    grey: NDArray[Any]
    coloured: float


def probe(path: Path, *, max_side: int = MAX_SIDE) -> tuple[Page, ...]:
    """The pages of a PNG, JPEG or TIFF file, without decoding pixels.

    Raises E_BOMB for a side over ``max_side`` or too many pages, E_TRUNCATED where the file's end is missing,
    E_FORMAT where the header is damaged.
    """
    _check_end(path)
    pages: list[Page] = []
    with decoding(path, "an image"), _open(path, max_side) as image:
        for index in range(_page_count(image, path)):
            _seek(image, index, path, max_side)
            _check_strips(image, path)
            deep, lossy = image.mode in _DEEP_MODES, _is_lossy(image)
            pages.append(Page(path, index, image.width, image.height, deep, lossy))
    return tuple(pages)


def decode(pages: Sequence[Page]) -> tuple[Pixels, ...]:
    """Decode pages, opening every file once; the result is in the order of ``pages``.

    Alpha is laid on black, palettes and CMYK become RGB, EXIF orientation is applied. Raises E_TRUNCATED, E_FORMAT,
    or E_NAN for float pages with values that are not finite.
    """
    done: dict[tuple[Path, int], Pixels] = {}
    for path in dict.fromkeys(page.path for page in pages):
        wanted = [page for page in pages if page.path == path]
        with decoding(path, "an image"), _open(path, max(max(page.size) for page in wanted)) as image:
            for page in wanted:
                _seek(image, page.index, path, max(page.size))
                _load(image, path)
                done[path, page.index] = _pixels(image, path)
    return tuple(done[page.path, page.index] for page in pages)


def _open(path: Path, max_side: int) -> Image.Image:
    try:
        image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as fault:
        raise _too_wide(path, max_side) from fault
    if max(image.size) > max_side:
        image.close()
        raise _too_wide(path, max_side)
    return image


def _seek(image: Image.Image, index: int, path: Path, max_side: int) -> None:
    if index != image.tell():
        try:
            image.seek(index)
        except Image.DecompressionBombError as fault:
            raise _too_wide(path, max_side) from fault
        except EOFError as fault:
            raise cut_short(path) from fault
    if max(image.size) > max_side:
        raise _too_wide(path, max_side)


def _too_wide(path: Path, max_side: int) -> SteatoscopeError:
    return too_large(path, f"It has more than {max_side} pixels a side.")


def _page_count(image: Image.Image, path: Path) -> int:
    if image.format != "TIFF":
        return 1
    count = int(getattr(image, "n_frames", 1))
    if count > MAX_PAGES:
        raise too_large(path, f"It has more than {MAX_PAGES} pages.")
    return count


def _is_lossy(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO") or image.info.get("compression") in ("jpeg", "tiff_jpeg")


def _load(image: Image.Image, path: Path) -> None:
    try:
        image.load()
    except OSError as fault:
        if any(word in str(fault).lower() for word in _TRUNCATED_WORDS):
            raise cut_short(path) from fault
        raise


def _pixels(image: Image.Image, path: Path) -> Pixels:
    turned = ImageOps.exif_transpose(image)
    if turned.mode in _DEEP_MODES:
        return Pixels(_deep(np.asarray(turned), path), 0.0)
    if turned.mode in ("1", "L"):
        return Pixels(np.array(turned.convert("L"), dtype=np.uint8), 0.0)
    rgb = np.asarray(_on_black(turned), dtype=np.uint8)
    return Pixels(to_grey(rgb), coloured_share(rgb))


def _deep(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.dtype.kind == "f":
        check_finite(values, path)
        return values.astype(np.float32)
    if values.size and values.min() >= 0 and values.max() <= np.iinfo(np.uint16).max:
        return values.astype(np.uint16)
    return values.astype(np.float32)


def _on_black(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer).convert("RGB")


def _check_strips(image: Image.Image, path: Path) -> None:
    """Require that the strips or tiles of a TIFF page lie within the file."""
    tags = getattr(image, "tag_v2", {})
    for offsets, counts in ((273, 279), (324, 325)):
        ends = [int(a) + int(b) for a, b in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)]
        if ends and max(ends) > path.stat().st_size:
            raise cut_short(path)


def _check_end(path: Path) -> None:
    """Require what a cut file lacks: PNG's IEND, JPEG's EOI after the last scan, TIFF's directory."""
    with path.open("rb") as stream:
        head = stream.read(8)
        tail = _tail(stream, 1 << 16) if head.startswith(b"\x89PNG") else b""
        if tail and b"IEND" not in tail:
            raise cut_short(path)
        if head[:4] in (b"II*\x00", b"MM\x00*"):
            _check_directory(stream, "<" if head[:1] == b"I" else ">", path)
        if head.startswith(b"\xff\xd8\xff"):
            stream.seek(0)
            data = stream.read()
            if data.rfind(b"\xff\xd9") <= data.rfind(b"\xff\xda"):
                raise cut_short(path)


def _check_directory(stream: IO[bytes], order: str, path: Path) -> None:
    """Require that a TIFF's first directory, and the values that it points at, lie within the file."""
    size = stream.seek(0, 2)
    stream.seek(4)
    place = int(struct.unpack(f"{order}I", stream.read(4).ljust(4, b"\xff"))[0])
    stream.seek(min(place, size))
    count = int(struct.unpack(f"{order}H", stream.read(2).ljust(2, b"\xff"))[0])
    entries = stream.read(12 * count)
    if place + 2 > size or len(entries) < 12 * count:
        raise cut_short(path)
    for _, kind, number, start in struct.iter_unpack(f"{order}HHII", entries):
        length = number * _TIFF_BYTES.get(kind, 1)
        if length > 4 and start + length > size:
            raise cut_short(path)


def _tail(stream: Any, count: int) -> bytes:
    size = stream.seek(0, 2)
    stream.seek(max(0, size - count))
    return bytes(stream.read())
