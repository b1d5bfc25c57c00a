"""MR series to a scan: a multi-echo train, a vendor's fat-fraction map, or a plain image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from steatoscope.core.image import MRScan, Volume
from steatoscope.imaging.io.dicom_choice import is_axial, is_derived, is_secondary
from steatoscope.imaging.io.dicom_geometry import Stack
from steatoscope.imaging.io.dicom_mr_kind import Kind, field_strength_t, is_gradient_echo, kind_of, mr_facts
from steatoscope.imaging.io.dicom_mr_scale import to_percent
from steatoscope.imaging.io.dicom_mr_train import Train, anatomy_of, read_train, same_slices, trains
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_series import grids, stacks
from steatoscope.imaging.io.dicom_voxels import rescaled, voxels
from steatoscope.imaging.io.options import ReadOptions

PER_SECOND = frozenset({"1/S", "HZ", "S-1", "/S"})


@dataclass(frozen=True, eq=False)
class MRChoice:
    """One way to measure the study: its rank (higher is better), stacks, words, and how to read it."""

    rank: tuple[float, ...]
    stacks: tuple[Stack, ...]
    words: str
    read: Callable[[ReadOptions], MRScan]

    @property
    def planes(self) -> list[Plane]:
        """All planes of the choice, in order."""
        return [plane for stack in self.stacks for plane in stack.planes]


def choices(planes: Sequence[Plane], options: ReadOptions) -> list[MRChoice]:
    """All ways to measure the planes, the best first; only those with the series that the caller names."""
    by_kind: dict[Kind, list[Plane]] = defaultdict(list)
    echoes: dict[str, set[float]] = defaultdict(set)
    for plane in planes:
        echoes[plane.series].add(plane.echo_ms or 0.0)
    for plane in planes:
        by_kind[kind_of(plane, len(echoes[plane.series]))].append(plane)
    signal = by_kind["signal"] + by_kind["in"] + by_kind["opposed"]
    found = [_train_choice(train) for train in trains(signal, options.max_bytes)]
    found += [_plain(stack) for kind in ("water", "fat", "t2star") for stack in _stacks(by_kind[kind], options)]
    others = [stack for choice in found for stack in choice.stacks]
    rates = _stacks(by_kind["r2star"], options)
    found += [_map_choice(stack, others, rates) for stack in _stacks(by_kind["pdff"], options)]
    found += [_plain(stack) for stack in rates]
    named = [c for c in found if options.series is None or options.series in {s.lead.series for s in c.stacks}]
    return sorted(named, key=lambda choice: choice.rank, reverse=True)


def _stacks(planes: Sequence[Plane], options: ReadOptions) -> list[Stack]:
    return [stack for group in grids(planes) for stack in stacks(group, options.max_bytes)]


def _rank(kind: float, stack: Stack) -> tuple[float, ...]:
    lead = stack.lead
    good = not is_secondary(lead), is_axial(lead), not is_derived(lead)
    return (kind, *(float(mark) for mark in good), float(len(stack.planes)), -float(lead.instance))


def _train_choice(train: Train) -> MRChoice:
    count = len(train.times_ms)
    lead = train.used[0]
    meant = train.parts in (("M",), ("M", "P"), ("R", "I")) and is_gradient_echo(train.planes)
    if not train.untimed and (count < 2 or not meant):
        return _plain(lead)
    known = field_strength_t(lead.lead.header) is not None and not train.untimed
    kind = (5.0 if train.is_complex else 3.0) if count >= 3 and known else 2.0 if known else 1.5
    words = f"{count} echoes, {'complex' if train.is_complex else 'magnitude'}"
    return MRChoice(_rank(kind, lead), tuple(train.used), words, lambda options: _read_echoes(train, options))


def _read_echoes(train: Train, options: ReadOptions) -> MRScan:
    echoes = read_train(train, options)
    return MRScan(anatomy_of(echoes), echoes=echoes, facts=mr_facts(train.used[0].lead))


def _plain(stack: Stack) -> MRChoice:
    def read(options: ReadOptions) -> MRScan:
        return MRScan(_volume(stack, options), facts=mr_facts(stack.lead))

    return MRChoice(_rank(1.0, stack), (stack,), "one echo", read)


def _map_choice(stack: Stack, others: Sequence[Stack], rates: Sequence[Stack]) -> MRChoice:
    anatomy = next((other for other in others if _beside(other, stack) and other.lead.component == "M"), None)
    rate = next((r for r in rates if _beside(r, stack) and r.lead.rescale.unit in PER_SECOND), None)

    def read(options: ReadOptions) -> MRScan:
        percent = to_percent(voxels(stack.planes, rescaled, options), stack.planes)
        pdff = Volume(percent, stack.geometry, "percent")
        return MRScan(
            pdff if anatomy is None else _volume(anatomy, options),
            pdff=pdff,
            r2star=None if rate is None else Volume(voxels(rate.planes, rescaled, options), rate.geometry, "1/s"),
            facts=mr_facts(stack.lead),
        )

    return MRChoice(_rank(4.0, stack), (stack,), "fat-fraction map", read)


def _beside(other: Stack, stack: Stack) -> bool:
    shape, mine = other.lead.layout, stack.lead.layout
    return (shape.rows, shape.columns) == (mine.rows, mine.columns) and same_slices(other, stack)


def _volume(stack: Stack, options: ReadOptions) -> Volume:
    return Volume(voxels(stack.planes, rescaled, options), stack.geometry, "au")
