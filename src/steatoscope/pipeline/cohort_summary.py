"""A cohort in figures, by patient: prevalence with Wilson intervals, distributions, refusals, subgroups.

The unit is the patient: of a patient's studies by one modality the latest measured one counts. Scales never share a
panel, and simulated never joins real. Wilson (J Am Stat Assoc 1927) as recommended by Newcombe (Stat Med 1998).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import fmean, median, stdev
from typing import Any, Final

from steatoscope.core.measurement import Interval
from steatoscope.science.clinical.grades import LABELS

SMALL_CELL: Final = 5
UNKNOWN: Final = "unknown"
_Z95: Final = 1.959963984540054
_BANDS: Final = ((30, "18-29"), (40, "30-39"), (50, "40-49"), (60, "50-59"), (70, "60-69"))


@dataclass(frozen=True, slots=True)
class CohortRow:
    """What a dashboard needs of one study; ``code`` is the error code of a refused or failed one."""

    study_id: str
    patient_id: str
    on: date
    modality: str | None
    state: str
    scale: str | None = None
    value: float | None = None
    grade: str | None = None
    code: str | None = None
    message: str = ""
    sex: str | None = None
    age_years: float | None = None
    manufacturer: str | None = None
    model: str | None = None
    simulated: bool = False
    added: datetime | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``n`` patients, as a share (0-1) with its 95 % Wilson interval; both None where n is 0."""

    count: int
    n: int
    share: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Group:
    """One row of a subgroup table; ``small`` marks cells that are too small to be read alone."""

    name: str
    n: int
    mean: float
    mean_interval: Interval | None
    median: float
    steatosis: Share
    small: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Patients with ``low <= value < high`` (the last bin holds its upper edge)."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Panel:
    """All of one modality on one scale, by patient."""

    modality: str
    scale: str
    simulated: bool
    whole: Group
    grades: Mapping[str, Share]
    histogram: tuple[Bin, ...]
    subgroups: Mapping[str, tuple[Group, ...]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How often one error code ended a study, and in how many patients."""

    code: str
    message: str
    state: str
    studies: int
    patients: int
    simulated: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """The dashboard: panels and refusals; ``studies`` and ``patients`` count everything in the filter."""

    studies: int
    patients: int
    measured_studies: int
    repeats_left_out: int
    panels: tuple[Panel, ...]
    refusals: tuple[Refusal, ...]


SUBGROUPS: Final[Mapping[str, Callable[[CohortRow], str]]] = {
    "manufacturer": lambda row: row.manufacturer or UNKNOWN,
    "sex": lambda row: row.sex or UNKNOWN,
    "age": lambda row: age_band(row.age_years),
    "model": lambda row: row.model or UNKNOWN,
    "month": lambda row: row.on.strftime("%Y-%m"),
}


def summarise(rows: Sequence[CohortRow]) -> Cohort:
    """The dashboard of the studies given."""
    measured = [row for row in rows if row.value is not None and row.scale and row.grade and row.modality]
    counted = latest(measured)
    keys = sorted({(row.simulated, str(row.modality), str(row.scale)) for row in counted})
    return Cohort(
        studies=len(rows),
        patients=len({row.patient_id for row in rows}),
        measured_studies=len(measured),
        repeats_left_out=len(measured) - len(counted),
        panels=tuple(_panel(key, counted) for key in keys),
        refusals=_refusals(rows),
    )


def latest(rows: Iterable[CohortRow]) -> list[CohortRow]:
    """Of each patient, modality and kind (real or simulated) the latest study; of one day the one uploaded last."""
    kept: dict[tuple[str, str | None, bool], CohortRow] = {}
    for row in sorted(rows, key=lambda row: (row.on, row.added.isoformat() if row.added else "", row.study_id)):
        kept[row.patient_id, row.modality, row.simulated] = row
    return list(kept.values())


def measuring_model(models: Sequence[Mapping[str, Any]], method: str) -> str | None:
    """The model, equation or spectrum that gave the fat value, with its version: the one that its method names.

    Models that outline organs or mark regions name no value. Where none is named, the method itself stands for it.
    """
    if not method:
        return None
    named = (f"{model['name']} {model['version']}" for model in models if str(model["name"]).split()[-1] in method)
    return next(named, method.partition(",")[0])


def wilson(count: int, n: int) -> Share:
    """A proportion with its 95 % score interval (Wilson 1927)."""
    if not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no proportion")
    if n == 0:
        return Share(0, 0, None, None)
    p, z2 = count / n, _Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if count == 0 else centre - half
    high = 1.0 if count == n else centre + half
    return Share(count, n, p, Interval(low, high, 0.95))


def age_band(age_years: float | None) -> str:
    """The band of ten years that an age lies in."""
    if age_years is None:
        return UNKNOWN
    if age_years < 18:
        return "under 18"
    return next((name for end, name in _BANDS if age_years < end), "70 and over")


def histogram(values: Sequence[float], width: float) -> tuple[Bin, ...]:
    """Counts in bins of ``width`` from 0 to the bin of the largest value; values below 0 lie in the first bin."""
    if not values:
        return ()
    bins = max(1, math.floor(max(values) / width) + 1)
    counts = Counter(min(max(math.floor(value / width), 0), bins - 1) for value in values)
    return tuple(Bin(k * width, (k + 1) * width, counts.get(k, 0)) for k in range(bins))


def _panel(key: tuple[bool, str, str], rows: Sequence[CohortRow]) -> Panel:
    simulated, modality, scale = key
    own = [row for row in rows if (row.simulated, row.modality, row.scale) == key]
    width = 5.0 if scale == "histology" else 2.5
    return Panel(
        modality=modality,
        scale=scale,
        simulated=simulated,
        whole=_group("all", own),
        grades={label: wilson(sum(row.grade == label for row in own), len(own)) for label in LABELS},
        histogram=histogram([row.value for row in own if row.value is not None], width),
        subgroups={name: _groups(own, key_of) for name, key_of in SUBGROUPS.items()},
    )


def _groups(rows: Sequence[CohortRow], key_of: Callable[[CohortRow], str]) -> tuple[Group, ...]:
    split: dict[str, list[CohortRow]] = {}
    for row in rows:
        split.setdefault(key_of(row), []).append(row)
    names = sorted(split, key=lambda name: (name == UNKNOWN, name != "under 18", name))
    return tuple(_group(name, split[name]) for name in names)


def _group(name: str, rows: Sequence[CohortRow]) -> Group:
    values = [row.value for row in rows if row.value is not None]
    positive = sum(row.grade != "normal" for row in rows)
    return Group(
        name=name,
        n=len(values),
        mean=fmean(values),
        mean_interval=mean_interval(values),
        median=median(values),
        steatosis=wilson(positive, len(rows)),
        small=len(rows) < SMALL_CELL,
    )


def mean_interval(values: Sequence[float]) -> Interval | None:
    """The 95 % interval of a mean by Student's t; None for fewer than two values."""
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / math.sqrt(len(values))
    return Interval(fmean(values) - half, fmean(values) + half, 0.95)


def _refusals(rows: Sequence[CohortRow]) -> tuple[Refusal, ...]:
    split: dict[tuple[str, str], list[CohortRow]] = {}
    for row in rows:
        if row.state in ("refused", "failed"):
            split.setdefault((row.code or UNKNOWN, row.state), []).append(row)
    found = [
        Refusal(
            code=code,
            message=next((row.message for row in own if row.message), ""),
            state=state,
            studies=len(own),
            patients=len({row.patient_id for row in own}),
            simulated=sum(row.simulated for row in own),
        )
        for (code, state), own in split.items()
    ]
    return tuple(sorted(found, key=lambda row: (-row.studies, row.code, row.state)))
