"""Bridges to the PDFF-equivalent scale: cut points, widened intervals, and that nothing is computed from them."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

import steatoscope
from steatoscope.core.measurement import Interval
from steatoscope.science.clinical.scales import (
    BRIDGES,
    histology_from_pdff,
    pdff_equivalent,
    pdff_equivalent_of,
    pdff_from_histology,
)

SOURCES = Path(steatoscope.__file__).parent
READS = {"service/report/content.py", "pipeline/assemble.py"}
MAKES = {"pipeline/ct.py", "pipeline/mr_fat.py"}
HOLDS = {"core/report.py", "pipeline/findings.py", "science/clinical/scales.py"}


@pytest.mark.parametrize(("histology", "pdff"), [(0, 0), (5, 5.4), (33, 15.4), (66, 20.4)])
def test_cut_points(histology: float, pdff: float) -> None:
    assert pdff_from_histology(histology) == pytest.approx(pdff)
    assert histology_from_pdff(pdff) == pytest.approx(histology)


@pytest.mark.parametrize(("pdff", "expected"), [(10.4, 5 + 5 * 2.8), (18.4, 33 + 3 * 6.6)])
def test_slopes_between_the_cut_points(pdff: float, expected: float) -> None:
    assert histology_from_pdff(pdff) == pytest.approx(expected, abs=1e-9)


def test_interval_is_widened_by_the_bridge_and_marked() -> None:
    part = pdff_equivalent(33.0, Interval(5.0, 66.0, 0.9))
    assert part.interval is not None
    own = 1.6448536 * 8.0 * np.sqrt(1.0 - 0.85**2)
    assert part.value_percent == pytest.approx(15.4)
    assert part.interval.low == pytest.approx(15.4 - np.hypot(10.0, own), abs=1e-4)
    assert part.interval.high == pytest.approx(15.4 + np.hypot(5.0, own), abs=1e-4)
    assert "approximate" in part.conversion
    assert "for display only" in part.conversion


@pytest.mark.parametrize("scale", sorted(BRIDGES))
@pytest.mark.parametrize(("value", "low", "high"), [(4.0, 1.0, 9.0), (20.0, 12.0, 31.0), (60.0, 40.0, 85.0)])
def test_no_bridge_narrows_an_interval(scale: str, value: float, low: float, high: float) -> None:
    part = pdff_equivalent_of(scale, value, Interval(low, high, 0.9))
    bridge = BRIDGES[scale]
    assert part is not None
    assert part.interval is not None
    below, above = bridge.convert(low), bridge.convert(high)
    assert part.interval.low - 1e-4 <= below <= part.value_percent + 1e-4
    assert part.value_percent - 1e-4 <= above <= part.interval.high + 1e-4
    assert part.interval.low >= 0.0
    assert part.interval.high <= 100.0
    assert (part.interval.high > above + 1e-3) is (bridge.sd_points > 0.0)
    assert part.conversion.startswith("approximate")


def test_a_widened_interval_covers_what_the_bridge_scatters() -> None:
    rng = np.random.default_rng(0)
    bridge, sd = BRIDGES["mrs_pdff"], 1.2
    half = NormalDist().inv_cdf(0.95) * sd
    held = []
    for truth in rng.uniform(8.0, 30.0, 4000):
        seen = (truth + rng.normal(0.0, bridge.sd_points)) / 0.97 + rng.normal(0.0, sd)
        part = pdff_equivalent_of("mrs_pdff", seen, Interval(seen - half, seen + half, 0.9))
        assert part is not None
        assert part.interval is not None
        held.append(part.interval.low <= truth <= part.interval.high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


@pytest.mark.parametrize("scale", ["pdff", "us_model", "something"])
def test_pdff_itself_and_unknown_scales_have_no_bridge(scale: str) -> None:
    assert pdff_equivalent_of(scale, 10.0, Interval(5.0, 15.0, 0.9)) is None


def test_spread_behind_the_histology_bridge_is_that_of_the_published_shares() -> None:
    # 23.5 / 49.7 / 12.9 / 13.9 % of 728 patients by PDFF grade, between the pooled cut points
    cuts, shares = np.array([5.4, 15.4, 20.4]), np.cumsum([0.235, 0.497, 0.129])
    slope = np.polyfit([NormalDist().inv_cdf(share) for share in shares], cuts, 1)[0]
    assert slope == pytest.approx(8.0, abs=0.6)


def _named(file: Path) -> set[str]:
    """Names and attributes of a module that speak of the PDFF equivalent or import the bridges."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "steatoscope.science.clinical.scales":
            found.add("import")
        if isinstance(node, ast.Attribute) and node.attr == "pdff_equivalent":
            found.add("read")
        if isinstance(node, ast.Constant) and node.value == "pdff_equivalent":
            found.add("read")
    return found


def test_only_the_report_reads_a_converted_value() -> None:
    seen = {file.relative_to(SOURCES).as_posix(): _named(file) for file in SOURCES.rglob("*.py")}
    reads = {name for name, words in seen.items() if "read" in words}
    assert reads - HOLDS == READS
    makes = {name for name, words in seen.items() if "import" in words}
    assert {name for name in makes if not name.startswith("apps/wiring/")} == MAKES
