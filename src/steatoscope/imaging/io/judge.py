"""What can be told of an uploaded file at once, in bounded memory: whether it is a readable image, whole, in size."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Modality
from steatoscope.imaging.io.decoding import cut_short, too_large
from steatoscope.imaging.io.dicom_head import DicomHead, read_head
from steatoscope.imaging.io.dicom_layout import layout
from steatoscope.imaging.io.dicom_sort import is_no_image, modality_of
from steatoscope.imaging.io.dicom_voxels import MIN_SIDE
from steatoscope.imaging.io.frames import MIN_SIDE_US
from steatoscope.imaging.io.nifti import judge_nifti
from steatoscope.imaging.io.options import MAX_BYTES, MAX_SIDE
from steatoscope.imaging.io.raster import Page, decode, probe
from steatoscope.imaging.io.sniff import CLIPS, RASTERS, Kind, sniff

MAX_SIDECAR: Final = 1 << 20
_MAX_RASTER_BYTES: Final = 256 * 1024**2
_DECODED_PIXELS: Final = 32_000_000


@dataclass(frozen=True, eq=False)
class Judged:
    """One readable file: its kind, the modality that it states, its smaller side in pixels, its DICOM header."""

    kind: Kind
    modality: Modality | None = None
    side: int | None = None
    head: DicomHead | None = None


def judge_file(path: Path, wanted: Modality | None = None) -> Judged:
    """Judge one image file; a zip only by its kind.

    Raises E_EMPTY, E_FORMAT, E_TRUNCATED, E_NOPIXELS, E_BOMB; E_SIZE is the study's question (:func:`too_small`).
    """
    kind = sniff(path)
    if kind == "empty":
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The file has no bytes.")
    if kind == "unknown":
        raise SteatoscopeError("E_FORMAT", path=str(path))
    if kind == "dicom":
        return _dicom(path, wanted)
    if kind in RASTERS:
        return Judged(kind, wanted or "US", _raster(path))
    if kind in CLIPS:
        _check_container(path, kind)
        return Judged(kind, "US")
    if kind == "nifti":
        return Judged(kind, wanted, judge_nifti(path))
    return Judged(kind, "MR" if kind == "mat" else None)


def too_small(judged: Judged, wanted: Modality | None) -> bool:
    """Whether an image has fewer pixels a side than its modality needs."""
    least = MIN_SIDE_US if (wanted or judged.modality) == "US" else MIN_SIDE
    return judged.side is not None and judged.side < least


def is_sidecar(path: Path) -> bool:
    """Whether a file is a JSON object of reasonable size: what stands beside NIfTI images."""
    if path.stat().st_size > MAX_SIDECAR:
        return False
    try:
        return isinstance(json.loads(path.read_bytes().decode("utf-8")), dict)
    except (ValueError, RecursionError):
        return False


def _dicom(path: Path, wanted: Modality | None) -> Judged:
    head = read_head(path)
    if is_no_image(head.file):
        raise SteatoscopeError("E_NOPIXELS", path=str(path))
    shape = layout(head.file, MAX_SIDE, MAX_BYTES)
    return Judged("dicom", modality_of(head.file, wanted), min(shape.rows, shape.columns), head)


def _raster(path: Path) -> int:
    if path.stat().st_size > _MAX_RASTER_BYTES:
        raise too_large(path, "The picture file has more than 256 MiB.")
    pages = probe(path)
    decode(_affordable(pages))
    return min(min(page.size) for page in pages)


def _affordable(pages: tuple[Page, ...]) -> list[Page]:
    """The first pages up to a bound on the work: enough to tell damage from a picture."""
    chosen, pixels = [pages[0]], pages[0].width * pages[0].height
    for page in pages[1:]:
        pixels += page.width * page.height
        if pixels > _DECODED_PIXELS:
            break
        chosen.append(page)
    return chosen


def _check_container(path: Path, kind: Kind) -> None:
    """Require that the boxes of an MP4, or the RIFF chunk of an AVI, lie within the file."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if kind == "avi":
            if int(struct.unpack("<I", stream.read(8)[4:8])[0]) + 8 > size + 1:
                raise cut_short(path)
            return
        place, names = 0, set[bytes]()
        while place + 8 <= size and len(names) < 1000:
            stream.seek(place)
            length, name = struct.unpack(">I4s", stream.read(8))
            if length == 1:
                length = int(struct.unpack(">Q", stream.read(8).ljust(8, b"\0"))[0])
            names.add(name)
            if length != 0 and length < 8:
                break
            place = size if length == 0 else place + length
    if b"moov" not in names or place > size:
        raise cut_short(path)
