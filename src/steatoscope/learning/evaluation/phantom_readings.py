"""Simulated livers of known fat, and what the public measurements read from them on their true masks.

Every reading pairs the simulator's truth with the measured value; a refused measurement has none, as in the product.
CT is converted by the equation that the simulator inverts, so its rows judge the measurement of attenuation, not the
equation's agreement with patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip, EchoTrain, Mask, USView
from steatoscope.imaging.phantoms.ct import simulate_ct
from steatoscope.imaging.phantoms.mr import MRPhantom, simulate_mr
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.phantoms.us_scanconvert import Probe
from steatoscope.science.quantify.ct import measure_ct
from steatoscope.science.quantify.ct_region import erode
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_roi import liver_fat_fraction

ReadUS = Callable[[Clip], float | None]

MOST_FAT_PERCENT: Final = 40.0
_NOISE_HU: Final = (8.0, 16.0)
_SNR: Final = (25.0, 50.0)
_PROBES: Final[tuple[Probe, ...]] = ("curvilinear", "sector")


@dataclass(frozen=True, slots=True)
class Subject:
    """One simulated person: PDFF in percent, the seed of anatomy and noise, and how noisy CT (HU) and MR (SNR) are."""

    number: int
    pdff_percent: float
    seed: int
    noise_hu: float
    snr: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value beside the truth, in the unit of its row; ``measured`` is None where refused."""

    row: str
    subject: int
    truth: float
    measured: float | None


def draw_cohort(seed: int, n: int) -> tuple[Subject, ...]:
    """``n`` subjects, one in each n-th part of 0-40 % PDFF, at a random place within it."""
    rng = np.random.default_rng(seed)
    fat = (np.arange(n) + rng.uniform(size=n)) * MOST_FAT_PERCENT / n
    seeds = rng.integers(2**31, size=n)
    noise, snr = rng.uniform(*_NOISE_HU, size=n), rng.uniform(*_SNR, size=n)
    return tuple(Subject(k, float(fat[k]), int(seeds[k]), float(noise[k]), float(snr[k])) for k in range(n))


def ct_readings(subject: Subject) -> Iterator[list[Reading]]:
    """One unenhanced 120 kV CT, read in HU and as PDFF-equivalent."""
    phantom = simulate_ct(subject.pdff_percent, subject.seed, noise_hu=subject.noise_hu)
    masks = phantom.masks
    found = measure_ct(phantom.volume, masks["liver"], masks["spleen"], facts=phantom.facts)
    fat = None if found.refusal else found.fat.value_percent
    yield [
        Reading("ct liver_hu", subject.number, float(phantom.truth["liver_hu"]), found.liver.median),
        Reading("ct ct_pdff_equiv", subject.number, subject.pdff_percent, fat),
    ]


def mr_readings(subject: Subject) -> Iterator[list[Reading]]:
    """Multi-echo MR: complex at 3 T and 1.5 T, bipolar readout, and magnitudes only (of the first scan)."""
    fat, seed, snr = subject.pdff_percent, subject.seed, subject.snr
    first = simulate_mr(fat, seed, snr=snr)
    yield [_mr_reading("complex 3 T", subject, first, first.train)]
    low = simulate_mr(fat, seed, snr=snr, field_t=1.5)
    yield [_mr_reading("complex 1.5 T", subject, low, low.train)]
    turned = simulate_mr(fat, seed, snr=snr, bipolar=True)
    yield [_mr_reading("bipolar 3 T", subject, turned, turned.train)]
    yield [_mr_reading("magnitude 3 T", subject, first, _magnitudes(first.train))]


def us_readings(subject: Subject, read_us: ReadUS) -> Iterator[list[Reading]]:
    """One HR frame by each probe, read on the histology scale."""
    for probe in _PROBES:
        phantom = simulate_us(subject.pdff_percent, subject.seed, probe=probe)
        truth = float(phantom.truth["histology_percent"])
        yield [Reading(f"us histology {probe}", subject.number, truth, read_us(phantom.clip))]


def read_with_first_model(clip: Clip) -> float | None:
    """Fat on the histology scale by the first ultrasound model, prepared as in ``analyze``; None where refused."""
    from steatoscope.learning.inference.us_first import load_us_first
    from steatoscope.pipeline.us_views import prepare_view

    view, _ = prepare_view(USView(None, clip))
    if view is None:
        return None
    found = load_us_first().predict(view.frames, view.sector, view.pixel_mm)
    return None if found.out_of_distribution else found.value_percent


def _mr_reading(setting: str, subject: Subject, phantom: MRPhantom, train: EchoTrain) -> Reading:
    value = mr_fat(train, phantom.masks["liver"])
    return Reading(f"mr pdff {setting}", subject.number, subject.pdff_percent, value)


def mr_fat(train: EchoTrain, liver: Mask) -> float | None:
    """Fat of echoes in percent of PDFF in a liver mask (slices, rows, columns); None where refused."""
    eroded, _ = erode(liver, train.geometry.spacing, train.geometry.voxel_ml)
    try:
        found = liver_fat_fraction(fit_fat_water(train), eroded)
    except SteatoscopeError:
        return None
    return None if found.refusal else found.value_percent


def _magnitudes(train: EchoTrain) -> EchoTrain:
    return replace(train, data=np.abs(train.data).astype(np.float32), kind="magnitude", precession=None)
