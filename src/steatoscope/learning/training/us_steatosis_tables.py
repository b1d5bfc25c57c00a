"""Features of all patients under all scanner settings, by localisers that have not seen the patient; cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip, Floats
from steatoscope.imaging.preprocess.us_frames import select_frames
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.inference.byra2018_data import Patient
from steatoscope.learning.inference.us_steatosis_boxes import FrameMaps
from steatoscope.learning.inference.us_steatosis_reading import (
    LiteMaps,
    ViewStudy,
    frame_reading,
    study_view,
    whole_view,
)

FOLDS = 5
Pair = tuple[int, int]
Locate = Callable[[Floats], list[FrameMaps]]


@dataclass(frozen=True, eq=False)
class Table:
    """One scanner setting: values (patients, localisers, features) and of the first frame alone, with their columns.

    Localiser ``k`` < 5 of a patient of fold f is the one that left out folds f and k; localiser f is the mean of the
    four, which is what a patient meets at test time.
    """

    columns: dict[str, slice]
    values: NDArray[np.float64]
    first: NDArray[np.float64]


def build_table(
    patients: list[Patient],
    folds: list[int],
    locate: Mapping[Pair, Locate],
    lite: LiteMaps,
    changes: Sequence[Callable[[NDArray[np.uint8]], NDArray[np.uint8]]],
    path: Path | None = None,
) -> Table:
    """Features of every patient's frames after its own change; kept in ``path`` where one is given."""
    if path is not None and path.is_file():
        return read_table(path)
    rows = []
    for index, patient in enumerate(patients):
        study = studied(changes[index](patient.frames), lite)
        rows.append(_patient_rows(study, folds[index], locate))
    columns = rows[0][2]
    table = Table(columns, np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]))
    if path is not None:
        write_table(table, path)
    return table


def studied(frames: NDArray[np.uint8], lite: LiteMaps) -> ViewStudy:
    """A clip prepared by the same steps as in an analysis; raises E_NOLIVER where no sector is found."""
    clip = Clip(frames)
    sector = find_sector(clip)
    if sector is None:
        raise SteatoscopeError("E_NOLIVER", cause="No scan sector was found in a training clip.")
    return study_view(select_frames(clip, sector).frames(clip), sector, lite)


def member_maps(study: ViewStudy, fold: int, locate: Mapping[Pair, Locate]) -> list[list[FrameMaps]]:
    """Maps of every frame by localiser: one for each other fold, and in the fold's own place their mean."""
    found: list[list[FrameMaps]] = [[] for _ in range(FOLDS)]
    for pair in combinations(range(FOLDS), 2):
        if fold in pair:
            found[pair[0] if pair[1] == fold else pair[1]] = locate[pair](study.channels)
    others = [maps for k, maps in enumerate(found) if k != fold]
    found[fold] = [_mean_maps([maps[i] for maps in others]) for i in range(len(study.frames))]
    return found


def _mean_maps(maps: list[FrameMaps]) -> FrameMaps:
    return FrameMaps(
        np.mean([one.liver for one in maps], axis=0),
        np.mean([one.kidney for one in maps], axis=0),
        float(np.mean([one.kidney_probability for one in maps])),
    )


def _patient_rows(
    study: ViewStudy, fold: int, locate: Mapping[Pair, Locate]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, slice]]:
    means, firsts, columns = [], [], {}
    for maps in member_maps(study, fold, locate):
        readings = []
        for frame, one in zip(study.frames, maps, strict=True):
            reading = frame_reading(frame, one) | whole_view(frame)
            reading["kidney_probability"] = np.array([one.kidney_probability])
            readings.append(np.concatenate(list(reading.values())))
            columns = _columns(reading)
        means.append(np.mean(readings, axis=0))
        firsts.append(readings[0])
    return np.stack(means), np.stack(firsts), columns


def _columns(reading: Mapping[str, NDArray[np.float64]]) -> dict[str, slice]:
    ends = np.cumsum([value.size for value in reading.values()])
    return {n: slice(int(e) - v.size, int(e)) for (n, v), e in zip(reading.items(), ends, strict=True)}


def write_table(table: Table, path: Path) -> None:
    """Keep a table as npz, float32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = np.array(list(table.columns))
    spans = np.array([[s.start, s.stop] for s in table.columns.values()])
    np.savez(
        path, names=names, spans=spans, values=table.values.astype(np.float32), first=table.first.astype(np.float32)
    )


def read_table(path: Path) -> Table:
    """A table that :func:`write_table` kept."""
    with np.load(path) as kept:
        columns = {str(n): slice(int(a), int(b)) for n, (a, b) in zip(kept["names"], kept["spans"], strict=True)}
        return Table(columns, kept["values"].astype(np.float64), kept["first"].astype(np.float64))
