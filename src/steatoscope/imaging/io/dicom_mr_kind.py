"""What an MR plane shows (signal, fat-fraction map, water, fat, R2*), and the acquisition facts of its series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydicom.dataset import Dataset

from steatoscope.core.image import MRFacts
from steatoscope.imaging.io.dicom_ct import series_text
from steatoscope.imaging.io.dicom_enhanced import deep
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_tags import positive, text, texts

Kind = Literal["signal", "pdff", "r2star", "t2star", "water", "fat", "in", "opposed"]
PROTON_MHZ_PER_T = 42.577478518
HIGHEST_T = 20.0
GAUSS_PER_T = 10_000.0
LONGEST_GRE_MS = 40.0

NAMES: dict[str, Kind] = {
    "FAT_FRACTION": "pdff",
    "FATFRACTION": "pdff",
    "FAT_FRAC": "pdff",
    "FATFRAC": "pdff",
    "FAT_FRACTION_MAP": "pdff",
    "PDFF": "pdff",
    "FF": "pdff",
    "R2_STAR": "r2star",
    "R2_STAR_MAP": "r2star",
    "R2STAR": "r2star",
    "R2*": "r2star",
    "T2_STAR": "t2star",
    "T2_STAR_MAP": "t2star",
    "T2*": "t2star",
    "WATER": "water",
    "W": "water",
    "FAT": "fat",
    "F": "fat",
    "IN_PHASE": "in",
    "IP": "in",
    "OUT_PHASE": "opposed",
    "OPP_PHASE": "opposed",
    "OPPOSED_PHASE": "opposed",
    "OP": "opposed",
}
WORDS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"pdff|fat[\s_-]*frac|(?<![a-z])ff(?![a-z])", re.IGNORECASE), "pdff"),
    (re.compile(r"r2[\s_]*(\*|star)", re.IGNORECASE), "r2star"),
    (re.compile(r"t2[\s_]*(\*|star)[\s_]*map", re.IGNORECASE), "t2star"),
)
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"


def stated_kind(plane: Plane) -> Kind | None:
    """What the image type says that the plane shows, None where it says nothing."""
    return next((NAMES[part] for part in plane.image_type[2:] if part in NAMES), None)


def kind_of(plane: Plane, echoes_in_series: int) -> Kind:
    """What the plane shows; the series text is believed for maps only, which have one echo time at most."""
    stated = stated_kind(plane)
    if stated is not None:
        return stated
    written = " ".join(text(plane.header, name) or "" for name in ("SeriesDescription", "ContentLabel"))
    raw = plane.image_type[:1] == ("ORIGINAL",) and plane.component != "M"
    if echoes_in_series <= 1 and not raw:
        return next((kind for pattern, kind in WORDS if pattern.search(written)), "signal")
    return "signal"


def is_gradient_echo(planes: Sequence[Plane]) -> bool:
    """Whether an echo train may come from a gradient echo sequence: not marked spin echo, first echo early."""
    sequences = {part for plane in planes[:1] for part in texts(plane.header, "ScanningSequence")}
    times = [plane.echo_ms for plane in planes if plane.echo_ms is not None]
    return ("GR" in sequences or "SE" not in sequences) and (not times or min(times) < LONGEST_GRE_MS)


def field_strength_t(header: Dataset) -> float | None:
    """Field strength in tesla; values above 20 are gauss; from the imaging frequency where the field is not stated."""
    stated = positive(deep(header, "MagneticFieldStrength"), "MagneticFieldStrength")
    if stated is not None:
        field = stated / GAUSS_PER_T if stated > HIGHEST_T else stated
        return field if field <= HIGHEST_T else None
    for name in ("ImagingFrequency", "TransmitterFrequency"):
        frequency = positive(deep(header, name), name)
        if frequency is not None and frequency / PROTON_MHZ_PER_T <= HIGHEST_T:
            return frequency / PROTON_MHZ_PER_T
    return None


def mr_facts(plane: Plane) -> MRFacts:
    """Acquisition facts of the series that a plane stands for."""
    header = plane.header
    return MRFacts(
        repetition_time_ms=positive(deep(header, "RepetitionTime"), "RepetitionTime"),
        flip_angle_deg=positive(deep(header, "FlipAngle"), "FlipAngle"),
        series_text=series_text(header),
        field_strength_t=field_strength_t(header),
        manufacturer=text(header, "Manufacturer"),
        model_name=text(header, "ManufacturerModelName"),
    )
