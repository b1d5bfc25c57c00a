"""Benchmark reports: curves against closed forms, tables, the page's self-containment and its escaping."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steatoscope.learning.evaluation import plots
from steatoscope.learning.evaluation.curves import roc_points
from steatoscope.learning.evaluation.report import render_html, take_evidence, write_report
from steatoscope.learning.evaluation.report_evidence import (
    Agreement,
    CasePicture,
    Confusion,
    Evidence,
    Reliability,
    Roc,
)
from steatoscope.learning.evaluation.report_markdown import markdown
from steatoscope.learning.evaluation.report_rows import MISSING, result_table, role_of, words
from steatoscope.science.metrics.classification import auc, expected_calibration_error
from steatoscope.science.uncertainty.reliability import reliability_bins

RNG = np.random.default_rng(3)
LABELS = RNG.uniform(size=80) < 0.4
PROBABILITY = np.clip(0.3 * LABELS + RNG.uniform(0, 0.7, size=80), 0, 1)


def _evidence() -> Evidence:
    square = np.zeros((40, 60), dtype=np.bool_)
    square[10:30, 10:40] = True
    picture = CasePicture("case <7>", np.full((40, 60), 90, np.uint8), {"reference": square, "found": ~square})
    return Evidence(
        rocs=(Roc("Fat", "a", LABELS, PROBABILITY), Roc("Fat", "baseline: b", LABELS, 1 - PROBABILITY)),
        confusions=(Confusion("Grades", ("no", "yes"), np.array([[5, 1], [2, 3]])),),
        reliabilities=(Reliability("Fat", "a", PROBABILITY, LABELS),),
        agreements=(Agreement("Fat", "points", np.array([1.0, 4.0, 6.0]), np.array([2.0, 3.0, 7.0])),),
        worst=(picture,) * 7,
        notes=("A note & more.",),
    )


def _document() -> dict[str, object]:
    return {
        "name": "toy",
        "data": "toy images",
        "n_subjects": np.int64(3),
        "n_images": 4,
        "left_out": 1,
        "results": {
            "us-steatosis": {"auc": np.float64(0.91), "auc_ci": [0.8, 0.97], "qwk": math.nan},
            "baseline: <b>": {"auc": 0.7},
            "control: mean grey": {"auc": 0.55, "assd_unit": "mm"},
        },
        "cases": [{"subject": "1", "fat_percent": 3.25}, {"subject": "2", "value": None}],
    }


def test_roc_area_equals_the_rank_statistic_with_ties() -> None:
    scores = np.round(PROBABILITY, 1)
    false_rate, true_rate = roc_points(LABELS, scores)
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true_rate, false_rate) == pytest.approx(auc(LABELS, scores), abs=1e-12)


def test_roc_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="both classes"):
        roc_points([True, True], [0.1, 0.2])


def test_reliability_bins_weighted_by_count_are_the_calibration_error() -> None:
    bins = reliability_bins(PROBABILITY, LABELS)
    gap = sum(one.count * abs(one.frequency - one.probability) for one in bins) / LABELS.size
    assert gap == pytest.approx(expected_calibration_error(PROBABILITY, LABELS), abs=1e-12)
    assert sum(one.count for one in bins) == LABELS.size


def test_pictures_are_deterministic_and_show_their_marks() -> None:
    evidence = _evidence()
    drawn = [
        lambda: plots.roc_plot(evidence.rocs),
        lambda: plots.confusion_plot(evidence.confusions[0]),
        lambda: plots.reliability_plot(evidence.reliabilities),
        lambda: plots.bland_altman_plot(evidence.agreements[0]),
        lambda: plots.case_picture(evidence.worst[0]),
    ]
    for draw in drawn:
        assert draw() == draw()
    pixels = np.asarray(Image.open(io.BytesIO(drawn[-1]())))
    green, orange = (tuple(int(c[k : k + 2], 16) for k in (1, 3, 5)) for c in (plots.REFERENCE, plots.FOUND))
    for colour in (green, orange):
        assert np.abs(pixels.astype(int) - colour).sum(axis=2).min() < 30


def test_roc_of_one_class_is_named_not_drawn() -> None:
    assert plots.roc_plot([Roc("t", "r", np.ones(4, np.bool_), np.arange(4.0))]).startswith(b"\x89PNG")


def test_table_keeps_the_order_and_knows_roles() -> None:
    table = result_table(_document()["results"])  # type: ignore[arg-type]
    assert table.metrics == ("auc", "qwk", "assd_unit")
    assert [row.role for row in table.rows] == ["model", "baseline", "control"]
    assert (table.rows[0].cells[0].value, table.rows[0].cells[0].interval) == ("0.910", "0.800 to 0.970")
    assert table.rows[0].cells[1].value == table.rows[1].cells[1].value == MISSING
    assert role_of("Control: x") == "control"
    assert words([1, 0.12345, -6.0, 42.04, 9960.4]) == "1, 0.123, -6.00, 42.0, 9960"


def test_report_files_hold_the_contract(tmp_path: Path) -> None:
    document, evidence = take_evidence({**_document(), "evidence": _evidence(), "environment": {"python": "3.11"}})
    write_report(document, evidence, tmp_path / "deep")
    read = json.loads((tmp_path / "deep" / "benchmark.json").read_text(encoding="utf-8"))
    assert "evidence" not in read
    assert read["results"]["us-steatosis"] == {"auc": 0.91, "auc_ci": [0.8, 0.97], "qwk": None}
    assert read["n_subjects"] == 3
    text = (tmp_path / "deep" / "benchmark.md").read_text(encoding="utf-8")
    assert "| us-steatosis | 0.910 (0.800 to 0.970) | – | – |" in text
    assert "Data: toy images. 3 subjects, 4 images, 1 left out." in text
    assert "A note & more." in text
    assert "Not a diagnosis" in text


def test_page_is_self_contained_escaped_and_labelled() -> None:
    document, evidence = take_evidence({**_document(), "evidence": _evidence()})
    page = render_html(document, evidence)
    sources = re.findall(r'(?:src|href)="([^"]{1,30})', page)
    assert len(sources) == 4 + 5
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in re.sub(r"data:image/png;base64,[^\"]+", "", page)
    assert "<script" not in page
    assert "<b>" not in page
    assert "baseline: &lt;b&gt;" in page
    assert "case &lt;7&gt;" in page
    assert "Not a diagnosis" in page
    assert "SIMULATED" not in page


def test_simulated_data_are_labelled_and_many_metrics_turn_the_table() -> None:
    results = {"m (simulated)": {f"metric_{k}": k for k in range(9)}}
    document, evidence = take_evidence({**_document(), "results": results, "cases": []})
    page = render_html(document, evidence)
    assert "SIMULATED DATA" in page
    assert '<th scope="row">metric_8</th>' in page


def test_a_document_with_a_missing_part_is_refused() -> None:
    with pytest.raises(ValueError, match="left_out"):
        take_evidence({key: value for key, value in _document().items() if key != "left_out"})


def test_markdown_names_what_it_leaves_out() -> None:
    cases = [{"case": k} for k in range(70)]
    text = markdown({**_document(), "cases": cases})
    assert "and 10 more in benchmark.json" in text
    assert "| 59 |" in text
    assert "| 60 |" not in text
