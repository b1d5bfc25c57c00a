"""What the manifest keeps of a reading: the chosen series, the others and why, and facts of the geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steatoscope.imaging.io.dicom_file import DicomFile
from steatoscope.imaging.io.dicom_geometry import Stack
from steatoscope.imaging.io.dicom_tags import text
from steatoscope.imaging.io.dicom_us import USImage


def shared_path(files: Sequence[DicomFile]) -> str:
    """The file where there is one, else the folder that holds all."""
    if len(files) == 1:
        return str(files[0].path)
    parents = [file.path.parent for file in files]
    common = next((p for p in [parents[0], *parents[0].parents] if all(p in [q, *q.parents] for q in parents)), None)
    return str(common or parents[0])


def about(stack: Stack, reason: str) -> dict[str, Any]:
    """An unused series and why it was not used."""
    return {**identity(stack), "reason": reason}


def identity(stack: Stack) -> dict[str, Any]:
    """UID, description and size of a series; a missing tag is None."""
    lead = stack.lead
    description = text(lead.header, "SeriesDescription")
    return {"uid": lead.series or None, "description": description, "slices": len(stack.planes)}


def volume_source(used: Sequence[Stack], others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Facts of the chosen volume, and the other series."""
    first = used[0]
    return {
        "series": identity(first),
        "slice_files": [plane.file.path.name for plane in first.planes],
        "other_series": list(others),
        "gappy": any(stack.gappy for stack in used),
        "uneven": any(stack.uneven for stack in used),
        "tilt_deg": first.tilt_deg,
        "duplicates": sum(stack.duplicates for stack in used),
    }


def view_source(view: Sequence[USImage]) -> dict[str, Any]:
    """UID, description and size of an ultrasound view."""
    header = view[0].file.header
    names = ("SeriesInstanceUID", "SeriesDescription")
    uid, description = (text(header, name) for name in names)
    return {"uid": uid, "description": description, "frames": sum(image.layout.frames for image in view)}
