"""Ultrasound images and clips, and secondary captures, to grey frames with their colour share and calibration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.image import Clip, USScan, USView
from steatoscope.imaging.io.dicom_file import DicomFile
from steatoscope.imaging.io.dicom_geometry import SAME_PLACE_MM
from steatoscope.imaging.io.dicom_layout import PixelLayout, is_lossy, layout
from steatoscope.imaging.io.dicom_pixels import Array, frames
from steatoscope.imaging.io.dicom_tags import integer, number, text
from steatoscope.imaging.io.dicom_us_region import frame_time_ms, pixel_size, tissue_region, us_facts
from steatoscope.imaging.io.options import ReadOptions

MIN_SIDE = 128
MIN_BITS = 8
COLOUR_DISTANCE = 20
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, eq=False)
class USImage:
    """One ultrasound file and its checked layout."""

    file: DicomFile
    layout: PixelLayout


def is_secondary_capture(file: DicomFile) -> bool:
    """Whether a file is a Secondary Capture object, single or multi-frame."""
    return file.sop_class == SECONDARY_CAPTURE or file.sop_class.startswith(SECONDARY_CAPTURE + ".")


def us_images(files: Sequence[DicomFile], options: ReadOptions) -> list[USImage]:
    """Files with their layouts, checked before decoding: ``E_SIZE``, ``E_BOMB``, ``E_NOPIXELS``."""
    images = [USImage(file, layout(file, options.max_side, options.max_bytes)) for file in files]
    for image in images:
        shape, path = image.layout, str(image.file.path)
        if min(shape.rows, shape.columns) < MIN_SIDE:
            raise SteatoscopeError("E_SIZE", path=path)
        if shape.floating:
            raise SteatoscopeError("E_FORMAT", path=path, cause="Ultrasound with real-valued pixels is not known.")
        if shape.bits_stored < MIN_BITS:
            raise SteatoscopeError("E_DEPTH", path=path, cause="The ultrasound image has fewer than eight bits.")
    if sum(image.layout.total_bytes for image in images) > options.max_bytes:
        raise SteatoscopeError("E_BOMB", path=str(images[0].file.path.parent))
    return images


def clips(images: Sequence[USImage]) -> list[list[USImage]]:
    """Images by view: each clip alone, single frames of one size, study and calibration together, most frames first."""
    views: dict[Hashable, list[USImage]] = defaultdict(list)
    for image in images:
        shape = image.layout
        single = (shape.rows, shape.columns, text(image.file.header, "StudyInstanceUID"), _calibration(image))
        views[single if shape.frames == 1 else str(image.file.path)].append(image)
    groups = [sorted(view, key=_order) for view in views.values()]
    return sorted(groups, key=lambda g: (-sum(i.layout.frames for i in g), _order(g[0])))


def _calibration(image: USImage) -> Hashable:
    region = tissue_region(image.file.header, image.layout.rows, image.layout.columns)
    size, _ = pixel_size(image.file.header, region)
    return None if size is None else tuple(round(edge / SAME_PLACE_MM) for edge in size)


def _order(image: USImage) -> tuple[float, int, str]:
    header = image.file.header
    return number(header, "SeriesNumber") or 0.0, integer(header, "InstanceNumber") or 0, str(image.file.path)


def read_us(views: Sequence[Sequence[USImage]], options: ReadOptions) -> tuple[USScan, list[QualityCode]]:
    """Decode views to grey clips, and what was noticed."""
    notes: list[QualityCode] = []
    result = []
    for view in views:
        found, remarks = _view(view, options)
        result.append(found)
        notes += [remark for remark in remarks if remark not in notes]
    return USScan(tuple(result)), notes


def _view(images: Sequence[USImage], options: ReadOptions) -> tuple[USView, Sequence[QualityCode]]:
    lead = images[0]
    header, shape = lead.file.header, lead.layout
    region = tissue_region(header, shape.rows, shape.columns)
    pixel_mm, remarks = pixel_size(header, region)
    grey: list[NDArray[np.uint8]] = []
    coloured: list[float] = []
    for image in images:
        for frame, share in _grey_frames(image, options):
            grey.append(frame)
            coloured.append(share)
    box = None if region is None else region.box
    clip = Clip(np.stack(grey), pixel_mm, np.array(coloured, dtype=np.float64), box, frame_time_ms(header))
    secondary = any(is_secondary_capture(image.file) for image in images)
    lossy = any(is_lossy(image.file) for image in images)
    return USView(None, clip, us_facts(header, region, secondary=secondary, lossy=lossy)), remarks


def _grey_frames(image: USImage, options: ReadOptions) -> list[tuple[NDArray[np.uint8], float]]:
    """Grey frames and the share of coloured pixels in each."""
    result = []
    shift: int | None = None
    for frame in frames(image.file, image.layout, options.max_bytes):
        frame = _palette(frame, image) if image.layout.photometric == "PALETTE COLOR" else frame
        if shift is None:
            shift = _shift(frame, image.layout)
        result.append(_to_grey(_eight_bit(frame, shift), inverted=image.layout.photometric == "MONOCHROME1"))
    return result


def _palette(frame: Array, image: USImage) -> Array:
    try:
        return np.asarray(apply_color_lut(frame, image.file.header))[..., :3]
    except Exception as fault:
        raise SteatoscopeError("E_FORMAT", path=str(image.file.path), cause="The colour palette is damaged.") from fault


def _shift(frame: Array, shape: PixelLayout) -> int:
    """How far to move deeper grey values down to eight bits: by the bits that the first frame uses."""
    used = max(int(np.abs(frame.astype(np.int64)).max(initial=0)).bit_length(), 8)
    stored = shape.bits_stored if shape.photometric != "PALETTE COLOR" else frame.dtype.itemsize * 8
    return min(used, max(stored, 8)) - 8


def _eight_bit(frame: Array, shift: int) -> NDArray[np.uint8]:
    if frame.dtype == np.uint8:
        return np.asarray(frame, dtype=np.uint8)
    return np.asarray(np.clip(frame.astype(np.int64) >> shift, 0, 255), dtype=np.uint8)


def _to_grey(frame: NDArray[np.uint8], *, inverted: bool) -> tuple[NDArray[np.uint8], float]:
    if frame.ndim == 2:
        return (255 - frame if inverted else frame), 0.0
    red, green, blue = (frame[..., i].astype(np.int16) for i in range(3))
    coloured = (np.abs(red - green) > COLOUR_DISTANCE) | (np.abs(green - blue) > COLOUR_DISTANCE)
    grey = np.rint(frame.astype(np.float32) @ LUMA).astype(np.uint8)
    return grey, float(coloured.mean())
