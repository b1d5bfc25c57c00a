"""MR in NIfTI: multi-echo signal and fat-fraction maps with their sidecars, or a plain image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import MRFacts, MRScan, Study, Volume
from steatoscope.imaging.io.bids import Part, Sidecar, map_kind, part_of, read_sidecar, series_of
from steatoscope.imaging.io.echoes import Echo, assemble, complex_from_parts, phase_unit, root_mean_square
from steatoscope.imaging.io.hashing import input_file
from steatoscope.imaging.io.names import names_a_mask, natural_key
from steatoscope.imaging.io.nifti import NiftiImage, read_nifti
from steatoscope.imaging.io.nifti_ct import check_sides
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.pdff_scale import to_percent

_NO_SIDECAR: Final = "There is no BIDS sidecar (.json beside the image) with EchoTime and MagneticFieldStrength."
_NO_ECHOES: Final = "The BIDS sidecar lacks EchoTime or MagneticFieldStrength for every volume."


@dataclass(frozen=True, eq=False)
class _Series:
    """The files of one acquisition: (file, sidecar), all of one name but for echo and part."""

    members: tuple[tuple[Path, Sidecar], ...]

    @property
    def echo_count(self) -> int:
        return len({time for _, sidecar in self.members for time in sidecar.echo_times_s})

    @property
    def is_map(self) -> bool:
        return len(self.members) == 1 and map_kind(*self.members[0]) == "pdff"

    @property
    def rank(self) -> tuple[int, int]:
        """Multi-echo before PDFF map before plain image; then by the number of files."""
        measurable = 2 if self.echo_count > 1 else 1 if self.is_map else 0
        return measurable, len(self.members)


def read_nifti_mr(files: Sequence[Path], options: ReadOptions) -> Study:
    """Read the measurable MR acquisition among NIfTI files: multi-echo first, else a PDFF map, else a plain image.

    Echo times and field strength come from BIDS sidecars. Multi-echo data without them, or with one echo only, give an
    anatomy alone, which the pipeline refuses with E_TE. Raises E_SCALE for a PDFF map of unclear scale, E_SIZE,
    E_FORMAT for parts that do not fit each other, and what :func:`read_nifti` raises.
    """
    series = _grouped(files)
    best = max(series, key=lambda one: one.rank)
    images = _read_all(best, options)
    scan, notes = _map_scan(best, images) if best.is_map else _echo_scan(best, images)
    used = [file for file, _ in best.members]
    kind = "nifti-pdff" if scan.pdff is not None else "nifti-echoes" if scan.echoes is not None else "nifti"
    inputs = (input_file(used, kind, scan.anatomy.data.shape[0]),)
    return Study(scan, inputs, notes=notes, source={"ignored": [str(file) for file in files if file not in used]})


def _grouped(files: Sequence[Path]) -> list[_Series]:
    pairs = [(file, read_sidecar(file)) for file in sorted(files, key=natural_key)]
    images = [pair for pair in pairs if not names_a_mask(pair[0].name)] or pairs
    measured = [pair for pair in images if map_kind(*pair) != "r2star"] or images
    groups: dict[str, list[tuple[Path, Sidecar]]] = defaultdict(list)
    for file, sidecar in measured:
        groups[series_of(file)].append((file, sidecar))
    return [_Series(tuple(members)) for members in groups.values()]


def _read_all(best: _Series, options: ReadOptions) -> dict[Path, NiftiImage]:
    images: dict[Path, NiftiImage] = {}
    left = options.max_bytes
    for file, _ in best.members:
        images[file] = read_nifti(file, max_side=options.max_side, max_bytes=left)
        check_sides(images[file])
        left -= images[file].data.nbytes
    return images


def _map_scan(best: _Series, images: Mapping[Path, NiftiImage]) -> tuple[MRScan, tuple[QualityCode, ...]]:
    file, sidecar = best.members[0]
    image = images[file]
    if image.data.ndim != 3 or image.data.dtype.kind == "c":
        raise SteatoscopeError("E_FORMAT", path=str(file), cause="A fat-fraction map has three axes and real values.")
    pdff = Volume(to_percent(image.data, sidecar.fields, file), image.geometry, "percent")
    return MRScan(Volume(pdff.data, image.geometry, "au"), pdff=pdff, facts=sidecar.facts), ()


def _echo_scan(best: _Series, images: Mapping[Path, NiftiImage]) -> tuple[MRScan, tuple[QualityCode, ...]]:
    facts = best.members[0][1].facts
    parts = _by_time(best, images)
    if parts is None or facts.field_strength_t is None or len(parts) < 2:
        return _plain(best, images, facts)
    step = _phase_step(best, images)
    echoes = [Echo(time, complex_from_parts(pieces, step)) for time, pieces in parts.items()]
    geometry = images[best.members[0][0]].geometry
    train = assemble(echoes, facts.field_strength_t, geometry)
    return MRScan(root_mean_square(train), echoes=train, facts=facts), ()


def _phase_step(best: _Series, images: Mapping[Path, NiftiImage]) -> float:
    phases = [(images[file], sidecar) for file, sidecar in best.members if part_of(file, sidecar) == "phase"]
    units = {sidecar.fields.get("Units") for _, sidecar in phases}
    stated = units.pop() if len(units) == 1 else None
    return phase_unit([image for image, _ in phases], stated if isinstance(stated, str) else None)


def _plain(best: _Series, images: Mapping[Path, NiftiImage], facts: MRFacts) -> tuple[MRScan, tuple[QualityCode, ...]]:
    """The first magnitude image as anatomy; several volumes or files without echo times are remarked upon."""
    ordered = sorted(best.members, key=lambda pair: part_of(*pair) != "mag")
    image = images[ordered[0][0]]
    data = np.abs(image.data).astype(np.float32) if image.data.dtype.kind == "c" else image.data
    several = data.ndim == 4 or len(best.members) > 1
    alone = all(sidecar.path is None for _, sidecar in best.members)
    anatomy = Volume(data if data.ndim == 3 else data[0], image.geometry, "au")
    return MRScan(anatomy, facts=facts), (
        warning("W_TE", _NO_SIDECAR if alone else _NO_ECHOES),
    ) if several or alone else ()


def _by_time(best: _Series, images: Mapping[Path, NiftiImage]) -> dict[float, dict[Part, NiftiImage]] | None:
    """The parts of every echo by its time in seconds; None where a file has no time, or not one a volume."""
    parts: dict[float, dict[Part, NiftiImage]] = defaultdict(dict)
    for file, sidecar in best.members:
        image, times = images[file], sidecar.echo_times_s
        volumes = image.data if image.data.ndim == 4 else image.data[np.newaxis]
        if len(times) != volumes.shape[0]:
            return None
        for time, volume in zip(times, volumes, strict=True):
            part = part_of(file, sidecar)
            if part in parts[time]:
                raise SteatoscopeError("E_FORMAT", path=str(file), cause=f"Two files claim the echo at {time:g} s.")
            parts[time][part] = NiftiImage(file, volume, image.geometry, image.stored, image.scaled)
    return dict(parts)
