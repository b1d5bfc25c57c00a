"""Simulated follow-up: five visits of one body with known fat, each visit imaged and measured by the product.

From visit to visit the true fat varies by chance so that, with the noise of the images, the within-subject SD is the
one that the product assumes for the method (coefficient over 2.77): positioning, breathing and the day are not in the
phantoms, and without them every series would be too easy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from steatoscope.imaging.phantoms.ct import simulate_ct
from steatoscope.imaging.phantoms.mr import simulate_mr
from steatoscope.learning.evaluation.phantom_readings import mr_fat
from steatoscope.pipeline.timeline import Visit, timeline
from steatoscope.science.clinical.repeatability import CT_POINTS, MR_SAME_SCANNER_POINTS, RC_PER_SD
from steatoscope.science.quantify.ct import measure_ct

VISITS: Final = 5
DAYS_APART: Final = 182
LEAST_REAL: Final = 2.0
MOST_REAL: Final = 4.0
NEAR: Final = (0.5, 1.0, 1.5)
_FAT: Final = (2.0, 34.0)
_START: Final = date(2024, 1, 8)

Measure = Callable[[float, int, int], float | None]


@dataclass(frozen=True, eq=False)
class Method:
    """A measurement of simulated images: ``measure(fat, seed, repeat)`` in percent, and its coefficient in points."""

    name: str
    modality: str
    scale: str
    coefficient: float
    measure: Measure


def measure_mr(fat: float, seed: int, repeat: int) -> float | None:
    """One six-echo MR at 3 T of 10 slices of 48 x 48, fitted and read on the true liver."""
    phantom = simulate_mr(fat, seed, shape=(10, 48, 48), spacing_mm=(18.0, 7.4, 7.4), repeat=repeat)
    return mr_fat(phantom.train, phantom.masks["liver"])


def measure_ct_fat(fat: float, seed: int, repeat: int) -> float | None:
    """One unenhanced 120 kV CT of 10 slices of 100 x 100, read on the true liver."""
    phantom = simulate_ct(fat, seed, slice_mm=20.0, pixel_mm=3.5, matrix=100, repeat=repeat)
    found = measure_ct(phantom.volume, phantom.masks["liver"], phantom.masks["spleen"], facts=phantom.facts)
    return None if found.refusal else found.fat.value_percent


METHODS: Final = (
    Method("MR pdff", "MR", "pdff", MR_SAME_SCANNER_POINTS, measure_mr),
    Method("CT ct_pdff_equiv", "CT", "ct_pdff_equiv", CT_POINTS, measure_ct_fat),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One series: the body's seed, fat in percent at the first visit, and the change to the last one in points."""

    seed: int
    start: float
    change: float
    multiple: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the product says of a series: the slope's verdict, and that of the last visit against the first."""

    plan: Plan
    slope: str
    change: str
    values: tuple[float, ...]


def draw_plans(rng: np.random.Generator, method: Method, multiples: Iterable[float]) -> list[Plan]:
    """One series for each multiple of the coefficient, up or down by chance, within 2-34 % of fat."""
    plans = []
    for multiple in multiples:
        size = multiple * method.coefficient
        rises = bool(rng.integers(2))
        low, high = (_FAT[0], _FAT[1] - size) if rises else (_FAT[0] + size, _FAT[1])
        start = float(rng.uniform(low, high))
        plans.append(Plan(int(rng.integers(2**31)), start, size if rises else -size, multiple))
    return plans


def real_multiples(rng: np.random.Generator, n: int) -> list[float]:
    """Half of ``n`` series without a change, half with 2 to 4 times the coefficient."""
    return [0.0] * (n - n // 2) + [float(one) for one in rng.uniform(LEAST_REAL, MOST_REAL, size=n // 2)]


def follow(method: Method, plans: Iterable[Plan], image_sd: float, seed: int) -> Iterator[Answer | None]:
    """The product's answer on every series; None where a visit was refused."""
    total = method.coefficient / RC_PER_SD
    chance = math.sqrt(max(total**2 - image_sd**2, 0.0))
    for plan in plans:
        rng = np.random.default_rng((seed, plan.seed))
        fat = plan.start + plan.change * np.linspace(0.0, 1.0, VISITS) + rng.normal(0.0, chance, VISITS)
        values = [method.measure(max(float(true), 0.0), plan.seed, repeat) for repeat, true in enumerate(fat)]
        known = [value for value in values if value is not None]
        yield _answer(method, plan, known) if len(known) == VISITS else None


def _answer(method: Method, plan: Plan, values: list[float]) -> Answer:
    visits = [
        Visit(
            study_id=str(number),
            on=_START + timedelta(days=DAYS_APART * number),
            modality=method.modality,
            scale=method.scale,
            method=method.name,
            value=value,
            low=value,
            high=value,
            scanner="simulated",
            simulated=True,
        )
        for number, value in enumerate(values)
    ]
    track = timeline(visits).tracks[0]
    if track.slope is None or track.since_first is None:
        raise ValueError(f"{method.name} has no slope")
    return Answer(plan, track.slope.verdict, track.since_first.change.verdict, tuple(values))


def repeats(method: Method, seed: int, bodies: int) -> np.ndarray:
    """Values (bodies, 2) of the same bodies scanned twice at the same fat: the noise of the images alone."""
    rng = np.random.default_rng((seed, 1))
    rows = []
    for _ in range(bodies):
        fat, body = float(rng.uniform(*_FAT)), int(rng.integers(2**31))
        pair = [method.measure(fat, body, repeat) for repeat in range(2)]
        if None not in pair:
            rows.append(pair)
    return np.array(rows, dtype=np.float64)
