"""What a benchmark's document says, fact by fact, in a sentence; None where it records nothing of the kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from steatoscope.learning.evaluation.report_rows import role_of

Document = Mapping[str, Any]
Fact = Callable[[Document], str | None]
_DIAGNOSTIC: Final = ("auc", "sensitivity", "specificity", "accuracy", "f1", "kappa", "qwk")
_TEXT_LIMIT: Final = 320


def model_rows(document: Document) -> list[str]:
    """Rows that are models of ours: no baseline, no control, no published figure."""
    return [name for name in document["results"] if role_of(name) == "model" and not is_published(name)]


def is_published(row: str) -> bool:
    """Whether a row holds the figures of a publication."""
    return row.casefold().startswith("published")


def is_simulated(document: Document) -> bool:
    """Whether all of a document's data are simulated."""
    words = str(document.get("data", "")).casefold()
    return bool(document.get("recipe", {}).get("simulated")) or words.startswith("simulated")


def metrics_of(document: Document) -> list[str]:
    """Names of all metrics, in order of first appearance."""
    return list(dict.fromkeys(m for row in document["results"].values() for m in row if not m.endswith("_ci")))


def _at(*path: str, words: str = "{}") -> Fact:
    """The value at a path of keys, where there is one."""

    def read(document: Document) -> str | None:
        value: Any = document
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return None if value in (None, "", [], {}) else words.format(_short(value))

    return read


def _either(*facts: Fact) -> Fact:
    return lambda document: next((found for fact in facts if (found := fact(document))), None)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    elif isinstance(value, list | tuple):
        text = f"{len(value)} entries" if len(value) > 12 else ", ".join(map(_short, value))
    else:
        text = str(value)
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]} ..."


def _numbers(document: Document) -> str:
    subjects = document["n_subjects"]
    tested = document.get("n_tested", subjects)
    scored = "were scored" if tested == subjects else f"in the set, {tested} of the subjects were tested"
    return f"{subjects} subjects with {document['n_images']} images {scored}, {document['left_out']} left out"


def _left_out(document: Document) -> str:
    return f"{document['left_out']} left out of the folder"


def _intervals(document: Document) -> str | None:
    count = sum(name.endswith("_ci") for row in document["results"].values() for name in row)
    return f"95 % percentile bootstrap over subjects, for {count} figures" if count else None


def _results(document: Document) -> str:
    return f"table of {len(document['results'])} rows: {', '.join(model_rows(document)[:6])} and what stands beside"


def _diagnostic(document: Document) -> str | None:
    known = [name for name in metrics_of(document) if any(part in name for part in _DIAGNOSTIC)]
    return ", ".join(known) or None


def _metrics(document: Document) -> str | None:
    return ", ".join(metrics_of(document)) or None


def _internal(document: Document) -> str | None:
    split = document.get("manifest", {}).get("split")
    return "tested on parts of the same set, subjects apart" if split and "model" not in document else None


def _external(document: Document) -> str | None:
    model = document.get("model")
    return f"the packed model {model['name']} on images it was not trained on" if isinstance(model, Mapping) else None


def _data(document: Document) -> str:
    label = "simulated, not of patients: " if is_simulated(document) else ""
    return f"{label}{document['data']}"


def _cases(document: Document) -> str | None:
    cases = document.get("cases") or ()
    return f"every case is listed with its figures ({len(cases)}), the worst can be seen there" if cases else None


def _variants(document: Document) -> str | None:
    rows = [name for name in document["results"] if name.casefold().startswith(("variant", "control", "ablation"))]
    return f"rows {', '.join(rows[:6])}" if rows else None


def _selection(document: Document) -> str | None:
    return _at("manifest", "selection")(document) or _at("configuration", "selection")(document)


_comparability: Final = _either(_at("comparability"), _at("recipe", "comparability"))
FACTS: Final[Mapping[str, Fact]] = MappingProxyType(
    {
        "acquisition": _at("manifest", "acquisition"),
        "command": _at("run", "command", words="repeated by: {}"),
        "comparability": _comparability,
        "data": _data,
        "demographics": _at("manifest", "demographics"),
        "diagnostic": _diagnostic,
        "ensemble": _at("manifest", "ensemble"),
        "external": _external,
        "failures": _either(_at("failures"), _cases),
        "goal": _at("recipe", "title"),
        "imbalance": _at("manifest", "class_weights"),
        "internal": _internal,
        "intervals": _intervals,
        "left_out": _left_out,
        "level": _either(_at("manifest", "level"), _at("manifest", "split", words="by subject: {}")),
        "limits": _either(_comparability, _at("notes")),
        "method": _either(_at("recipe", "title"), _at("model", "name")),
        "metrics": _metrics,
        "missing": _at("manifest", "missing"),
        "model": _either(_at("manifest", "architecture"), _at("recipe", "title"), _at("model")),
        "numbers": _numbers,
        "output": _at("manifest", "output"),
        "preprocessing": _either(_at("manifest", "preprocessing"), _at("manifest", "preparation")),
        "protocol": _at("recipe", "plan_words", words="the plan is declared before the run: {}"),
        "readers": _at("readers"),
        "reference": _either(_at("manifest", "reference"), _at("manifest", "scale")),
        "results": _results,
        "selection": _selection,
        "sites": _at("manifest", "sites"),
        "software": _either(_at("manifest", "versions"), _at("environment")),
        "split": _either(_at("manifest", "split"), _at("configuration")),
        "subset": _at("recipe", "plan_words"),
        "training": _either(_at("manifest", "training"), _at("recipe", "plan_words")),
        "variants": _variants,
        "weights": _either(_at("manifest", "weights"), _at("run", "weights")),
    }
)
