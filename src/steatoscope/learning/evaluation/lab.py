"""The laboratory report: benchmark documents of all recipes on one page, as HTML and Markdown.

It reads what ``benchmark`` wrote and computes nothing anew: data, subjects, split, figures with intervals, the
publication's figures beside ours with how far they can be compared, failures, time and memory, and checklists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.checklist import Filled, counted, fill
from steatoscope.learning.evaluation.checklist_facts import is_published, is_simulated
from steatoscope.learning.evaluation.lab_charts import Chart, chart_of
from steatoscope.learning.evaluation.lab_document import read_document
from steatoscope.learning.evaluation.lab_names import told_apart
from steatoscope.learning.evaluation.lab_readers import with_interval
from steatoscope.learning.evaluation.lab_run import BENCHMARK, failures_of, run_of
from steatoscope.learning.evaluation.report_markdown import RESEARCH_USE, facts
from steatoscope.learning.evaluation.report_rows import GLOSSARY, Table, result_table
from steatoscope.learning.recipes import RECIPES

_UNKNOWN: Final = "not recorded"


@dataclass(frozen=True, eq=False)
class Entry:
    """One benchmark as the page shows it; ``document`` is what ``benchmark`` wrote.

    ``label`` and ``anchor`` are its own on the page, also where a recipe ran more than once.
    """

    document: Mapping[str, Any]
    label: str
    anchor: str
    table: Table
    chart: Chart | None
    checklist: tuple[Filled, ...]

    @property
    def name(self) -> str:
        """The benchmark's or recipe's name."""
        return str(self.document["name"])

    @property
    def title(self) -> str:
        """What it is, in words."""
        return str(self.recipe.get("title") or f"Benchmark {self.name}")

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What the document, or the catalogue, says of its recipe; empty where it is none."""
        if self.document.get("recipe"):
            return dict(self.document["recipe"])
        return RECIPES[self.name].document() | {"plan": _UNKNOWN} if self.name in RECIPES else {}

    @property
    def simulated(self) -> bool:
        """Whether all of its data are simulated."""
        return is_simulated(self.document)

    @property
    def partly(self) -> bool:
        """Whether some, but not all, of its rows are of simulated data."""
        return not self.simulated and any("(simulated)" in row for row in self.document["results"])

    @property
    def mark(self) -> str:
        """What a reader must know of the data at a glance; empty for images of patients."""
        return "simulated" if self.simulated else "partly simulated" if self.partly else ""

    @property
    def facts(self) -> str:
        """Data, subjects and images in one paragraph."""
        return facts(self.document)

    @property
    def size(self) -> str:
        """What a run of less than the full plan is worth, in a sentence; empty for a full one."""
        if str(self.recipe.get("plan", "")).endswith("small") or "quick" in self.document.get("configuration", {}):
            return "Small plan: shows that it runs, not how good it is."
        return ""

    @property
    def run(self) -> Sequence[tuple[str, str]]:
        """Command, plan, split, seed, weights, time, memory and versions, each said to be missing where it is."""
        return run_of(self.document, self.recipe)

    @property
    def failures(self) -> Sequence[str]:
        """What failed or was left out, in sentences."""
        return failures_of(self.document)


def gather(places: Sequence[Path]) -> tuple[list[Entry], list[str]]:
    """Benchmarks found in files and folders, by name, and sentences on runs that were begun and have no figures.

    A place is a ``benchmark.json``, or a folder with any number of them below; a file given twice counts once.
    Raises E_PATH for a place that does not exist, E_EMPTY where there is no benchmark at all, E_FORMAT for a document
    that is none.
    """
    found: dict[Path, Path] = {}
    begun = []
    for place in places:
        if not place.exists():
            raise SteatoscopeError("E_PATH", path=str(place))
        paths = [place] if place.is_file() else sorted(place.rglob(BENCHMARK))
        if not paths:
            begun.append(f"{place.name}: begun, but it holds no {BENCHMARK}")
        found |= {path.resolve(): path for path in paths if path.resolve() not in found}
    if not found:
        raise SteatoscopeError("E_EMPTY", path=str(places[0]), cause=f"There is no {BENCHMARK} in it.")
    read = [(read_document(path), path) for path in found.values()]
    read.sort(key=lambda one: (is_simulated(one[0]), one[0]["name"]))
    named = told_apart([(document["name"], path) for document, path in read])
    return [_entry(document, *names) for (document, _), names in zip(read, named, strict=True)], begun


def write_laboratory(
    entries: Sequence[Entry],
    begun: Sequence[str],
    out: Path,
    *,
    command: str,
    readers: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write ``laboratory.html`` and ``laboratory.md`` into ``out``; ``readers`` is a study of :mod:`.lab_readers`."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for ending in ("html", "md"):
        path = out / f"laboratory.{ending}"
        path.write_text(_rendered(ending, entries, begun, command, readers), encoding="utf-8")
        written.append(path)
    return written


def _entry(document: dict[str, Any], label: str, anchor: str) -> Entry:
    if document["name"] in RECIPES:
        published = {name: dict(row) for name, row in RECIPES[document["name"]].published.items()}
        document["results"] = {**document["results"], **published}
    return Entry(document, label, anchor, result_table(document["results"]), chart_of(document), fill(document))


def _rendered(
    ending: str, entries: Sequence[Entry], begun: Sequence[str], command: str, readers: Mapping[str, Any] | None
) -> str:
    template = _environment(ending == "html").get_template(f"laboratory.{ending}.j2")
    return template.render(
        entries=entries,
        begun=begun,
        command=command,
        label=RESEARCH_USE,
        readers=readers,
        glossary=[(m, GLOSSARY[m]) for m in sorted({m for one in entries for m in one.table.metrics}) if m in GLOSSARY],
        counted=counted,
        published=is_published,
        figure=with_interval,
    )


def _environment(escape: bool) -> Environment:
    return Environment(
        loader=FunctionLoader(_source),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _source(name: str) -> str:
    return files("steatoscope.learning.evaluation").joinpath("templates", name).read_text(encoding="utf-8")
