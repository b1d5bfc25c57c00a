"""The run of a benchmark in words: command, split, weights, time, memory, and what failed or was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from steatoscope.learning.evaluation.checklist_facts import model_rows
from steatoscope.learning.evaluation.report_rows import words

BENCHMARK: Final = "benchmark.json"
_UNKNOWN: Final = "not recorded"
_MOST: Final = 12


def run_of(document: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Command, plan, split, seed, weights, time, memory, versions, hardware; each said to be missing where it is."""
    run, manifest = document.get("run", {}), document.get("manifest", {})
    seconds = run.get("seconds", manifest.get("seconds"))
    rows = {
        "command": run.get("command"),
        "plan": recipe.get("plan"),
        "split": _tested(split_of(manifest.get("split", document.get("configuration"))), document),
        "seed": run.get("seed", manifest.get("seed", manifest.get("seeds"))),
        "weights": weights_of(manifest.get("weights", run.get("weights"))),
        "time": None if seconds is None else f"{_duration(seconds)}{', last part only' if run.get('resumed') else ''}",
        "peak memory": f"{run['peak_memory_mb']} MB" if run.get("peak_memory_mb") else None,
        "versions": manifest.get("versions", document.get("environment")),
        "hardware": manifest.get("hardware"),
    }
    return [(name, _said(value)) for name, value in rows.items()]


def failures_of(document: Mapping[str, Any]) -> list[str]:
    """What failed or was left out, and models without an interval for a figure that others have with one."""
    told = [_said(one) for one in document.get("failures", ())]
    if document["left_out"]:
        told.append(f"{document['left_out']} left out")
    results = document["results"]
    spanned = {name.removesuffix("_ci") for row in results.values() for name in row if name.endswith("_ci")}
    lacking = [
        row for row in model_rows(document)
        if spanned & set(results[row]) and not any(name.endswith("_ci") for name in results[row])
    ]  # fmt: skip
    told += [f"'{row}' has no interval" for row in lacking]
    rest = len(told) - _MOST
    return [*told[:_MOST], *([f"and {rest} more"] if rest > 0 else [])]


def split_of(split: Any) -> Any:
    """A split in words: its folds counted, not every subject listed."""
    if isinstance(split, Mapping) and split and all(isinstance(part, list) for part in split.values()):
        return "; ".join(f"{name}: {split_of(part)}" for name, part in split.items())
    if isinstance(split, list) and split and isinstance(split[0], Mapping | list):
        repeated = isinstance(split[0], list) and split[0] and isinstance(split[0][0], list)
        folds = len(split[0] if repeated else split)
        count = "one fold" if folds == 1 else f"{folds} folds"
        times = f", drawn {len(split)} times" if repeated and len(split) > 1 else ""
        return f"{count} by subject{times}; subject lists in {BENCHMARK}"
    return split


def _tested(split: Any, document: Mapping[str, Any]) -> Any:
    """A split with how many subjects were tested, where that is recorded and not all were."""
    tested, subjects = document.get("n_tested"), document.get("n_subjects")
    return split if tested in (None, subjects) else f"{split}; {tested} of {subjects} subjects tested"


def weights_of(weights: Any) -> Any:
    """Which networks began from which weights; what is recorded in another form stays as it is."""
    pairs = list(dict.fromkeys(_sources(weights))) if isinstance(weights, Mapping) else []
    return "; ".join(f"{network} from {source}" for network, source in pairs) or weights


def _sources(weights: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "source" in weights:
        sha256 = f" (sha256 {weights['sha256']})" if weights.get("sha256") else ""
        yield str(weights.get("encoder", weights.get("network", "network"))), f"{weights['source']}{sha256}"
        return
    for part in weights.values():
        if isinstance(part, Mapping):
            yield from _sources(part)


def _said(value: Any) -> str:
    if value in (None, "", {}, []):
        return _UNKNOWN
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(item)}" for key, item in value.items())
    if isinstance(value, list | tuple) and len(value) > _MOST:
        return f"{len(value)} entries, in {BENCHMARK}"
    return words(value) if not isinstance(value, list | tuple) else ", ".join(map(_said, value))


def _duration(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return _said(seconds)
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
