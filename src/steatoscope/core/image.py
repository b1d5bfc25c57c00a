"""Values that carry pixels with geometry, units and acquisition facts.

Arrays are ordered (slice, row, column), frames (frame, row, column), echoes (echo, slice, row, column). Values are
never changed in place: a stage takes one and returns a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode
from steatoscope.core.geometry import Geometry

Modality = Literal["US", "CT", "MR"]
Unit = Literal["HU", "percent", "1/s", "au"]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Volume:
    """Scalar voxels of shape (slices, rows, columns), float32, in ``unit``."""

    data: Floats
    geometry: Geometry
    unit: Unit

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise ValueError(f"a volume has three axes, not {self.data.ndim}")


@dataclass(frozen=True, eq=False)
class EchoTrain:
    """Multi-echo MR signal of shape (echoes, slices, rows, columns), echoes in rising order of time.

    ``data`` is complex64 where ``kind`` is "complex", float32 where it is "magnitude". ``echo_times_s`` is in seconds,
    ``field_strength_t`` in tesla. ``precession`` is +1 for the convention of ``exp(+i 2 pi psi t)`` with fat at
    negative frequency, -1 for its conjugate, None where the file does not say.
    """

    data: NDArray[np.complex64] | Floats
    echo_times_s: NDArray[np.float64]
    field_strength_t: float
    geometry: Geometry
    kind: Literal["complex", "magnitude"]
    precession: Literal[-1, 1] | None = None

    def __post_init__(self) -> None:
        if self.data.ndim != 4 or self.data.shape[0] != self.echo_times_s.size:
            raise ValueError("echoes must have shape (echo, slice, row, column) with one time an echo")


@dataclass(frozen=True, eq=False)
class Clip:
    """B-mode frames of shape (frames, rows, columns), uint8 grey.

    ``pixel_mm`` is the pixel size (row, column) in mm, None where unknown. ``coloured`` gives per frame the share of
    pixels that carry colour (Doppler or annotation). ``region`` is the scanner's own 2-D tissue region (x0, y0, x1, y1)
    in pixels, where the header names one.
    """

    frames: NDArray[np.uint8]
    pixel_mm: tuple[float, float] | None = None
    coloured: NDArray[np.float64] | None = None
    region: tuple[int, int, int, int] | None = None
    frame_time_ms: float | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim != 3:
            raise ValueError(f"a clip has three axes, not {self.frames.ndim}")


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What the files say about the patient, for gates only: never written to a report in pseudonym mode."""

    patient_id: str | None = None
    age_years: float | None = None
    sex: Literal["F", "M", "O"] | None = None
    study_date: str | None = None


@dataclass(frozen=True, slots=True)
class CTFacts:
    """Acquisition facts of a CT series; None means that the header is silent."""

    kvp: float | None = None
    contrast_agent: str | None = None
    contrast_route: str | None = None
    series_text: str = ""
    kernel: str | None = None
    slice_thickness_mm: float | None = None
    gantry_tilt_deg: float | None = None
    image_type: tuple[str, ...] = ()
    manufacturer: str | None = None
    model_name: str | None = None


@dataclass(frozen=True, slots=True)
class MRFacts:
    """Acquisition facts of an MR series; None means that the header is silent. Times in ms, angle in degrees."""

    repetition_time_ms: float | None = None
    flip_angle_deg: float | None = None
    series_text: str = ""
    field_strength_t: float | None = None
    manufacturer: str | None = None
    model_name: str | None = None


@dataclass(frozen=True, slots=True)
class USFacts:
    """Acquisition facts of an ultrasound image; None means that the header is silent."""

    manufacturer: str | None = None
    model_name: str | None = None
    transducer_frequency_mhz: float | None = None
    depth_mm: float | None = None
    secondary_capture: bool = False
    lossy: bool = False


@dataclass(frozen=True, slots=True)
class InputFile:
    """One group of input files in the report: a path, its content hash, what it is, and how many frames or slices.

    ``files`` are the hashes of the single files where these are known: a model's training manifest names files.
    """

    path: str
    sha256: str
    kind: str
    frames: int
    view: str | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class USView:
    """One ultrasound view of a patient: a name (``AR``, ``HR``, ...) and its frames."""

    name: str | None
    clip: Clip
    facts: USFacts = field(default_factory=USFacts)


@dataclass(frozen=True, eq=False)
class CTScan:
    """A CT volume in HU with its acquisition facts."""

    volume: Volume
    facts: CTFacts = field(default_factory=CTFacts)
    modality: Literal["CT"] = "CT"


@dataclass(frozen=True, eq=False)
class MRScan:
    """An MR study: a multi-echo train, or a vendor's fat-fraction map in percent, or a plain image.

    ``anatomy`` is a magnitude volume for segmentation and display, always present. Exactly one of ``echoes`` and
    ``pdff`` is set where fat can be measured; both None means a plain MR series.
    """

    anatomy: Volume
    echoes: EchoTrain | None = None
    pdff: Volume | None = None
    r2star: Volume | None = None
    facts: MRFacts = field(default_factory=MRFacts)
    modality: Literal["MR"] = "MR"


@dataclass(frozen=True, eq=False)
class USScan:
    """Ultrasound of one patient: one or more views."""

    views: tuple[USView, ...]
    modality: Literal["US"] = "US"


Scan = CTScan | MRScan | USScan


@dataclass(frozen=True, eq=False)
class Study:
    """One study as read: the scan to measure, where it came from, and what was noticed while reading.

    ``source`` holds reader facts worth keeping in the manifest (chosen series, other series, ignored files).
    """

    scan: Scan
    inputs: tuple[InputFile, ...]
    patient: PatientFacts = field(default_factory=PatientFacts)
    notes: tuple[QualityCode, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
