"""Phantoms as DICOM: CT Image Storage, MR Image Storage with its complex parts, and ultrasound with its regions.

Everything is derived from the phantom: the same phantom gives the same identifiers and the same bytes. The patient is
marked as simulated, aged 50.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Clip, USFacts
from steatoscope.imaging.io.simulated import MAKER, REMARK
from steatoscope.imaging.io.write import atomic_write
from steatoscope.imaging.phantoms.ct import CTPhantom
from steatoscope.imaging.phantoms.mr import MRPhantom

Parts = Literal["real_imaginary", "magnitude_phase", "magnitude"]

_DATE: Final = "20200101"
_CENTIMETRES: Final = 3
_PHASE_LEVELS: Final = 4096


def write_ct_series(phantom: CTPhantom, folder: Path, *, slope: float = 1.0, intercept: float = -1024.0) -> list[Path]:
    """Write a CT as one DICOM file a slice, 16 bits, with a rescale slope and intercept in every slice."""
    facts, truth = phantom.facts, phantom.truth
    written = []
    for index, plane in enumerate(phantom.volume.data):
        data = _header(CTImageStorage, "CT", truth, "ct", index)
        _place(data, phantom.volume.geometry, index, facts.slice_thickness_mm)
        data.ImageType = ["DERIVED", *facts.image_type[1:]]
        data.SeriesDescription = facts.series_text
        data.KVP = _decimal(facts.kvp)
        data.ConvolutionKernel = facts.kernel
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = _decimal(slope), _decimal(intercept), "HU"
        if facts.contrast_agent:
            data.ContrastBolusAgent = facts.contrast_agent
            data.ContrastBolusRoute = facts.contrast_route or ""
        _grey(data, np.rint((plane.astype(np.float64) - intercept) / slope).astype(np.int16))
        written.append(_save(data, folder / f"slice-{index + 1:03d}.dcm"))
    return written


def write_mr_series(phantom: MRPhantom, folder: Path, *, parts: Parts = "real_imaginary") -> list[Path]:
    """Write a multi-echo MR as one DICOM file a slice, echo and part, one series a part; magnitude trains as such.

    Real, imaginary and magnitude are scaled to 16 bits; phase to 12 bits over [-4096, 4094] (one turn in 8192).
    """
    train = phantom.train
    chosen: Parts = "magnitude" if train.kind == "magnitude" else parts
    written = []
    for number, (code, values) in enumerate(_parts(train.data, chosen)):
        slope, intercept, stored = _stored(code, values)
        for echo, time_s in enumerate(train.echo_times_s):
            for index, plane in enumerate(stored[echo]):
                data = _header(MRImageStorage, "MR", phantom.truth, f"mr-{code}", echo * stored.shape[1] + index)
                _place(data, train.geometry, index, None)
                _mr_facts(data, phantom, code, number + 1)
                data.EchoTime, data.EchoNumbers = _decimal(float(time_s) * 1e3), echo + 1
                data.RescaleSlope, data.RescaleIntercept = _decimal(slope), _decimal(intercept)
                data.RescaleType = "US"
                _grey(data, plane, bits=12 if code == "P" else 16)
                written.append(_save(data, folder / f"{code}-echo-{echo + 1:02d}-slice-{index + 1:03d}.dcm"))
    return written


def write_us_file(clip: Clip, facts: USFacts, truth: Mapping[str, Any], path: Path) -> list[Path]:
    """Write B-mode frames as one ultrasound DICOM, multi-frame where there are several, with its tissue region."""
    frames, rows, columns = clip.frames.shape
    kind = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    data = _header(kind, "US", truth, "us", 0)
    data.ImageType = ["DERIVED", "PRIMARY", "ABDOMINAL", "0001"]
    data.ManufacturerModelName = facts.model_name or "simulator"
    if facts.depth_mm is not None:
        data.DepthOfScanField = round(facts.depth_mm)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = rows, columns
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"
    if frames > 1:
        data.NumberOfFrames = frames
        data.FrameTime = _decimal(clip.frame_time_ms or 40.0)
        data.FrameIncrementPointer = 0x00181063
    if clip.pixel_mm is not None:
        data.SequenceOfUltrasoundRegions = [_region(clip, clip.pixel_mm, facts)]
    content = clip.frames.tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    return [_save(data, path)]


def _region(clip: Clip, pixel_mm: tuple[float, float], facts: USFacts) -> Dataset:
    _, rows, columns = clip.frames.shape
    x0, y0, x1, y1 = clip.region or (0, 0, columns, rows)
    region = Dataset()
    region.RegionSpatialFormat = 1
    region.RegionDataType = 1
    region.RegionFlags = 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = x0, y0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = x1 - 1, y1 - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = _CENTIMETRES
    region.PhysicalDeltaX, region.PhysicalDeltaY = pixel_mm[1] / 10.0, pixel_mm[0] / 10.0
    if facts.transducer_frequency_mhz is not None:
        region.TransducerFrequency = round(facts.transducer_frequency_mhz * 1000.0)
    return region


def _parts(data: NDArray[Any], parts: Parts) -> Iterator[tuple[str, NDArray[np.float32]]]:
    if parts == "real_imaginary":
        yield "R", data.real
        yield "I", data.imag
        return
    yield "M", np.abs(data)
    if parts == "magnitude_phase":
        yield "P", np.angle(data)


def _stored(code: str, values: NDArray[np.float32]) -> tuple[float, float, NDArray[Any]]:
    """Slope, intercept and stored integers of one part; phase wraps within one turn of unsigned 12 bits."""
    if code == "P":
        turned = np.rint((values + np.pi) / (2.0 * np.pi) * _PHASE_LEVELS).astype(np.int64) % _PHASE_LEVELS
        return 2.0, -float(_PHASE_LEVELS), turned.astype(np.uint16)
    slope = float(f"{max(float(np.abs(values).max()), 1e-9) / 32000.0:.9g}")
    return slope, 0.0, np.rint(values / slope).astype(np.int16)


def _mr_facts(data: Dataset, phantom: MRPhantom, code: str, number: int) -> None:
    facts = phantom.facts
    data.ImageType = ["DERIVED", "PRIMARY", code, "FFE"]
    data.SeriesDescription = facts.series_text or "Multi-echo gradient echo"
    data.SeriesNumber = number
    data.ScanningSequence, data.SequenceVariant, data.ScanOptions, data.MRAcquisitionType = "GR", "SP", "", "3D"
    data.MagneticFieldStrength = _decimal(phantom.train.field_strength_t)
    if facts.repetition_time_ms is not None:
        data.RepetitionTime = _decimal(facts.repetition_time_ms)
    if facts.flip_angle_deg is not None:
        data.FlipAngle = _decimal(facts.flip_angle_deg)


def _header(sop_class: str, modality: str, truth: Mapping[str, Any], series: str, index: int) -> Dataset:
    """Patient, study, series and equipment of a simulated image; identifiers come from the truth."""
    key = json.dumps(dict(truth), sort_keys=True, default=str)
    data = Dataset()
    data.SOPClassUID = sop_class
    data.SOPInstanceUID = _uid(key, series, "instance", str(index))
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(key, "study"), _uid(key, series)
    data.FrameOfReferenceUID = _uid(key, "frame of reference")
    data.Modality, data.Manufacturer = modality, MAKER
    data.PatientName, data.PatientID = "Phantom^Simulated", f"PHANTOM-{truth.get('seed', 0)}"
    data.PatientBirthDate, data.PatientSex, data.PatientAge = "", "O", "050Y"
    data.StudyDate = data.SeriesDate = data.ContentDate = _DATE
    data.StudyTime = data.ContentTime = "120000"
    data.AccessionNumber = data.ReferringPhysicianName = data.StudyID = ""
    data.SeriesNumber, data.InstanceNumber = 1, index + 1
    data.BodyPartExamined, data.ImageComments = "ABDOMEN", REMARK
    return data


def _place(data: Dataset, geometry: Geometry, index: int, thickness_mm: float | None) -> None:
    slice_mm, row_mm, column_mm = geometry.spacing
    columns, rows = geometry.affine[:3, 0] / column_mm, geometry.affine[:3, 1] / row_mm
    origin = geometry.affine @ np.array([0.0, 0.0, float(index), 1.0])
    data.PatientPosition, data.PositionReferenceIndicator = "HFS", ""
    data.ImageOrientationPatient = [_decimal(float(value)) for value in (*columns, *rows)]
    data.ImagePositionPatient = [_decimal(float(value)) for value in origin[:3]]
    data.PixelSpacing = [_decimal(row_mm), _decimal(column_mm)]
    data.SliceThickness = _decimal(thickness_mm or slice_mm)
    data.SpacingBetweenSlices = _decimal(slice_mm)


def _grey(data: Dataset, pixels: NDArray[Any], bits: int = 16) -> None:
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, bits, bits - 1
    data.PixelRepresentation = 1 if pixels.dtype == np.int16 else 0
    data.PixelData = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes()


def _uid(*parts: str) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(('steatoscope', *parts))).int}"


def _decimal(value: float | None) -> str | None:
    """A number as DICOM's decimal string of at most 16 characters."""
    return None if value is None else f"{value:.9g}"


def _save(data: Dataset, path: Path) -> Path:
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    atomic_write(path, buffer.getvalue())
    return path
