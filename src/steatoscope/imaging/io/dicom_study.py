"""DICOM files of one folder or archive to a study: grouped into series, the measurable one chosen and decoded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import InputFile, Modality, MRScan, Scan, Study
from steatoscope.imaging.io.dicom_choice import order_ct
from steatoscope.imaging.io.dicom_ct import read_ct
from steatoscope.imaging.io.dicom_enhanced import planes as planes_of
from steatoscope.imaging.io.dicom_facts import header_is_simulated, patient_facts
from steatoscope.imaging.io.dicom_file import DicomFile
from steatoscope.imaging.io.dicom_geometry import Stack
from steatoscope.imaging.io.dicom_layout import is_lossy, layout
from steatoscope.imaging.io.dicom_mr import MRChoice, choices
from steatoscope.imaging.io.dicom_mr_kind import stated_kind
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_series import grids, stacks
from steatoscope.imaging.io.dicom_sort import Ignored, by_modality, open_all
from steatoscope.imaging.io.dicom_source import about, shared_path, view_source, volume_source
from steatoscope.imaging.io.dicom_tags import text
from steatoscope.imaging.io.dicom_us import USImage, clips, is_secondary_capture, read_us, us_images
from steatoscope.imaging.io.dicom_voxels import check_planes, digest, files_digest
from steatoscope.imaging.io.options import ReadOptions

KINDS: dict[Modality, Literal["dicom-us", "dicom-ct", "dicom-mr"]] = {
    "US": "dicom-us",
    "CT": "dicom-ct",
    "MR": "dicom-mr",
}
_WATER_FAT = "Water and fat images are not supported; send in-phase and opposed-phase images or a PDFF map."


@dataclass(frozen=True, eq=False)
class _Found:
    """What one modality's files gave."""

    scan: Scan
    inputs: tuple[InputFile, ...]
    files: Sequence[DicomFile]
    source: Mapping[str, Any]
    notes: Sequence[QualityCode]


def read_dicom_study(files: Sequence[Path], options: ReadOptions) -> Study:
    """Read the measurable series among DICOM files.

    ``source`` of the result tells the chosen series and why the others were not, ``ignored`` files, and for volumes
    ``gappy`` (no volume may be reported), ``uneven``, ``tilt_deg`` and ``duplicates``. Raises ``SteatoscopeError`` with
    the contract's codes, and nothing else, for any content.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return _read(files, options)


def _read(paths: Sequence[Path], options: ReadOptions) -> Study:
    sorted_files = open_all(paths, options)
    patient = patient_facts([*sorted_files.images, *sorted_files.others])
    modality, chosen, ignored = _choose_modality(sorted_files.images, options)
    ignored = [*sorted_files.ignored, *ignored]
    found = _read_us(chosen, options) if modality == "US" else _read_volume(modality, chosen, options)
    notes = [*found.notes, *_notes(found, ignored)]
    source = {
        "format": "dicom",
        **found.source,
        "ignored": [{"path": str(item.path), "reason": item.reason} for item in ignored],
    }
    return Study(found.scan, found.inputs, patient, tuple(notes), source)


def _choose_modality(
    files: Sequence[DicomFile], options: ReadOptions
) -> tuple[Modality, list[DicomFile], list[Ignored]]:
    """The modality to measure: the one asked for, the one that holds the wanted series, else the one of most files."""
    groups = by_modality(files, options)
    wanted = [m for m, members in groups.items() if any(_series(f) == options.series for f in members)]
    order = sorted(groups, key=lambda m: (m == options.modality, m in wanted, _weight(groups[m]), m), reverse=True)
    chosen = groups[order[0]]
    kept = set(chosen)
    rest = [Ignored(f.path, f"modality {f.modality or 'unknown'}") for f in files if f not in kept]
    return order[0], chosen, rest


def _weight(files: Sequence[DicomFile]) -> tuple[bool, int]:
    """Real images before secondary captures, then the number of files."""
    real = [file for file in files if not is_secondary_capture(file)]
    return bool(real), len(real) or len(files)


def _series(file: DicomFile) -> str:
    return text(file.header, "SeriesInstanceUID") or ""


def _notes(found: _Found, ignored: Sequence[Ignored]) -> list[QualityCode]:
    notes = []
    others = len(found.source.get("other_series", ()))
    if ignored or others:
        notes.append(warning("W_IGNORED", f"{len(ignored)} files, {others} series."))
    if any(is_secondary_capture(file) for file in found.files):
        notes.append(warning("W_SECONDARY"))
    if any(is_lossy(file) for file in found.files):
        notes.append(warning("W_LOSSY"))
    if any(header_is_simulated(file.header) for file in found.files):
        notes.append(warning("W_SIMULATED"))
    if found.source.get("gappy"):
        notes.append(warning("W_PARTIAL"))
    return notes


def _no_series(files: Sequence[DicomFile], options: ReadOptions) -> SteatoscopeError:
    cause = f"No images to measure were found for series {options.series}."
    return SteatoscopeError("E_PATH", path=str(files[0].path.parent), cause=cause)


def _read_volume(modality: Modality, files: Sequence[DicomFile], options: ReadOptions) -> _Found:
    planes = [plane for file in files for plane in planes_of(file, layout(file, options.max_side, options.max_bytes))]
    wanted = [plane for plane in planes if options.series in (None, plane.series)]
    if not wanted:
        raise _no_series(files, options)
    return _read_ct(wanted, options) if modality == "CT" else _read_mr(planes, options)


def _read_ct(planes: Sequence[Plane], options: ReadOptions) -> _Found:
    found, faulty = _all_stacks(planes, options)
    ranked = order_ct(found)
    best = ranked[0][0]
    others = [about(stack, ", ".join(rank.reasons) or "thicker or shorter") for stack, rank in ranked[1:]] + faulty
    check_planes(best.planes, options)
    scan = read_ct(best, options)
    inputs = (_input(best.planes, "CT", options),)
    return _Found(scan, inputs, _files(best.planes), volume_source([best], others), ())


def _all_stacks(planes: Sequence[Plane], options: ReadOptions) -> tuple[list[Stack], list[dict[str, Any]]]:
    """Stacks of all grids; a grid with contradictory slices is left out unless it is the largest."""
    found: list[Stack] = []
    faulty: list[dict[str, Any]] = []
    for group in sorted(grids(planes), key=len, reverse=True):
        try:
            found += stacks(group, options.max_bytes)
        except SteatoscopeError as fault:
            if not found or fault.code != "E_SLICES":
                raise
            faulty.append({"uid": group[0].series or None, "slices": len(group), "reason": fault.cause})
    return found, faulty


def _read_mr(planes: Sequence[Plane], options: ReadOptions) -> _Found:
    ranked = choices(planes, options)
    if not ranked:
        raise _no_series(_files(planes), options)
    best = ranked[0]
    check_planes(best.planes, options)
    scan = best.read(options)
    inputs = (_input(best.planes, "MR", options),)
    return _Found(
        scan, inputs, _files(best.planes), volume_source(best.stacks, _others(ranked)), _unmeasurable(scan, planes)
    )


def _unmeasurable(scan: MRScan, planes: Sequence[Plane]) -> tuple[QualityCode, ...]:
    """What to say where water and fat images are there, but nothing that can be measured."""
    if scan.echoes is not None or scan.pdff is not None:
        return ()
    made = {"water", "fat"}.intersection(stated_kind(plane) for plane in planes)
    return (warning("W_TE", _WATER_FAT),) if made else ()


def _others(ranked: Sequence[MRChoice]) -> list[dict[str, Any]]:
    return [about(choice.stacks[0], choice.words) for choice in ranked[1:]]


def _files(planes: Sequence[Plane]) -> list[DicomFile]:
    return list(dict.fromkeys(plane.file for plane in planes))


def _input(planes: Sequence[Plane], modality: Modality, options: ReadOptions) -> InputFile:
    return InputFile(shared_path(_files(planes)), digest(planes, options.max_bytes), KINDS[modality], len(planes))


def _read_us(files: Sequence[DicomFile], options: ReadOptions) -> _Found:
    wanted = [file for file in files if options.series in (None, _series(file))]
    if not wanted:
        raise _no_series(files, options)
    views = clips(us_images(wanted, options))
    scan, notes = read_us(views, options)
    source = {"views": [view_source(view) for view in views], "other_series": []}
    return _Found(scan, tuple(_view_input(view, options) for view in views), wanted, source, notes)


def _view_input(view: Sequence[USImage], options: ReadOptions) -> InputFile:
    files = [image.file for image in view]
    count = sum(image.layout.frames for image in view)
    return InputFile(shared_path(files), files_digest(files, options.max_bytes), KINDS["US"], count)
