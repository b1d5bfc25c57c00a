"""Small DICOM objects made with pydicom for the reader's tests."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence

Array = NDArray[Any]
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
MR_CLASS = "1.2.840.10008.5.1.4.1.1.4"
US_CLASS = "1.2.840.10008.5.1.4.1.1.6.1"
US_MULTI_CLASS = "1.2.840.10008.5.1.4.1.1.3.1"
SC_CLASS = "1.2.840.10008.5.1.4.1.1.7"
ROOT = "1.2.826.0.1.3680043.8.498."


def disk(side: int = 32, low: int = 0, high: int = 1000) -> Array:
    """A bright disk with a ramp, so that flips and shifts show."""
    y, x = np.mgrid[:side, :side]
    inside = (y - side / 2) ** 2 + (x - side / 2) ** 2 < (side / 3) ** 2
    return np.where(inside, high - x, low + y).astype(np.int32)


def base(sop_class: str, modality: str, pixels: Array, syntax: str = uid.ExplicitVRLittleEndian) -> FileDataset:
    """A data set with identity, pixel module and pixels of shape ([frame,] row, column[, 3])."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, ROOT + "1"
    meta.TransferSyntaxUID = syntax
    little = syntax != uid.ExplicitVRBigEndian
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False, is_little_endian=little)
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = sop_class, ROOT + "1", modality
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = ROOT + "2", ROOT + "3", ROOT + "4"
    ds.PatientID, ds.StudyDate = "P1", "20240501"
    set_pixels(ds, pixels)
    return ds


def set_pixels(ds: FileDataset, pixels: Array, bits: int | None = None) -> None:
    """Write the pixel module for an unsigned or signed integer array."""
    colour = pixels.ndim >= 3 and pixels.shape[-1] == 3
    shape = pixels.shape[:-1] if colour else pixels.shape
    ds.Rows, ds.Columns = shape[-2:]
    if len(shape) == 3:
        ds.NumberOfFrames = shape[0]
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = pixels.dtype.itemsize * 8
    ds.BitsStored = bits or ds.BitsAllocated
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(pixels.dtype.kind == "i")
    order = ">" if ds.file_meta.TransferSyntaxUID == uid.ExplicitVRBigEndian else "<"
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"


def ct_slice(index: int = 0, hu: Array | None = None, **tags: Any) -> FileDataset:
    """One CT slice of 32 x 32 pixels, 3 mm apart, 120 kV, intercept -1024."""
    hu = disk(high=60 + index, low=-1000) if hu is None else hu
    ds = base(CT_CLASS, "CT", (hu + 1024).astype(np.uint16))
    ds.RescaleSlope, ds.RescaleIntercept, ds.KVP = 1, -1024, 120
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    place(ds, index, 3.0)
    return put(ds, tags)


def mr_slice(index: int = 0, signal: Array | None = None, **tags: Any) -> FileDataset:
    """One MR magnitude slice of 32 x 32 pixels, 12 bits, 1.5 T, echo time 2.3 ms."""
    ds = base(MR_CLASS, "MR", np.zeros((32, 32), np.uint16))
    set_pixels(ds, (disk(high=2000, low=10) if signal is None else signal).astype(np.uint16), 12)
    ds.MagneticFieldStrength, ds.EchoTime, ds.RepetitionTime, ds.FlipAngle = 1.5, 2.3, 10, 5
    ds.ScanningSequence, ds.ImageType = "GR", ["ORIGINAL", "PRIMARY", "M"]
    place(ds, index, 4.0)
    return put(ds, tags)


def us_image(frames: Array | None = None, **tags: Any) -> FileDataset:
    """An ultrasound image or clip with one 2-D tissue region of 0.04 cm a pixel."""
    frames = disk(160, 0, 220).astype(np.uint8) if frames is None else frames
    multi = frames.ndim == 4 or (frames.ndim == 3 and frames.shape[-1] != 3)
    ds = base(US_MULTI_CLASS if multi else US_CLASS, "US", frames)
    ds.SequenceOfUltrasoundRegions = Sequence([region()])
    return put(ds, tags)


def region(**tags: Any) -> Dataset:
    """A 2-D tissue region in centimetres."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = 10, 5
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = 149, 154
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY, item.TransducerFrequency = 0.04, 0.04, 3500
    return put(item, tags)


def place(ds: Dataset, index: int, step: float) -> None:
    """Position, orientation and spacing of a straight axial slice."""
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-10, -20, index * step], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.InstanceNumber = [0.8, 0.7], step, index + 1


def put(ds: Any, tags: dict[str, Any]) -> Any:
    """Set tags by keyword; None deletes one."""
    for name, value in tags.items():
        if value is None:
            if name in ds:
                delattr(ds, name)
        else:
            setattr(ds, name, value)
    return ds


def recode(ds: FileDataset, syntax: str) -> FileDataset:
    """Change the transfer syntax of native little endian pixels, compressing them where it asks for it."""
    if syntax in (uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian):
        ds.file_meta.TransferSyntaxUID = syntax
    else:
        ds.compress(syntax)
    return ds


def encode(ds: FileDataset) -> bytes:
    """The bytes of a DICOM file."""
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def write(folder: Path, *sets: FileDataset, stem: str = "image") -> list[Path]:
    """Write data sets as files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}{number:03d}.dcm" for number in range(len(sets))]
    for path, ds in zip(paths, sets, strict=True):
        path.write_bytes(encode(ds))
    return paths
