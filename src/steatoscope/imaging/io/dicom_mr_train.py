"""MR planes into multi-echo trains: one or several series of the same study, grid and protocol."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import EchoTrain, Volume
from steatoscope.imaging.io.dicom_geometry import Stack, arrange, co_located
from steatoscope.imaging.io.dicom_mr_kind import field_strength_t
from steatoscope.imaging.io.dicom_mr_scale import phase_radians
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_series import same_grid, split, stacks
from steatoscope.imaging.io.dicom_tags import integer, number, text
from steatoscope.imaging.io.dicom_voxels import check_planes, rescaled, voxels
from steatoscope.imaging.io.options import ReadOptions

ECHO_STEP_MS = 1e-3
SAME_SLICE_MM = 0.1
Key = tuple[float, str]


@dataclass(frozen=True, eq=False)
class Train:
    """Stacks of one grid by (echo time in ms, component); ``parts`` says which components make the signal.

    ``untimed``: several echoes were meant, but their times are missing or equal.
    """

    stacks: Mapping[Key, Stack]
    parts: tuple[str, ...]
    untimed: bool = False

    @property
    def times_ms(self) -> list[float]:
        """Echo times at which every component is present, rising."""
        times = {time for time, _ in self.stacks}
        return sorted(t for t in times if all((t, part) in self.stacks for part in self.parts))

    @property
    def used(self) -> list[Stack]:
        """The stacks that make the signal, in order of echo and component."""
        return [self.stacks[time, part] for time in self.times_ms for part in self.parts]

    @property
    def planes(self) -> list[Plane]:
        """All planes that make the signal."""
        return [plane for stack in self.used for plane in stack.planes]

    @property
    def is_complex(self) -> bool:
        """Whether phase is known."""
        return len(self.parts) == 2


def trains(planes: Sequence[Plane], max_bytes: int) -> list[Train]:
    """All trains in signal planes; a plane without EchoTime counts as time 0 and makes no train."""
    result = []
    for group in split(planes, _same_protocol):
        for chunk in _acquisitions(group):
            result += _train(chunk, max_bytes)
    return result


def _same_protocol(a: Plane, b: Plane) -> bool:
    if a.series and a.series == b.series:
        return same_grid(a, b)
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "ScanningSequence"):
        if text(a.header, name) != text(b.header, name):
            return False
    for name in ("RepetitionTime", "FlipAngle"):
        x, y = number(a.header, name), number(b.header, name)
        if (x is None) != (y is None) or (x is not None and y is not None and abs(x - y) > 0.01 * max(abs(x), 1.0)):
            return False
    return same_grid(a, b)


def _key(plane: Plane) -> Key:
    return round((plane.echo_ms or 0.0) / ECHO_STEP_MS) * ECHO_STEP_MS, plane.component


def _acquisitions(group: Sequence[Plane]) -> list[list[Plane]]:
    """Series put together in the order of their numbers, a new acquisition where an echo would come twice."""
    by_series: dict[str, list[Plane]] = defaultdict(list)
    for plane in group:
        by_series[plane.series].append(plane)
    ordered = sorted(by_series.items(), key=lambda pair: (integer(pair[1][0].header, "SeriesNumber") or 0, pair[0]))
    chunks: list[list[Plane]] = []
    seen: set[tuple[Key, float | None]] = set()
    for _, members in ordered:
        keys = {(_key(plane), None if plane.depth is None else round(plane.depth, 1)) for plane in members}
        if not chunks or keys & seen:
            chunks.append([])
            seen = set()
        chunks[-1] += members
        seen |= keys
    return chunks


def _train(planes: Sequence[Plane], max_bytes: int) -> list[Train]:
    if _is_untimed(planes):
        stack = arrange([place[0] for place in co_located(planes)])
        return [Train({_key(stack.lead): stack}, (stack.lead.component,), untimed=True)]
    parts: dict[Key, list[Plane]] = defaultdict(list)
    for plane in planes:
        parts[_key(plane)].append(plane)
    phases = {key: stacks(members, max_bytes) for key, members in sorted(parts.items())}
    result = []
    for number_of in range(max(len(found) for found in phases.values())):
        result += _fitting({key: found[number_of] for key, found in phases.items() if len(found) > number_of})
    return result


def _is_untimed(planes: Sequence[Plane]) -> bool:
    """Whether images of different echoes lie at one place although one echo time, or none, is given."""
    if len({_key(plane)[0] for plane in planes}) > 1:
        return False
    for part in ("M", "R", "P", "I"):
        same = [plane for plane in planes if plane.component == part]
        crowded = [place for place in co_located(same) if len(place) > 1]
        if any(len({plane.echo_number for plane in place}) > 1 for place in crowded):
            return True
        if crowded and (integer(same[0].header, "EchoTrainLength") or 1) > 1:
            return True
    return False


def _fitting(built: Mapping[Key, Stack]) -> list[Train]:
    """Trains of stacks that have the same slices; ``E_SLICES`` where one series has echoes with different slices."""
    lead = max(built.values(), key=lambda stack: len(stack.planes))
    fitting = {key: stack for key, stack in built.items() if same_slices(stack, lead)}
    rest = {key: stack for key, stack in built.items() if key not in fitting}
    shared = {stack.lead.series for stack in rest.values()} & {stack.lead.series for stack in fitting.values()}
    if shared:
        cause = "The echoes of the series do not have the same slices."
        raise SteatoscopeError("E_SLICES", path=str(lead.lead.file.path.parent), cause=cause)
    return [Train(fitting, _components(fitting)), *(_fitting(rest) if rest else [])]


def same_slices(a: Stack, b: Stack) -> bool:
    """Whether two stacks have the same slices in the same places."""
    if len(a.planes) != len(b.planes) or a.geometry.known != b.geometry.known:
        return False
    if not a.geometry.known:
        return True
    pairs = zip(a.planes, b.planes, strict=True)
    return all(
        x.position is not None
        and y.position is not None
        and float(np.linalg.norm(x.position - y.position)) <= SAME_SLICE_MM
        for x, y in pairs
    )


def _components(built: Mapping[Key, Stack]) -> tuple[str, ...]:
    """The parts with most echoes: real and imaginary, else magnitude and phase, else one part alone."""
    times = {time for time, _ in built}

    def count(parts: tuple[str, ...]) -> int:
        return sum(all((time, part) in built for part in parts) for time in times)

    return max((("R", "I"), ("M", "P"), ("M",), ("R",), ("I",), ("P",)), key=lambda p: (count(p) > 0, len(p), count(p)))


def read_train(train: Train, options: ReadOptions) -> EchoTrain:
    """Decode a train. Raises ``E_TE`` where the field strength is unknown or fewer than two echo times differ."""
    lead = train.used[0].lead
    field = field_strength_t(lead.header)
    times = np.array(train.times_ms, dtype=np.float64) / 1000.0
    if field is None or times.size < 2 or times[0] <= 0.0:
        cause = "The field strength is unknown." if field is None else "The echo times are missing or equal."
        raise SteatoscopeError("E_TE", path=str(lead.file.path.parent), cause=cause)
    if 2 * sum(plane.layout.frame_bytes for plane in train.planes) > options.max_bytes:
        raise SteatoscopeError("E_BOMB", path=str(lead.file.path.parent))
    check_planes(train.planes, options)
    signal = np.stack([_signal(train, time, options) for time in train.times_ms])
    echoes: NDArray[Any] = np.asarray(signal, dtype=np.complex64 if train.is_complex else np.float32)
    kind: Literal["complex", "magnitude"] = "complex" if train.is_complex else "magnitude"
    return EchoTrain(echoes, times, field, train.used[0].geometry, kind)


def _signal(train: Train, time: float, options: ReadOptions) -> NDArray[Any]:
    first = voxels(train.stacks[time, train.parts[0]].planes, rescaled, options)
    if not train.is_complex:
        return np.asarray(np.abs(first), dtype=np.float32)
    second_stack = train.stacks[time, train.parts[1]]
    second = voxels(second_stack.planes, rescaled, options)
    if train.parts == ("R", "I"):
        return np.asarray(first + 1j * second, dtype=np.complex64)
    angle = np.stack([phase_radians(v, p) for v, p in zip(second, second_stack.planes, strict=True)])
    return np.asarray(first * np.exp(1j * angle), dtype=np.complex64)


def anatomy_of(train: EchoTrain) -> Volume:
    """Mean magnitude over the echoes, for segmentation and display."""
    mean = np.mean(np.abs(train.data), axis=0, dtype=np.float64)
    return Volume(np.asarray(mean, dtype=np.float32), train.geometry, "au")
