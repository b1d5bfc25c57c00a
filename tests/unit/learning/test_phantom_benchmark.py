"""The phantom benchmark: its gates on simulated livers, its document, refusals, and what it repeats."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from steatoscope.core.errors import UsageError
from steatoscope.core.image import Clip
from steatoscope.learning.evaluation.phantom import run_phantom_benchmark
from steatoscope.learning.evaluation.phantom_readings import draw_cohort

MR_ROWS = [
    "mr pdff bipolar 3 T (simulated)",
    "mr pdff complex 1.5 T (simulated)",
    "mr pdff complex 3 T (simulated)",
    "mr pdff magnitude 3 T (simulated)",
]


@pytest.fixture(scope="module")
def volumes() -> dict[str, Any]:
    return run_phantom_benchmark(0, 4, ("ct", "mr"))


@pytest.mark.slow
def test_ct_reaches_its_gate(volumes: dict[str, Any]) -> None:
    hu = volumes["results"]["ct liver_hu (simulated)"]
    assert hu["n"] == 4
    assert abs(hu["bias"]) <= 0.5
    assert hu["bias_ci"][0] <= hu["bias"] <= hu["bias_ci"][1]
    fat = volumes["results"]["ct ct_pdff_equiv (simulated)"]
    assert abs(fat["bias"]) <= 0.3
    assert fat["slope"] == pytest.approx(1.0, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("row", MR_ROWS)
def test_mr_reaches_its_gate(volumes: dict[str, Any], row: str) -> None:
    found = volumes["results"][row]
    assert (found["n"], found["refused"]) == (4, 0)
    assert abs(found["bias"]) <= 0.3
    assert -1.5 <= found["limits_low"] < found["limits_high"] <= 1.5
    assert found["slope"] == pytest.approx(1.0, abs=0.02)


@pytest.mark.slow
def test_document_of_volumes(volumes: dict[str, Any]) -> None:
    assert volumes["name"] == "phantom"
    assert "simulated" in volumes["data"]
    assert (volumes["n_subjects"], volumes["n_images"], volumes["left_out"]) == (4, 20, 0)
    assert set(volumes["results"]) == {"ct liver_hu (simulated)", "ct ct_pdff_equiv (simulated)", *MR_ROWS}
    assert len(volumes["cases"]) == 24
    json.dumps(volumes, allow_nan=False)


def test_cohort_is_spread_evenly() -> None:
    fat = [subject.pdff_percent for subject in draw_cohort(3, 8)]
    assert [int(value // 5) for value in fat] == list(range(8))
    assert draw_cohort(3, 8) == draw_cohort(3, 8)
    assert draw_cohort(3, 8) != draw_cohort(4, 8)


def test_figures_of_a_constant_reader() -> None:
    document = run_phantom_benchmark(1, 4, ("us",), read_us=lambda clip: 50.0)
    found = document["results"]["us histology sector (simulated)"]
    truth = np.array([case["truth"] for case in document["cases"] if case["row"] == "us histology sector"])
    assert found["bias"] == pytest.approx(50.0 - truth.mean())
    half = 1.959964 * truth.std(ddof=1)
    assert (found["limits_low"], found["limits_high"]) == pytest.approx((found["bias"] - half, found["bias"] + half))
    assert found["slope"] == pytest.approx(0.0, abs=1e-12)
    assert document["n_images"] == 8


def test_refused_scans_are_counted_and_said() -> None:
    seen: list[float] = []

    def every_second(clip: Clip) -> float | None:
        seen.append(float(clip.frames.mean()))
        return 10.0 if len(seen) % 2 else None

    document = run_phantom_benchmark(1, 3, ("us",), read_us=every_second)
    assert document["left_out"] == 3
    assert "3 of 6 scans refused" in document["data"]
    assert sum(row["refused"] for row in document["results"].values()) == 3
    assert sum(row["n"] for row in document["results"].values()) == 3


def test_rows_without_any_reading_are_unknown_not_zero() -> None:
    document = run_phantom_benchmark(0, 2, ("us",), read_us=lambda clip: None)
    for row in document["results"].values():
        assert row["bias"] is None
        assert row["slope"] is None
        assert (row["n"], row["refused"]) == (0, 2)
    json.dumps(document, allow_nan=False)


@pytest.mark.slow
def test_first_model_reads_or_refuses_and_repeats() -> None:
    document = run_phantom_benchmark(0, 2, ("us",))
    assert document == run_phantom_benchmark(0, 2, ("us",))
    values = [case["measured"] for case in document["cases"]]
    assert document["left_out"] == values.count(None)
    assert all(0.0 <= value <= 100.0 for value in values if value is not None)


@pytest.mark.slow
def test_same_seed_same_document() -> None:
    assert run_phantom_benchmark(5, 2, ("ct",)) == run_phantom_benchmark(5, 2, ("ct",))


@pytest.mark.parametrize(("n", "modalities"), [(1, ("ct",)), (3, ("pet",)), (3, ())])
def test_wrong_usage(n: int, modalities: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        run_phantom_benchmark(0, n, modalities)
