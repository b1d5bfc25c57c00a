"""CT series to Hounsfield units, with the facts that the contrast and kVp gates need."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTFacts, CTScan, Volume
from steatoscope.imaging.io.dicom_enhanced import deep
from steatoscope.imaging.io.dicom_geometry import Stack
from steatoscope.imaging.io.dicom_pixels import Array
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_tags import Key, first, number, positive, text, value
from steatoscope.imaging.io.dicom_voxels import rescaled, voxels
from steatoscope.imaging.io.options import ReadOptions

AIR_HU = -1024.0
LOST_SHARE = 0.999
# A study titled "with contrast" holds its native series too: only the series speaks for itself.
SERIES_TEXTS = ("SeriesDescription", "ProtocolName")


def read_ct(stack: Stack, options: ReadOptions) -> CTScan:
    """Decode a stack to HU; padding and everything below -1024 HU becomes -1024.

    Raises ``E_SCALE`` where the header gives no way to HU, and the codes of decoding.
    """
    _check_scale(stack)
    data = voxels(stack.planes, hounsfield, options)
    if float(np.mean(data <= AIR_HU)) > LOST_SHARE:
        cause = "Nearly all values lie below -1024 HU: the rescale values cannot be right."
        raise SteatoscopeError("E_SCALE", path=str(stack.lead.file.path), message=SCALE_MESSAGE, cause=cause)
    return CTScan(Volume(data, stack.geometry, "HU"), ct_facts(stack.lead, stack.tilt_deg))


SCALE_MESSAGE = "The scale of the CT values is unclear."


def _check_scale(stack: Stack) -> None:
    """Unsigned pixels without a rescale intercept cannot hold air, so they are not HU."""
    for plane in stack.planes:
        if not plane.rescale.given and not plane.layout.signed and not plane.layout.floating:
            cause = "RescaleSlope and RescaleIntercept are missing."
            raise SteatoscopeError("E_SCALE", path=str(plane.file.path), message=SCALE_MESSAGE, cause=cause)


def hounsfield(frame: Array, plane: Plane) -> Array:
    """HU of one stored frame, with the slope and intercept of its own slice."""
    values = np.maximum(rescaled(frame, plane), AIR_HU)
    padding = padding_range(plane)
    if padding is not None and frame.dtype.kind in "iu":
        stored = frame.astype(np.int64)
        values[(stored >= padding[0]) & (stored <= padding[1])] = AIR_HU
    return values


def padding_range(plane: Plane) -> tuple[int, int] | None:
    """Lowest and highest stored value that mean padding (PixelPaddingValue and PixelPaddingRangeLimit)."""
    edges = [_stored(plane, name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    known = [edge for edge in edges if edge is not None]
    if edges[0] is None:
        return None
    return min(known), max(known)


def _stored(plane: Plane, name: str) -> int | None:
    """A padding value as signed or unsigned as the pixels are; its VR in the file is often the other one."""
    found = value(plane.header, name)
    if isinstance(found, bytes):
        found = int.from_bytes(found[:2], "little") if len(found) >= 2 else None
    if not isinstance(found, int):
        return None
    size = 1 << plane.layout.bits_allocated
    found %= size
    return found - size if plane.layout.signed and found >= size // 2 else found


def ct_facts(plane: Plane, tilt_deg: float = 0.0) -> CTFacts:
    """Acquisition facts of the series that a plane stands for."""
    header = plane.header
    return CTFacts(
        kvp=_number(header, "KVP"),
        contrast_agent=_contrast(header, "ContrastBolusAgent", "ContrastBolusAgentSequence"),
        contrast_route=_contrast(header, "ContrastBolusRoute", "ContrastBolusAdministrationRouteSequence"),
        series_text=series_text(header),
        kernel=_text(header, "ConvolutionKernel"),
        slice_thickness_mm=_number(header, "SliceThickness"),
        gantry_tilt_deg=_tilt(header, tilt_deg),
        image_type=plane.image_type,
        manufacturer=_text(header, "Manufacturer"),
        model_name=_text(header, "ManufacturerModelName"),
    )


def series_text(header: Dataset) -> str:
    """Series, protocol and study description in one text."""
    return " ".join(part for part in (text(header, name) for name in SERIES_TEXTS) if part)


def _tilt(header: Dataset, measured_deg: float) -> float | None:
    stated = number(header, "GantryDetectorTilt")
    return stated if stated else measured_deg or stated


def _number(header: Dataset, keyword: Key) -> float | None:
    return positive(deep(header, str(keyword)), keyword)


def _text(header: Dataset, keyword: str) -> str | None:
    return text(deep(header, keyword), keyword)


def _contrast(header: Dataset, keyword: str, sequence: str) -> str | None:
    plain = _text(header, keyword)
    if plain:
        return plain
    item = first(header, sequence)
    if item is None:
        item = next((i for i in [first(header, "ContrastBolusAgentSequence")] if i is not None), None)
        item = None if item is None else first(item, sequence)
    return None if item is None else text(item, "CodeMeaning")
