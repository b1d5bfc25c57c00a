"""Raster files as one acquisition: ultrasound frames, or eight-bit CT and MR slices where these are allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Clip, CTScan, Modality, MRScan, Scan, Study, USFacts, USScan, USView, Volume
from steatoscope.imaging.io.decoding import too_large
from steatoscope.imaging.io.depth import to_eight_bits
from steatoscope.imaging.io.hashing import input_file, sha256_file
from steatoscope.imaging.io.names import natural_key
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.raster import Page, Pixels, decode, probe
from steatoscope.imaging.io.sniff import sniff

MIN_SIDE_US: Final = 128
MIN_SIDE_SLICE: Final = 32
_MASK_LEVELS: Final = 8
_NO_HU = "A raster image has no rescale values, so its grey levels are not Hounsfield units."


def read_frames(files: Sequence[Path], options: ReadOptions, *, named: frozenset[Path] = frozenset()) -> Study:
    """Read PNG, JPEG and TIFF files as the frames or slices of one acquisition, in natural order of their names.

    All frames get one size: the most frequent one, the others are left out and listed as ignored. Images with at
    most eight grey levels beside real ones are masks and left out too, unless the caller named them (``named``).
    Raises E_SIZE, E_BOMB, E_DEPTH (CT and MR without ``allow_eight_bit``), E_TRUNCATED, E_FORMAT, E_NAN.
    """
    pages = [page for file in sorted(files, key=natural_key) for page in probe(file, max_side=options.max_side)]
    chosen = _of_one_size(pages)
    _check_limits(chosen, options)
    if options.modality in ("CT", "MR"):
        _check_depth(chosen, options)
    kept, pixels = _without_masks(chosen, decode(chosen), named)
    scan, notes = _scan(kept, pixels, options)
    used = list(dict.fromkeys(page.path for page in kept))
    left_out = [file for file in files if file not in used]
    source = {"ignored": [str(file) for file in left_out], "frame_sha256": [sha256_file(file) for file in used]}
    return Study(scan, (input_file(used, _kind(used, options), len(kept)),), notes=notes, source=source)


def _kind(used: Sequence[Path], options: ReadOptions) -> str:
    what = "slices" if options.modality in ("CT", "MR") else "frames"
    kinds = {sniff(file) for file in used}
    return f"{kinds.pop() if len(kinds) == 1 else 'raster'}-{what}"


def _of_one_size(pages: Sequence[Page]) -> list[Page]:
    counts = Counter(page.size for page in pages)
    size = max(counts, key=lambda size: (counts[size], size[0] * size[1]))
    return [page for page in pages if page.size == size]


def _check_limits(pages: Sequence[Page], options: ReadOptions) -> None:
    first = pages[0]
    least = MIN_SIDE_SLICE if options.modality in ("CT", "MR") else MIN_SIDE_US
    if min(first.size) < least:
        cause = f"It has {first.width} x {first.height} pixels; at least {least} a side are needed."
        raise SteatoscopeError("E_SIZE", path=str(first.path), cause=cause)
    each = 4 if options.modality in ("CT", "MR") or any(page.deep for page in pages) else 1
    if each * sum(page.width * page.height for page in pages) > options.max_bytes:
        raise too_large(first.path, "The frames together exceed the memory limit.")


def _without_masks(
    pages: Sequence[Page], pixels: Sequence[Pixels], named: frozenset[Path]
) -> tuple[list[Page], list[Pixels]]:
    pairs = list(zip(pages, pixels, strict=True))
    real = [(page, one) for page, one in pairs if page.path in named or not _is_flat(one)]
    return [page for page, _ in real or pairs], [one for _, one in real or pairs]


def _is_flat(pixels: Pixels) -> bool:
    return np.unique(pixels.grey).size <= _MASK_LEVELS


def _check_depth(pages: Sequence[Page], options: ReadOptions) -> None:
    if options.allow_eight_bit:
        return
    first = pages[0]
    if not all(page.deep for page in pages):
        raise SteatoscopeError("E_DEPTH", path=str(first.path))
    if options.modality == "CT":
        raise SteatoscopeError("E_DEPTH", path=str(first.path), message="The CT has no Hounsfield units.", cause=_NO_HU)


def _scan(
    pages: Sequence[Page], pixels: Sequence[Pixels], options: ReadOptions
) -> tuple[Scan, tuple[QualityCode, ...]]:
    lossy = any(page.lossy for page in pages)
    notes = (warning("W_LOSSY", "JPEG coding."),) if lossy else ()
    build = _BUILDERS[options.modality or "US"]
    return build(_same_shape(pages, pixels), lossy), notes


def _same_shape(pages: Sequence[Page], pixels: Sequence[Pixels]) -> Sequence[Pixels]:
    """EXIF orientation may turn some frames of one stored size and not others."""
    shapes = {one.grey.shape for one in pixels}
    if len(shapes) > 1:
        cause = "The frames have one stored size but differing orientation tags."
        raise SteatoscopeError("E_FORMAT", path=str(pages[0].path), cause=cause)
    return pixels


def _ultrasound(pixels: Sequence[Pixels], lossy: bool) -> Scan:
    coloured = np.array([one.coloured for one in pixels], dtype=np.float64)
    clip = Clip(to_eight_bits([one.grey for one in pixels]), coloured=coloured)
    return USScan((USView(None, clip, USFacts(lossy=lossy)),))


def _volume(pixels: Sequence[Pixels]) -> Volume:
    data = np.stack([one.grey for one in pixels]).astype(np.float32)
    return Volume(data, Geometry.from_spacing((1.0, 1.0, 1.0), known=False), "au")


def _ct(pixels: Sequence[Pixels], lossy: bool) -> Scan:
    return CTScan(_volume(pixels))


def _mr(pixels: Sequence[Pixels], lossy: bool) -> Scan:
    return MRScan(_volume(pixels))


_BUILDERS: Final[dict[Modality, Callable[[Sequence[Pixels], bool], Scan]]] = {
    "US": _ultrasound,
    "CT": _ct,
    "MR": _mr,
}
