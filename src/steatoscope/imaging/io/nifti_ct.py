"""CT in NIfTI: voxels in HU, checked for plausibility since the file has no header to say so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan, Study, Volume
from steatoscope.imaging.io.hashing import input_file
from steatoscope.imaging.io.names import natural_key
from steatoscope.imaging.io.nifti import NiftiImage, read_nifti
from steatoscope.imaging.io.options import ReadOptions

MIN_SIDE: Final = 32
_LEAST_HU: Final = -4096.0
_LEAST_SPAN: Final = 50.0


def read_nifti_ct(files: Sequence[Path], options: ReadOptions) -> Study:
    """Read the CT among NIfTI files: the one with HU and the most voxels; the others are listed as ignored.

    Raises E_DEPTH where no file holds plausible HU (unless eight-bit data are allowed: then the unit is "au"),
    E_SIZE, and what :func:`read_nifti` raises.
    """
    best: NiftiImage | None = None
    faults: list[SteatoscopeError] = []
    for file in sorted(files, key=natural_key):
        try:
            image = _candidate(file, options)
        except SteatoscopeError as fault:
            faults.append(fault)
            continue
        if best is None or image.data.size > best.data.size:
            best = image
    if best is None:
        raise faults[0]
    volume = Volume(best.data, best.geometry, "au" if _not_hu(best) else "HU")
    inputs = (input_file([best.path], "nifti", best.data.shape[0]),)
    return Study(CTScan(volume), inputs, source={"ignored": [str(file) for file in files if file != best.path]})


def _candidate(file: Path, options: ReadOptions) -> NiftiImage:
    image = read_nifti(file, max_side=options.max_side, max_bytes=options.max_bytes)
    if image.data.ndim != 3:
        raise SteatoscopeError("E_FORMAT", path=str(file), cause="A CT has three axes; this file has four.")
    if image.data.dtype.kind == "c":
        raise SteatoscopeError("E_MODALITY", path=str(file), cause="Complex voxels are MR, not CT.")
    check_sides(image)
    cause = _not_hu(image)
    if cause and not options.allow_eight_bit:
        raise SteatoscopeError("E_DEPTH", path=str(file), message="The CT has no Hounsfield units.", cause=cause)
    return image


def check_sides(image: NiftiImage) -> None:
    """Require 32 voxels along the two longer axes. Raises E_SIZE."""
    sides = sorted(image.data.shape[-3:])
    if sides[1] < MIN_SIDE:
        cause = f"Its slices have {sides[2]} x {sides[1]} voxels; at least {MIN_SIDE} a side are needed."
        raise SteatoscopeError("E_SIZE", path=str(image.path), cause=cause)


def _not_hu(image: NiftiImage) -> str | None:
    """Why the values cannot be HU; None where they may be."""
    low, high = float(image.data.min()), float(image.data.max())
    if image.stored.itemsize == 1 and not image.scaled:
        return "It holds eight-bit values without a slope and intercept."
    if low >= 0.0:
        return f"Its values run from {low:g} to {high:g}: fat and air, which are negative in HU, are missing."
    if high - low < _LEAST_SPAN or low < _LEAST_HU:
        return f"Its values run from {low:g} to {high:g}, which is not a range of HU."
    return None
