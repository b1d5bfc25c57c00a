"""A benchmark's files: ``benchmark.json``, ``benchmark.md`` and ``benchmark.html``.

The page is self-contained: inline style, pictures as data URIs, no scripts, nothing fetched.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined

from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.report_markdown import RESEARCH_USE, facts, markdown
from steatoscope.learning.evaluation.report_rows import GLOSSARY, result_table, words

REQUIRED: Final = ("name", "data", "n_subjects", "n_images", "left_out", "results")
_WORST: Final = 5


@dataclass(frozen=True, slots=True)
class _Image:
    uri: str
    alt: str


def take_evidence(document: Mapping[str, Any]) -> tuple[dict[str, Any], Evidence]:
    """Split what a runner returned into the plain document and what is drawn.

    Numbers of numpy become plain ones, and what is not finite becomes None. Raises ValueError where a part of the
    contract's document is missing.
    """
    missing = [key for key in REQUIRED if key not in document]
    if missing:
        raise ValueError(f"the benchmark's document has no {', '.join(missing)}")
    evidence = document.get("evidence") or Evidence()
    return {key: _plain(value) for key, value in document.items() if key != "evidence"}, evidence


def write_report(document: Mapping[str, Any], evidence: Evidence, out: Path) -> None:
    """Write the three files into ``out``, which is made where it does not exist."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    (out / "benchmark.json").write_text(text + "\n", encoding="utf-8")
    (out / "benchmark.md").write_text(markdown(document, evidence), encoding="utf-8")
    (out / "benchmark.html").write_text(render_html(document, evidence), encoding="utf-8")


def render_html(document: Mapping[str, Any], evidence: Evidence) -> str:
    """The benchmark as one HTML document."""
    table = result_table(document["results"])
    cases = document.get("cases", ())
    return _environment().get_template("benchmark.html.j2").render(
        title=f"Benchmark {document['name']}",
        label=RESEARCH_USE,
        simulated="simulated" in str(document["data"]) or any("simulated" in row.name for row in table.rows),
        facts=facts(document),
        table=table,
        upright=len(table.metrics) > len(table.rows) + 4,
        glossary=[(metric, GLOSSARY[metric]) for metric in table.metrics if metric in GLOSSARY],
        notes=evidence.notes,
        charts=list(_charts(evidence)),
        worst=[(_worst(case), case) for case in evidence.worst[:_WORST]],
        columns=list(dict.fromkeys(key for case in cases for key in case)),
        cases=cases,
        words=words,
        environment={**document.get("configuration", {}), **document.get("environment", {})},
    )  # fmt: skip


def _charts(evidence: Evidence) -> Iterable[_Image]:
    if not (evidence.rocs or evidence.reliabilities or evidence.confusions or evidence.agreements):
        return
    from steatoscope.learning.evaluation import plots

    for title, rocs in groupby(sorted(evidence.rocs, key=lambda one: one.title), key=lambda one: one.title):
        yield _image(plots.roc_plot(list(rocs)), f"ROC curves: {title}")
    for confusion in evidence.confusions:
        yield _image(plots.confusion_plot(confusion), f"Confusion matrix: {confusion.title}")
    for title, curves in groupby(sorted(evidence.reliabilities, key=lambda one: one.title), key=lambda one: one.title):
        yield _image(plots.reliability_plot(list(curves)), f"Reliability: {title}")
    for agreement in evidence.agreements:
        yield _image(plots.bland_altman_plot(agreement), f"Bland-Altman picture: {agreement.title}")


def _worst(case: Any) -> _Image:
    from steatoscope.learning.evaluation.plots import case_picture

    return _image(case_picture(case), f"Outlines of {case.caption}")


def _image(png: bytes, alt: str) -> _Image:
    return _Image(f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}", alt)


def _plain(value: Any) -> Any:
    """JSON-ready: plain numbers and lists, None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _source(name: str) -> str:
    return files("steatoscope.learning.evaluation").joinpath("templates", name).read_text(encoding="utf-8")
