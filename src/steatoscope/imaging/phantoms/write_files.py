"""Phantoms of all modalities written as the files that a scanner or a research tool would give, with truth and masks.

The truth is ``PATH.truth.json`` and the masks are ``PATH.mask-NAME.nii.gz`` or ``.png``: beside PATH, never in it.

| phantom | format | PATH |
|---|---|---|
| CT | ``dicom`` | folder, one file a slice |
| CT | ``nifti`` | ``*.nii`` or ``*.nii.gz``: that file; else a folder with ``ct.nii.gz`` |
| MR | ``dicom`` | folder, one file a slice, echo and part |
| MR | ``nifti`` | folder of BIDS files with sidecars |
| MR | ``mat`` | ``*.mat``: that file; else a folder with ``mr.mat`` |
| US | ``dicom`` | ``*.dcm``: that file; else a folder with ``us.dcm`` |
| US | ``png`` | ``*.png``: that file (one frame only); else a folder with one file a frame |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np

from steatoscope.core.errors import UsageError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Clip, Mask, USFacts
from steatoscope.imaging.io.simulated import REMARK
from steatoscope.imaging.io.write import (
    write_json,
    write_mat_imdataparams,
    write_nifti,
    write_nifti_echoes,
    write_png,
)
from steatoscope.imaging.phantoms.ct import CTPhantom
from steatoscope.imaging.phantoms.mr import MRPhantom
from steatoscope.imaging.phantoms.write_dicom import write_ct_series, write_mr_series, write_us_file

FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "CT": ("dicom", "nifti"),
    "MR": ("dicom", "nifti", "mat"),
    "US": ("dicom", "png"),
}


class UltrasoundPhantom(Protocol):
    """A simulated ultrasound: frames, facts, masks of shape (rows, columns) or (frames, rows, columns), and truth."""

    @property
    def clip(self) -> Clip:
        """The frames with their scale."""

    @property
    def facts(self) -> USFacts:
        """Acquisition facts."""

    @property
    def masks(self) -> Mapping[str, Mask]:
        """Masks by name."""

    @property
    def truth(self) -> Mapping[str, Any]:
        """All parameters, JSON-ready."""

    @property
    def modality(self) -> Literal["US"]:
        """Always ``US``."""


Phantom = CTPhantom | MRPhantom | UltrasoundPhantom


def write_phantom(phantom: Phantom, out: Path, fmt: str) -> list[Path]:
    """Write a phantom to PATH ``out`` in a format of :data:`FORMATS`, with truth and masks beside it.

    Returns all files written: images first, then the truth and the masks. Raises :class:`UsageError` for a format that
    the modality does not have, and for several frames into one PNG.
    """
    if fmt not in FORMATS[phantom.modality]:
        known = ", ".join(FORMATS[phantom.modality])
        raise UsageError(f"a {phantom.modality} phantom cannot be written as {fmt}; choose one of: {known}")
    if isinstance(phantom, CTPhantom):
        return [
            *_write_ct(phantom, out, fmt),
            _truth(out, phantom),
            *_volume_masks(out, phantom, phantom.volume.geometry),
        ]
    if isinstance(phantom, MRPhantom):
        return [
            *_write_mr(phantom, out, fmt),
            _truth(out, phantom),
            *_volume_masks(out, phantom, phantom.train.geometry),
        ]
    return [*_write_us(phantom, out, fmt), _truth(out, phantom), *_frame_masks(out, phantom)]


def _write_ct(phantom: CTPhantom, out: Path, fmt: str) -> list[Path]:
    if fmt == "dicom":
        return write_ct_series(phantom, out)
    path = _file(out, (".nii", ".nii.gz"), "ct.nii.gz")
    write_nifti(path, np.rint(phantom.volume.data).astype(np.int16), phantom.volume.geometry, REMARK)
    return [path]


def _write_mr(phantom: MRPhantom, out: Path, fmt: str) -> list[Path]:
    if fmt == "dicom":
        return write_mr_series(phantom, out)
    if fmt == "mat":
        path = _file(out, (".mat",), "mr.mat")
        write_mat_imdataparams(path, phantom.train, remark=REMARK)
        return [path]
    facts = phantom.facts
    extra: dict[str, Any] = {
        "SeriesDescription": facts.series_text or "Simulated multi-echo gradient echo",
        "ImageComments": REMARK,
    }
    if facts.flip_angle_deg is not None:
        extra["FlipAngle"] = facts.flip_angle_deg
    if facts.repetition_time_ms is not None:
        extra["RepetitionTime"] = facts.repetition_time_ms / 1e3
    images = write_nifti_echoes(out, "sub-phantom", phantom.train, extra, REMARK)
    return [*images, *(image.with_name(image.name.replace(".nii.gz", ".json")) for image in images)]


def _write_us(phantom: UltrasoundPhantom, out: Path, fmt: str) -> list[Path]:
    clip = phantom.clip
    if fmt == "dicom":
        return write_us_file(clip, phantom.facts, phantom.truth, _file(out, (".dcm",), "us.dcm"))
    if out.suffix.lower() == ".png":
        if clip.frames.shape[0] > 1:
            raise UsageError(f"{clip.frames.shape[0]} frames need a folder, not the single file {out.name}")
        write_png(out, clip.frames[0], REMARK)
        return [out]
    paths = [out / f"frame_{index + 1:03d}.png" for index in range(clip.frames.shape[0])]
    for path, frame in zip(paths, clip.frames, strict=True):
        write_png(path, frame, REMARK)
    return paths


def _file(out: Path, suffixes: tuple[str, ...], name: str) -> Path:
    return out if out.name.lower().endswith(suffixes) else out / name


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f"{out.name}.{ending}")


def _truth(out: Path, phantom: Phantom) -> Path:
    path = _beside(out, "truth.json")
    write_json(path, phantom.truth)
    return path


def _volume_masks(out: Path, phantom: CTPhantom | MRPhantom, geometry: Geometry) -> list[Path]:
    written = []
    for name, mask in phantom.masks.items():
        path = _beside(out, f"mask-{name}.nii.gz")
        write_nifti(path, mask, geometry)
        written.append(path)
    return written


def _frame_masks(out: Path, phantom: UltrasoundPhantom) -> list[Path]:
    """One PNG a mask, or one a mask and frame (``mask-NAME-001.png``) where the masks differ between frames."""
    written = []
    for name, mask in phantom.masks.items():
        frames = mask[np.newaxis] if mask.ndim == 2 else mask
        for index, frame in enumerate(frames):
            number = "" if len(frames) == 1 else f"-{index + 1:03d}"
            path = _beside(out, f"mask-{name}{number}.png")
            write_png(path, frame)
            written.append(path)
    return written
