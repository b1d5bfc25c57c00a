"""Which DICOM files are images of the study, and of which modality they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Modality
from steatoscope.imaging.io.dicom_file import DicomFile, open_file
from steatoscope.imaging.io.dicom_us import is_secondary_capture
from steatoscope.imaging.io.options import ReadOptions

STORAGE = "1.2.840.10008.5.1.4.1.1."
NOT_IMAGES = (
    "1.2.840.10008.1.3.10",
    f"{STORAGE}88.",
    f"{STORAGE}104.",
    f"{STORAGE}66",
    f"{STORAGE}11.",
    f"{STORAGE}9.",
    f"{STORAGE}481.3",
    f"{STORAGE}481.5",
)
NOT_IMAGE_MODALITIES = frozenset({"SR", "SEG", "DOC", "KO", "PR", "RTSTRUCT", "RTPLAN", "REG", "FID", "PLAN", "AU"})
CLASS_MODALITY: dict[str, Modality] = {
    f"{STORAGE}2": "CT",
    f"{STORAGE}2.1": "CT",
    f"{STORAGE}2.2": "CT",
    f"{STORAGE}4": "MR",
    f"{STORAGE}4.1": "MR",
    f"{STORAGE}4.3": "MR",
    f"{STORAGE}4.4": "MR",
    f"{STORAGE}6": "US",
    f"{STORAGE}6.1": "US",
    f"{STORAGE}6.2": "US",
    f"{STORAGE}3": "US",
    f"{STORAGE}3.1": "US",
}
SUPPORTED = ("US", "CT", "MR")


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that was left out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, eq=False)
class Sorted:
    """Files of the study that are images, everything else that was readable, and what was left out."""

    images: list[DicomFile]
    others: list[DicomFile]
    ignored: list[Ignored]


def open_all(paths: Sequence[Path], options: ReadOptions) -> Sorted:
    """Parse all files. The only fault is raised where nothing could be read; a file cut short is always raised."""
    result = Sorted([], [], [])
    faults: list[SteatoscopeError] = []
    for path in sorted(set(paths), key=str):
        try:
            file = open_file(path, options.max_bytes)
        except SteatoscopeError as fault:
            if fault.code in ("E_TRUNCATED", "E_BOMB"):
                raise
            faults.append(fault)
            result.ignored.append(Ignored(path, fault.cause))
            continue
        _place(file, result)
    if not result.images:
        raise _nothing(result, faults)
    return result


def _place(file: DicomFile, result: Sorted) -> None:
    if is_no_image(file):
        result.others.append(file)
        result.ignored.append(Ignored(file.path, f"not an image ({file.modality or 'no modality'})"))
    elif file.pixels is None and file.truncated:
        raise SteatoscopeError("E_TRUNCATED", path=str(file.path))
    elif file.pixels is None:
        result.others.append(file)
        result.ignored.append(Ignored(file.path, "no pixel data"))
    else:
        result.images.append(file)


def _nothing(result: Sorted, faults: Sequence[SteatoscopeError]) -> SteatoscopeError:
    if result.others:
        return SteatoscopeError("E_NOPIXELS", path=str(result.others[0].path))
    return faults[0] if faults else SteatoscopeError("E_EMPTY")


def is_no_image(file: DicomFile) -> bool:
    """Whether a file is a report, mask, plan or directory by its class or modality."""
    return file.sop_class.startswith(NOT_IMAGES) or file.modality in NOT_IMAGE_MODALITIES


def modality_of(file: DicomFile, wanted: Modality | None) -> Modality | None:
    """The modality to read a file as, None where it is not supported.

    A Secondary Capture follows the caller, then its own Modality, else it is read as ultrasound. Where the Modality
    contradicts the SOP class, the file is read only as that one of both which the caller asks for.
    """
    if is_secondary_capture(file):
        stated = file.modality if file.modality in SUPPORTED else "US"
        return wanted or cast(Modality, stated)
    by_class = CLASS_MODALITY.get(file.sop_class)
    if _contradicts(file):
        return wanted if wanted in (by_class, file.modality) else None
    if file.modality in SUPPORTED:
        return cast(Modality, file.modality)
    if by_class is not None:
        return by_class
    return wanted if file.modality in ("", "OT") else None


def _contradicts(file: DicomFile) -> bool:
    by_class = CLASS_MODALITY.get(file.sop_class)
    return by_class is not None and file.modality not in ("", "OT", by_class)


def _said(file: DicomFile) -> str:
    stated = file.modality or "none"
    return f"{stated} in an object of class {CLASS_MODALITY[file.sop_class]}" if _contradicts(file) else stated


def by_modality(files: Sequence[DicomFile], options: ReadOptions) -> dict[Modality, list[DicomFile]]:
    """Files by modality. Raises ``E_MODALITY`` where none is supported, or none is what the caller asks for."""
    groups: dict[Modality, list[DicomFile]] = {}
    for file in files:
        found = modality_of(file, options.modality)
        if found is not None:
            groups.setdefault(found, []).append(file)
    if not groups or (options.modality is not None and options.modality not in groups):
        seen = ", ".join(sorted({_said(file) for file in files}))
        cause = f"The images say: {seen}."
        raise SteatoscopeError(
            "E_MODALITY", path=str(files[0].path.parent if len(files) > 1 else files[0].path), cause=cause
        )
    return groups
