"""The scanner's own description of an ultrasound image: tissue region, pixel size, frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from steatoscope.core.errors import QualityCode
from steatoscope.core.image import USFacts
from steatoscope.imaging.io.dicom_plane import spacing_of
from steatoscope.imaging.io.dicom_tags import first, integer, items, number, positive, text

TWO_DIMENSIONAL = 1
TISSUE = 1
CENTIMETRES = 3
LOW_PRIORITY = 1
DISAGREEMENT = 0.01
SLOWEST_RATE = 1e-3
PIXEL_LIMITS_MM = (1e-4, 100.0)
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Region:
    """A 2-D tissue region: box (x0, y0, x1, y1) in pixels, end exclusive, and pixel size (row, column) in mm."""

    box: Box
    pixel_mm: tuple[float, float]
    low_priority: bool
    frequency_mhz: float | None

    @property
    def area(self) -> int:
        """Area in pixels."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0)

    def overlaps(self, other: Region) -> bool:
        """Whether two regions share pixels."""
        a, b = self.box, other.box
        return max(a[0], b[0]) < min(a[2], b[2]) and max(a[1], b[1]) < min(a[3], b[3])


def tissue_region(header: Dataset, rows: int, columns: int) -> Region | None:
    """The largest 2-D tissue region in centimetres; of overlapping ones that of high priority. None where none is."""
    found = [_region(item, rows, columns) for item in items(header, "SequenceOfUltrasoundRegions")]
    regions = sorted((r for r in found if r is not None), key=lambda r: r.area, reverse=True)
    if not regions:
        return None
    best = regions[0]
    rivals = [r for r in regions[1:] if r.overlaps(best) and not r.low_priority]
    return rivals[0] if best.low_priority and rivals else best


def _region(item: Dataset, rows: int, columns: int) -> Region | None:
    kind = integer(item, "RegionSpatialFormat"), integer(item, "RegionDataType")
    units = integer(item, "PhysicalUnitsXDirection"), integer(item, "PhysicalUnitsYDirection")
    if kind != (TWO_DIMENSIONAL, TISSUE) or units != (CENTIMETRES, CENTIMETRES):
        return None
    box = _box(item, rows, columns)
    pixel = _size(number(item, "PhysicalDeltaY"), number(item, "PhysicalDeltaX"), 10.0)
    if box is None or pixel is None:
        return None
    flags = integer(item, "RegionFlags") or 0
    return Region(box, pixel, bool(flags & LOW_PRIORITY), _megahertz(item))


def _box(item: Dataset, rows: int, columns: int) -> Box | None:
    names = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    edges = [integer(item, name) for name in names]
    if None in edges:
        return None
    x0, y0, x1, y1 = (int(edge or 0) for edge in edges)
    box = max(x0, 0), max(y0, 0), min(x1 + 1, columns), min(y1 + 1, rows)
    return box if box[2] - box[0] > 1 and box[3] - box[1] > 1 else None


def _size(dy: float | None, dx: float | None, factor: float) -> tuple[float, float] | None:
    if dy is None or dx is None:
        return None
    size = abs(dy) * factor, abs(dx) * factor
    return size if PIXEL_LIMITS_MM[0] <= min(size) and max(size) <= PIXEL_LIMITS_MM[1] else None


def _megahertz(item: Dataset) -> float | None:
    kilohertz = positive(item, "TransducerFrequency")
    return None if kilohertz is None else kilohertz / 1000.0


def pixel_size(header: Dataset, region: Region | None) -> tuple[tuple[float, float] | None, Sequence[QualityCode]]:
    """Pixel size (row, column) in mm from the region, else from PixelSpacing, and a warning where they disagree."""
    shared = first(header, "SharedFunctionalGroupsSequence")
    measures = None if shared is None else first(shared, "PixelMeasuresSequence")
    stated = _stated(header) or (None if measures is None else _stated(measures))
    if region is None:
        return stated, ()
    if stated is None:
        return region.pixel_mm, ()
    apart = max(abs(a - b) / b for a, b in zip(stated, region.pixel_mm, strict=True))
    if apart <= DISAGREEMENT:
        return region.pixel_mm, ()
    words = f"PixelSpacing and the ultrasound region differ by {100 * apart:.1f} %; the region's pixel size is used."
    return region.pixel_mm, (QualityCode("W_SPACING", words),)


def _stated(header: Dataset) -> tuple[float, float] | None:
    found = spacing_of(header)
    return None if found is None else _size(found[0], found[1], 1.0)


def us_facts(header: Dataset, region: Region | None, *, secondary: bool, lossy: bool) -> USFacts:
    """Acquisition facts of an ultrasound image."""
    frequency = None if region is None else region.frequency_mhz
    return USFacts(
        manufacturer=text(header, "Manufacturer"),
        model_name=text(header, "ManufacturerModelName"),
        transducer_frequency_mhz=frequency or _megahertz(header),
        depth_mm=positive(header, "DepthOfScanField"),
        secondary_capture=secondary,
        lossy=lossy,
    )


def frame_time_ms(header: Dataset) -> float | None:
    """Time between frames in ms, from FrameTime, CineRate or the recommended rate."""
    stated = positive(header, "FrameTime")
    if stated is not None:
        return stated
    rate = positive(header, "CineRate") or positive(header, "RecommendedDisplayFrameRate")
    return None if rate is None or rate < SLOWEST_RATE else 1000.0 / rate
