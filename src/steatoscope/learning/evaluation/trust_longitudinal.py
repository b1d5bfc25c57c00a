"""Benchmark ``longitudinal``: whether the product tells a real change of liver fat from chance.

Simulated series by MR and CT say how often the verdict on the slope is right; repeats say what images of one body
differ by. With real images of Byra 2018 it adds what the ultrasound model's values differ by within a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.trust_longitudinal_series import (
    METHODS,
    NEAR,
    Answer,
    Method,
    draw_plans,
    follow,
    real_multiples,
    repeats,
)
from steatoscope.learning.evaluation.trust_longitudinal_us import phantom_repeats, session_repeats
from steatoscope.science.clinical.change import FALLING, NO_TREND, RISING
from steatoscope.science.metrics.repeatability import repeatability_figures
from steatoscope.science.uncertainty.reliability import share_interval

SERIES, NEAR_SERIES, BODIES, US_BODIES = 200, 120, 40, 12
QUICK_SERIES, QUICK_NEAR, QUICK_BODIES, QUICK_US = 8, 3, 4, 2
LABEL: Final = "(simulated)"
_NOTES: Final = (
    "right: share of series whose slope is called rising, falling or no measurable trend as it is; exact binomial 95 % "
    "interval.",
    "right_two_visits: the same for the last visit against the first alone; miss: share of changing series that are "
    "not called so, or called the wrong way.",
    "Series: five visits half a year apart. Half of the 200 do not change, half change by 2 to 4 times the "
    "repeatability coefficient over all; those near it are apart.",
    "True fat varies between visits so that it and the noise of the images make up the within-subject SD that the "
    "product assumes (coefficient / 2.77): false alarms of 5 % are what that interval allows.",
    "Images are the simulators' smallest useful size (MR 10 x 48 x 48, CT 10 x 100 x 100), read on the true liver.",
    "images alone: the same body scanned again with other noise; no positioning, breathing or day is in it.",
    "wsd, rc: within-subject SD and repeatability coefficient (1.96 sqrt(2) wsd) in points of fat.",
)


def run_longitudinal(data: Path | None, *, seed: int, out: Path, quick: bool) -> dict[str, Any]:
    """Simulate, measure and judge; ``data`` is the folder of all real sets, of which ``us/byra2018`` is read."""
    del out
    results: dict[str, Any] = {}
    images = refused = 0
    for method in METHODS:
        rows, counted, left = _method_rows(method, seed, quick=quick)
        results |= rows
        images, refused = images + counted, refused + left
    again = phantom_repeats(seed, QUICK_US if quick else US_BODIES)
    if again.shape[0] >= 2:
        results[f"US us-steatosis, phantoms scanned again {LABEL}"] = _repeat_row(again, seed)
    found = session_repeats(data) if data is not None else None
    if found is not None:
        results["US us-steatosis, two halves of one session (real, Byra 2018)"] = _repeat_row(found, seed)
    series = QUICK_SERIES + QUICK_NEAR * len(NEAR) if quick else SERIES + NEAR_SERIES
    return {
        "name": "longitudinal",
        "data": f"simulated follow-up (seed {seed}), five visits a series"
        + (" and Byra 2018" if found is not None else ""),
        "n_subjects": len(METHODS) * series,
        "n_images": images,
        "left_out": refused,
        "results": results,
        "configuration": {"quick": quick, "seed": seed, "series_per_method": series},
        "evidence": Evidence(notes=_NOTES),
    }


def _method_rows(method: Method, seed: int, *, quick: bool) -> tuple[dict[str, Any], int, int]:
    """Rows of one method, how many images were read, and how many series were refused."""
    rng = np.random.default_rng((seed, len(method.name)))
    pairs = repeats(method, seed, QUICK_BODIES if quick else BODIES)
    figures, spans = repeatability_figures(pairs, seed=seed)
    rows: dict[str, Any] = {f"{method.name}, images alone {LABEL}": with_intervals(figures, spans) | {"n": len(pairs)}}
    plans = draw_plans(rng, method, real_multiples(rng, QUICK_SERIES if quick else SERIES))
    answers = list(follow(method, plans, figures["wsd"], seed))
    told = [answer for answer in answers if answer is not None]
    changed = [answer for answer in told if answer.plan.multiple > 0.0]
    still = [answer for answer in told if answer.plan.multiple == 0.0]
    rows[f"{method.name}, all {LABEL}"] = _right_row(told)
    rows[f"{method.name}, no change {LABEL}"] = _right_row(still)
    rows[f"{method.name}, change of 2 to 4 times the repeatability {LABEL}"] = _right_row(changed, missed=True)
    each = QUICK_NEAR if quick else NEAR_SERIES // len(NEAR)
    for multiple in NEAR:
        more = list(follow(method, draw_plans(rng, method, [multiple] * each), figures["wsd"], seed))
        answers += more
        near = [answer for answer in more if answer is not None]
        rows[f"{method.name}, change of {multiple:g} times the repeatability {LABEL}"] = _right_row(near, missed=True)
    refused = sum(answer is None for answer in answers)
    return rows, 5 * len(answers) + 2 * len(pairs), refused


def _right_row(answers: Sequence[Answer], *, missed: bool = False) -> dict[str, Any]:
    right = sum(answer.slope == expected(answer) for answer in answers)
    pairs = sum(answer.change.partition(",")[0] == expected_change(answer) for answer in answers)
    found = _share("right", right, len(answers)) | _share("right_two_visits", pairs, len(answers))
    return found | (_share("miss", len(answers) - right, len(answers)) if missed else {}) | {"n": len(answers)}


def expected(answer: Answer) -> str:
    """The right verdict on the slope."""
    return NO_TREND if answer.plan.change == 0.0 else RISING if answer.plan.change > 0.0 else FALLING


def expected_change(answer: Answer) -> str:
    """The right verdict on two visits."""
    change = answer.plan.change
    return "no measurable change" if change == 0.0 else "worsened" if change > 0.0 else "improved"


def _share(name: str, count: int, n: int) -> dict[str, Any]:
    if not n:
        return {}
    span = share_interval(count, n)
    return {name: count / n, f"{name}_ci": [span.low, span.high]}


def _repeat_row(values: NDArray[np.float64], seed: int) -> dict[str, Any]:
    return with_intervals(*repeatability_figures(values, seed=seed)) | {"n": len(values)}
