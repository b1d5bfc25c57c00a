"""Coverage of the CT and MR intervals on simulated scans of known fat, with what the simulator does not know added.

A phantom holds neither the scatter of patients about a CT equation nor another spectrum of fat unless these are drawn
too, and never a second examination on another day. Where nothing is drawn, an interval that names those errors covers
more than its level, and the part of it that is noise alone shows whether the noise is judged rightly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.phantoms.ct import CTPhantom, simulate_ct
from steatoscope.imaging.phantoms.mr import simulate_mr
from steatoscope.learning.evaluation.phantom_readings import Subject, draw_cohort
from steatoscope.science.quantify.ct import measure_ct
from steatoscope.science.quantify.ct_equations import ATTENUATION, DEFAULT_EQUATION, EQUATIONS, RESIDUAL_SD_POINTS
from steatoscope.science.quantify.ct_region import erode
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_roi import UNEVENNESS, liver_fat_fraction
from steatoscope.science.quantify.mr_spectrum_error import LIVER_SPECTRA
from steatoscope.science.uncertainty.budget import ErrorBudget
from steatoscope.science.uncertainty.reliability import share_interval

LEVEL: Final = 0.9
_DRAWN_PATIENTS: Final = 4
_SMALL: Final[dict[str, Any]] = {"slice_mm": 8.0, "pixel_mm": 3.7, "matrix": 96}
_QUANTILE: Final = NormalDist().inv_cdf(0.5 + LEVEL / 2.0)


@dataclass(frozen=True, slots=True)
class Judged:
    """One scan: the row it belongs to, true and measured fat in percent, the half-width, and whether it covers."""

    row: str
    truth: float
    measured: float
    half: float

    @property
    def held(self) -> bool:
        """Whether the true fat lies within the interval."""
        return abs(self.measured - self.truth) <= self.half


def phantom_rows(
    subjects: int, seed: int, told: Callable[[str, int, int], None] | None = None
) -> tuple[dict[str, dict[str, Any]], int]:
    """Coverage rows over seeded cohorts of CT and MR, and how many scans the method refused."""
    rng = np.random.default_rng((seed, 7))
    found: list[Judged] = []
    refused = 0
    for subject in draw_cohort(seed, subjects):
        for scans in (_ct_scans, _mr_scans):
            try:
                found += scans(subject, rng)
            except SteatoscopeError:
                refused += 1
        if told is not None:
            told("phantoms", subject.number + 1, subjects)
    return {f"{row} (simulated)": _row([one for one in found if one.row == row]) for row in _names(found)}, refused


def _names(found: list[Judged]) -> list[str]:
    return list(dict.fromkeys(one.row for one in found))


def _row(found: list[Judged]) -> dict[str, Any]:
    hits = sum(one.held for one in found)
    span = share_interval(hits, len(found))
    gaps = np.array([one.measured - one.truth for one in found])
    return {
        "n": len(found),
        "interval_coverage_90": hits / len(found),
        "interval_coverage_90_ci": [span.low, span.high],
        "interval_width": 2.0 * float(np.mean([one.half for one in found])),
        "bias_percent": float(gaps.mean()),
        "rmse_percent": float(np.sqrt((gaps**2).mean())),
    }


def _ct_scans(subject: Subject, rng: np.random.Generator) -> list[Judged]:
    """The liver as the default equation has it; and patients who scatter about an equation drawn at random."""
    found = list(_ct(simulate_ct(subject.pdff_percent, subject.seed, noise_hu=subject.noise_hu), subject, "ct"))
    for number in range(_DRAWN_PATIENTS):
        equation = EQUATIONS[list(EQUATIONS)[int(rng.integers(len(EQUATIONS)))]]
        seen = subject.pdff_percent - float(rng.normal(0.0, RESIDUAL_SD_POINTS))
        painted = EQUATIONS[DEFAULT_EQUATION].fat_percent(equation.liver_hu(seen))
        if 0.0 <= painted <= 100.0:
            phantom = simulate_ct(painted, subject.seed + number, noise_hu=subject.noise_hu, **_SMALL)
            found += list(_ct(phantom, subject, "ct, scatter and equation drawn"))[:1]
    return found


def _ct(phantom: CTPhantom, subject: Subject, row: str) -> Iterator[Judged]:
    fat = measure_ct(phantom.volume, phantom.masks["liver"], phantom.masks["spleen"], facts=phantom.facts).fat
    yield Judged(f"{row}, whole interval", subject.pdff_percent, fat.raw_percent, fat.budget.half_width(LEVEL))
    yield Judged(f"{row}, noise alone", subject.pdff_percent, fat.raw_percent, _half(fat.budget, ATTENUATION))


def _mr_scans(subject: Subject, rng: np.random.Generator) -> list[Judged]:
    """Fitted by the spectrum that made the signal, and by another published one drawn at random."""
    phantom = simulate_mr(subject.pdff_percent, subject.seed, snr=subject.snr)
    train = phantom.train
    liver, _ = erode(phantom.masks["liver"], train.geometry.spacing, train.geometry.voxel_ml)
    others = [name for name in LIVER_SPECTRA if name != phantom.truth["spectrum"]]
    found = []
    for row, spectrum in (("mr", str(phantom.truth["spectrum"])), ("mr, other spectrum", str(rng.choice(others)))):
        read = liver_fat_fraction(fit_fat_water(train, spectrum=spectrum), liver)
        if read.refusal:
            raise SteatoscopeError(read.refusal)
        for part, half in (
            ("whole interval", read.budget.half_width(LEVEL)),
            ("noise alone", _half(read.budget, UNEVENNESS)),
        ):
            found.append(Judged(f"{row}, {part}", subject.pdff_percent, read.value_percent, half))
    return found


def _half(budget: ErrorBudget, source: str) -> float:
    return _QUANTILE * budget.part(source)
