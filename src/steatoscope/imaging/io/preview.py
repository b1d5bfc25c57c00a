"""What the first bytes of a file tell before all of it is sent: kind, series, sizes, and what will go wrong."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydicom.dataset import Dataset

from steatoscope.core.errors import CATALOGUE, SteatoscopeError
from steatoscope.imaging.io.dicom_facts import age_years, header_is_simulated
from steatoscope.imaging.io.dicom_head import parse_head
from steatoscope.imaging.io.dicom_inflate import is_deflated
from steatoscope.imaging.io.dicom_sort import NOT_IMAGE_MODALITIES, NOT_IMAGES
from steatoscope.imaging.io.dicom_tags import declared, integer, number, text, texts
from steatoscope.imaging.io.nifti import preview_nifti
from steatoscope.imaging.io.options import MAX_SIDE
from steatoscope.imaging.io.sniff import Kind, is_nifti, sniff_bytes

MOST_BYTES: Final = 256 * 1024
_SIDES: Final = {"US": 128, "CT": 32, "MR": 32}


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that its sender should know of a file: a short code, words, and whether the file will be refused."""

    code: str
    words: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a header says the patient is; shown only where identity is kept."""

    name: str | None = None
    patient_id: str | None = None
    birth_date: str | None = None

    def __bool__(self) -> bool:
        return bool(self.name or self.patient_id or self.birth_date)


@dataclass(frozen=True, slots=True)
class Preview:
    """One file as its first bytes tell; None where they are silent. Sizes in pixels and mm, echo time in ms."""

    kind: Kind
    modality: str | None = None
    series_uid: str | None = None
    series: str | None = None
    study_date: str | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int | None = None
    pixel_mm: tuple[float, ...] | None = None
    slice_mm: float | None = None
    maker: str | None = None
    model: str | None = None
    kvp: float | None = None
    contrast: str | None = None
    echo_ms: float | None = None
    field_t: float | None = None
    age_years: float | None = None
    sex: str | None = None
    identity: Identity = Identity()
    remarks: tuple[Remark, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the file will be refused for what is seen here."""
        return any(remark.refused for remark in self.remarks)


def preview_bytes(head: bytes, *, size: int | None = None, modality: str | None = None) -> Preview:
    """Preview a file of ``size`` bytes from its first ones (256 KiB at most); never raises for any content."""
    partial = size is None or size > len(head[:MOST_BYTES])
    head = head[:MOST_BYTES]
    if not head:
        return _refused("empty", "E_EMPTY")
    start = _unzipped(head) if head[:2] == b"\x1f\x8b" else head
    kind = sniff_bytes(start) if start is head else ("nifti" if is_nifti(start) else "unknown")
    if kind == "unknown":
        return _unknown(head)
    try:
        return _READERS.get(kind, _other)(kind, start, modality)
    except SteatoscopeError as fault:
        if kind == "dicom" and partial and fault.code != "E_BOMB":
            return Preview(kind)
        return Preview(kind, remarks=(Remark(fault.code, f"{fault.message} {fault.cause}", refused=True),))


def preview_file(path: Path, *, modality: str | None = None) -> Preview:
    """Preview a file on disk from its first bytes."""
    with path.open("rb") as stream:
        return preview_bytes(stream.read(MOST_BYTES), size=path.stat().st_size, modality=modality)


def _unknown(head: bytes) -> Preview:
    if head.lstrip()[:1] == b"{":
        return Preview(
            "unknown", remarks=(Remark("sidecar", "A JSON file is read beside the image that it describes."),)
        )
    return _refused("unknown", "E_FORMAT")


def _other(kind: Kind, _head: bytes, _modality: str | None) -> Preview:
    return Preview(kind, modality={"mat": "MR", "mp4": "US", "avi": "US"}.get(kind))


def _refused(kind: Kind, code: str, **more: Any) -> Preview:
    spec = CATALOGUE[code]
    return Preview(kind, remarks=(Remark(code, f"{spec.message} {spec.cause}", refused=True),), **more)


def _unzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 4096)
    except (zlib.error, gzip.BadGzipFile):
        return b""


def _dicom(kind: Kind, head: bytes, _modality: str | None) -> Preview:
    if is_deflated(head):
        return Preview(kind)
    header = parse_head(io.BytesIO(head), Path("file"))
    found = Preview(
        kind="dicom",
        modality=(text(header, "Modality") or "").upper() or None,
        series_uid=text(header, "SeriesInstanceUID"),
        series=text(header, "SeriesDescription"),
        study_date=text(header, "StudyDate"),
        rows=integer(header, "Rows"),
        columns=integer(header, "Columns"),
        frames=integer(header, "NumberOfFrames") or 1,
        pixel_mm=_pixel(header),
        slice_mm=number(header, "SliceThickness"),
        maker=text(header, "Manufacturer"),
        model=text(header, "ManufacturerModelName"),
        kvp=number(header, "KVP"),
        contrast=text(header, "ContrastBolusAgent"),
        echo_ms=number(header, "EchoTime"),
        field_t=number(header, "MagneticFieldStrength"),
        age_years=age_years(header),
        sex=text(header, "PatientSex"),
        identity=Identity(
            name=" ".join((text(header, "PatientName") or "").replace("^", " ").split()) or None,
            patient_id=text(header, "PatientID"),
            birth_date=text(header, "PatientBirthDate"),
        ),
    )
    return replace(found, remarks=tuple(_dicom_remarks(header, found)))


def _pixel(header: Dataset) -> tuple[float, ...] | None:
    try:
        return tuple(float(one) for one in texts(header, "PixelSpacing")[:2]) or None
    except ValueError:
        return None


def _dicom_remarks(header: Dataset, found: Preview) -> list[Remark]:
    remarks = []
    sop = text(header, "SOPClassUID") or ""
    if sop.startswith(NOT_IMAGES) or found.modality in NOT_IMAGE_MODALITIES or "DirectoryRecordSequence" in header:
        return [Remark("E_NOPIXELS", CATALOGUE["E_NOPIXELS"].message, refused=True)]
    if found.modality not in (*_SIDES, None, "OT", "SC"):
        words = f"The modality {found.modality} is not ultrasound, CT or MR; this file is not measured."
        remarks.append(Remark("E_MODALITY", words))
    remarks += _size_remarks(found)
    if (text(header, "BurnedInAnnotation") or "").upper() == "YES":
        remarks.append(Remark("burnt_in", "The header says that text is burnt into the picture; it is not removed."))
    elif found.modality == "US" and not declared(header, "BurnedInAnnotation"):
        remarks.append(Remark("burnt_in", "Text in the picture, such as a name, is not removed: look at it first."))
    if header_is_simulated(header):
        remarks.append(Remark("W_SIMULATED", "The image is simulated."))
    if found.age_years is not None and found.age_years < 18:
        remarks.append(Remark("E_AGE", "The patient is under 18: no fat value is given."))
    return [*remarks, *_CHECKS.get(found.modality or "", _no_remarks)(found)]


def _size_remarks(found: Preview) -> list[Remark]:
    rows, columns = found.rows, found.columns
    if not rows or not columns:
        return []
    if max(rows, columns) > MAX_SIDE:
        return [Remark("E_BOMB", f"The image has more than {MAX_SIDE} pixels a side.", refused=True)]
    least = _SIDES.get(found.modality or "US", 32)
    if min(rows, columns) < least:
        return [Remark("E_SIZE", f"{columns} x {rows} pixels; at least {least} a side are needed.", refused=True)]
    return []


def _ct_remarks(found: Preview) -> list[Remark]:
    remarks = []
    if found.contrast:
        words = "The header names a contrast agent: fat is not measured in enhanced CT, HU and L-S are."
        remarks.append(Remark("E_CONTRAST", words))
    if found.kvp is None:
        remarks.append(Remark("W_KVP", "The tube voltage is missing: the interval will be wider."))
    elif not 118 <= found.kvp <= 122:
        remarks.append(Remark("E_KVP", f"{found.kvp:g} kV: fat is measured at 120 kV only."))
    return remarks


def _mr_remarks(found: Preview) -> list[Remark]:
    remarks = []
    if found.echo_ms is None:
        remarks.append(Remark("E_TE", "The echo time is missing; a fat fraction needs echo times or a PDFF map."))
    if found.field_t is None:
        remarks.append(Remark("E_TE", "The field strength is missing; without it echoes cannot be fitted."))
    return remarks


def _no_remarks(_found: Preview) -> list[Remark]:
    return []


_CHECKS: Final = {"CT": _ct_remarks, "MR": _mr_remarks}


def _raster(kind: Kind, head: bytes, modality: str | None) -> Preview:
    from PIL import Image

    found = Preview(kind, modality=modality or "US", frames=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(head), formats=("PNG", "JPEG", "TIFF")) as image:
                found = replace(found, columns=image.width, rows=image.height)
    except Image.DecompressionBombError:
        return _refused(kind, "E_BOMB", modality=found.modality)
    except Exception:  # the part of a file that is here need not be enough for the decoder
        return found
    return replace(found, remarks=tuple(_size_remarks(found)))


def _nifti(kind: Kind, head: bytes, modality: str | None) -> Preview:
    shape, geometry = preview_nifti(head, Path("file"))
    slice_mm, row_mm, column_mm = geometry.spacing
    remarks = () if modality else (Remark("modality", "NIfTI does not say what it holds: choose CT or MR."),)
    return Preview(
        kind,
        modality=modality,
        columns=shape[0],
        rows=shape[1],
        frames=shape[2],
        pixel_mm=(row_mm, column_mm) if geometry.known else None,
        slice_mm=slice_mm if geometry.known else None,
        remarks=remarks,
    )


_READERS: Final = {"dicom": _dicom, "png": _raster, "jpeg": _raster, "tiff": _raster, "nifti": _nifti}
