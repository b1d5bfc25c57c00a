"""Benchmark ``explanation``: is the map of the ultrasound model what it claims to be?

It is tested whether the map and the effects add up to the value, where the map lies, whether it changes when weights
are shuffled (Adebayo, NeurIPS 2018), and whether the value leaves its place sooner when squares are deleted in the
map's order than in random order (Petsiuk, BMVC 2018). Patients are those that the model was trained on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.trust_explanation_cases import Case, real_cases, simulated_cases
from steatoscope.learning.evaluation.trust_explanation_model import MapModel, ShuffledModels
from steatoscope.learning.evaluation.trust_explanation_pictures import write_pictures
from steatoscope.learning.evaluation.trust_explanation_scores import Tested, tested
from steatoscope.learning.inference.us_steatosis import load_us_steatosis
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

_LOG: Final = logging.getLogger(__name__)
_REAL, _SIMULATED = "us-steatosis, real (its training patients)", "us-steatosis, simulated"
_CASE_FIGURES: Final = ("in_organs", "shuffled_everything_rank", "deletion_gain", "insertion_gain", "text_shift")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Patients (None: all), simulated scans, random orders of squares for each, and bootstrap resamples."""

    patients: int | None
    scans: int
    orders: int
    resamples: int


FULL: Final = Sizes(patients=None, scans=8, orders=1, resamples=2000)
QUICK: Final = Sizes(patients=2, scans=2, orders=1, resamples=200)


def run_explanation(data: Path | None, *, seed: int, out: Path | None = None, quick: bool = False) -> dict[str, Any]:
    """The benchmark's document; ``data`` is the folder of all real sets, in which ``us/byra2018`` is read.

    Six maps on their pictures are written to ``out``. Raises what the reader of the set raises for a bad folder.
    """
    sizes, model = QUICK if quick else FULL, load_us_steatosis()
    whole, shuffled = MapModel.of(model), ShuffledModels(model, seed).by_part
    real = [] if data is None else _all(real_cases(data, sizes.patients), whole, shuffled, sizes, seed)
    simulated = _all(simulated_cases(sizes.scans, seed), whole, shuffled, sizes, seed)
    if out is not None:
        write_pictures([*real, *simulated], out)
    rows = {name: found for name, found in ((_REAL, real), (_SIMULATED, simulated)) if found}
    return {
        "name": "explanation",
        "data": f"{f'byra2018, {len(real)} patients (real); ' if real else ''}{len(simulated)} simulated scans "
        f"(seed {seed})",
        "n_subjects": len(real) + len(simulated),
        "n_images": 2 * (len(real) + len(simulated)),
        "left_out": 0,
        "results": {name: _row(found, seed, sizes.resamples) for name, found in rows.items()},
        "cases": [_case(one) for one in (*real, *simulated)],
        "configuration": {"quick": quick, "seed": seed, "random_orders": sizes.orders},
        "evidence": Evidence(notes=_NOTES),
    }


def _all(
    cases: Iterable[Case], whole: MapModel, shuffled: Mapping[str, MapModel], sizes: Sizes, seed: int
) -> list[Tested]:
    found = []
    for number, case in enumerate(cases):
        draw = np.random.default_rng((seed, number))
        found.append(tested(case, whole, dict(shuffled), draw, sizes.orders))
        _LOG.info("maps tested: %d (%s)", number + 1, "simulated" if case.simulated else "real")
    return found


def _row(found: Sequence[Tested], seed: int, resamples: int) -> dict[str, Any]:
    """Means over patients with 95 % intervals; of remainders the largest."""
    names = list(found[0].figures)
    table = np.array([[one.figures[name] for name in names] for one in found])
    spans = bootstrap_intervals(
        lambda rows: dict(zip(names, _means(table[rows]), strict=True)),
        np.arange(len(found)), resamples=resamples, seed=seed,
    )  # fmt: skip
    means = dict(zip(names, _means(table), strict=True))
    largest = {name: float(np.max(table[:, names.index(name)])) for name in names if name.endswith("_remainder")}
    for name in largest:
        spans.pop(name, None)
    return with_intervals(means | largest, spans, digits=4) | {k: float(f"{v:.1e}") for k, v in largest.items()}


def _means(table: np.ndarray[Any, Any]) -> list[float]:
    known = np.isfinite(table)
    return [
        float(column[use].mean()) if use.any() else float("nan") for column, use in zip(table.T, known.T, strict=True)
    ]


def _case(one: Tested) -> dict[str, Any]:
    figures = {name: round(one.figures[name], 3) for name in _CASE_FIGURES}
    return {"case": one.case.name, "value": round(one.reading.value_percent, 2), **figures}


_NOTES: Final = (
    "Patients are those that the model was trained on: the figures say whether the map is true to the model, not "
    "whether the model is right.",
    "Remainders are the largest over cases, in points of fat; all other figures are means over patients, with 95 % "
    "bootstrap intervals over patients.",
    "in_organs is the share of the map's absolute values in the outlines of liver and kidney (of the segmenter on "
    "patients, true on simulated scans), organs_area their share of the sector.",
    "on_text is the share of the map on words that were burned into the tissue, on_place_without_text that of the "
    "same pixels before, text_area theirs of the sector, text_shift what the words do to the value, in points.",
    "rank: Spearman's correlation of two maps over the tissue; size_rank of their absolute values; ssim: structural "
    "similarity of absolute values. same_place is another frame of the patient, or a second scan of the simulated one.",
    "deletion: mean distance of the value from the whole picture's while squares of 24 pixels are set to the sector's "
    "mean grey in the map's order; insertion: while they are put back into a grey sector. A gain above 0 says that the "
    "map's order beats random ones, in points of fat.",
)
