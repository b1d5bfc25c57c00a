"""Federated averaging of R2's head over sites, against the same head on pooled data and on each site alone.

Every kind of training is scored on the same held-out patients of all sites: in each fold, a part of every site's
patients is left out of everything. The comparison reads all sites; the federated training itself does not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.evaluation.grading_scores import Graded, by_patient, scored
from steatoscope.learning.evaluation.machine import hardware, versions
from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.training.federated_site import FederatedPlan, Vectors
from steatoscope.learning.training.grading_data import GradingSet, Rows, grading_set, read_grading
from steatoscope.learning.training.grading_keep import Reading
from steatoscope.learning.training.grading_outputs import Outputs
from steatoscope.science.metrics.classification import accuracy, auc, confusion_matrix, weighted_kappa
from steatoscope.science.metrics.comparison import paired_bootstrap

NAME: Final = "federated"
TOGETHER: Final = "federated averaging"
POOLED: Final = "pooled in one place"
_SITE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
_RESERVED: Final = ("server", "admin", "all")
RESAMPLES: Final = 1000
_FEWEST: Final = 2
Told = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Sites:
    """All sites' patients as one set, and for each head and site the numbers of the patients it does not learn from."""

    data: GradingSet
    own: Mapping[str, Rows]
    out: Sequence[Rows]
    simulated: tuple[str, ...]


def run_federated(
    folders: Mapping[str, Path], out: Path, plan: FederatedPlan | None = None, *, told: Told | None = None
) -> dict[str, Any]:
    """The benchmark's document; the head that learnt from every patient of all sites is left in ``out/head.pt``.

    Raises UsageError for fewer than two sites, names that are none, or without the federated extra; E_LEAK where sites
    share a file, E_LABELSCALE where their scales differ, E_SUBJECTS for too few patients.
    """
    from steatoscope.learning.training.federated_compare import alone, answers_of, keep_head
    from steatoscope.learning.training.federation import federate, require_federated

    how, began, say = plan or FederatedPlan(), time.perf_counter(), told or (lambda _words: None)
    require_federated()
    _check_names(folders)
    sites = read_sites(folders, how)
    say(f"{len(sites.own)} sites train together, {how.rounds} rounds")
    heads: dict[str, Vectors] = {TOGETHER: federate(folders, how, out / "federation")}
    seconds = time.perf_counter() - began
    say("the same head on pooled data, and at each site alone")
    bank, trained = alone(sites.data, sites.out, {POOLED: None, **sites.own}, how)
    heads |= {name if name == POOLED else f"alone: {name}": found for name, found in trained.items()}
    keep_head(heads[TOGETHER][-1], how, out / "head.pt")
    graded = {
        name: by_patient(_readings(answers_of(found[:-1], bank, sites.out, how)), sites.data)
        for name, found in heads.items()
    }
    document = _document(sites, graded, how, seconds)
    return {**document, "evidence": Evidence(notes=notes_of(document))}


def notes_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What the page says beside the table: how it was done, and the paired differences in words."""
    plan = document["configuration"]["plan"]
    rounds, epochs = plan["rounds"], plan["epochs"]
    lines = [
        f"{rounds} rounds of {epochs} epochs at each site, averaged by frames; the other rows learn for "
        f"{rounds * epochs} epochs. All are scored on the same {document['n_subjects']} held-out patients.",
        "Not calibrated: nobody watched the training. Figures of a split of one set say nothing about other hospitals.",
    ]
    for pair, figures in document["differences"].items():
        told = [f"{name} {one['value']:+.3f} ({_span(one['ci95'])})" for name, one in figures.items()]
        lines.append(f"{pair}, paired: {', '.join(told)}.")
    return tuple(lines)


def _span(ends: Sequence[float] | None) -> str:
    return "no interval" if ends is None else f"{ends[0]:+.3f} to {ends[1]:+.3f}"


def read_sites(folders: Mapping[str, Path], plan: FederatedPlan) -> Sites:
    """All sites as one set, each patient named ``site/patient``; raises as :func:`run_federated`."""
    from steatoscope.learning.training.federated_site import left_out

    single = {name: read_grading(folder) for name, folder in folders.items()}
    first = next(iter(single.values()))
    samples = [
        replace(sample, subject=f"{name}/{sample.subject}", group=f"{name}/{sample.group}", site=name)
        for name, data in single.items()
        for sample in data.source.samples
    ]
    _check_apart(samples)
    merged = grading_set(replace(first.source, samples=tuple(samples)))
    number = {name: row for row, name in enumerate(merged.names)}

    def rows(site: str, patients: Rows) -> Rows:
        return np.array([number[f"{site}/{single[site].names[int(one)]}"] for one in patients], dtype=np.intp)

    each = {name: left_out(data, plan) for name, data in single.items()}
    return Sites(
        data=merged,
        own={name: rows(name, np.arange(len(data.names))) for name, data in single.items()},
        out=[np.concatenate([rows(name, each[name][fold]) for name in single]) for fold in range(plan.folds + 1)],
        simulated=tuple(name for name, data in single.items() if data.simulated),
    )


def _check_names(folders: Mapping[str, Path]) -> None:
    if len(folders) < _FEWEST:
        raise UsageError("federated training needs at least two sites: --site NAME=DIR --site NAME=DIR")
    wrong = [name for name in folders if not _SITE.fullmatch(name) or name.lower() in _RESERVED]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is no name of a site: letters, digits, - and _, and not {', '.join(_RESERVED)}")
    missing = [folder for folder in folders.values() if not folder.is_dir()]
    if missing:
        raise SteatoscopeError("E_PATH", path=str(missing[0]))


def _check_apart(samples: Sequence[Any]) -> None:
    """Raise E_LEAK where two sites hold the same file: a patient of one would be tested by the other's."""
    seen: dict[str, str] = {}
    for sample in samples:
        other = seen.setdefault(sample.sha256, sample.site)
        if other != sample.site:
            raise SteatoscopeError(
                "E_LEAK",
                path=str(sample.path),
                message="The sites are not independent of one another.",
                cause=f"Sites {other} and {sample.site} hold the same image.",
                remedy="Keep each patient at one site.",
            )


def _readings(found: Sequence[Outputs]) -> list[Reading]:
    """Answers fold by fold; nobody watched the training, so that there is nothing to calibrate on."""
    nobody = Outputs(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.intp))
    return [Reading(NAME, fold, test, nobody, 0, 0.0) for fold, test in enumerate(found)]


def _document(sites: Sites, graded: Mapping[str, Graded], plan: FederatedPlan, seconds: float) -> dict[str, Any]:
    data, tail = sites.data, " (simulated)" if sites.simulated else ""
    return {
        "name": NAME,
        "data": f"{data.words}; sites " + ", ".join(f"{name}: {len(rows)}" for name, rows in sites.own.items()),
        "n_subjects": len(data.names),
        "n_images": len(data),
        "left_out": 0,
        "configuration": {
            "plan": asdict(plan), "split": f"{plan.folds} folds by patient within each site", "engine": "NVIDIA FLARE",
        },
        "results": {f"{name}{tail}": scored(found, seed=plan.seed, bounds=False) for name, found in graded.items()},
        "differences": _differences(graded, plan.seed, tail),
        "simulated": list(sites.simulated),
        "run": {"seed": plan.seed, "federated_seconds": round(seconds, 1)},
        "manifest": {
            "data": data.source.records(), "versions": versions(("torch", "nvflare", "numpy")), "hardware": hardware(),
            "split": [[data.names[int(one)] for one in fold] for fold in sites.out[:-1]],
        },
    }  # fmt: skip


def _differences(graded: Mapping[str, Graded], seed: int, tail: str) -> dict[str, Any]:
    """Federated minus each other kind on the same patients, with 95 % intervals of the paired bootstrap."""
    first = graded[TOGETHER]
    return {
        f"{TOGETHER} minus {name}{tail}": {
            figure: _difference(of, first, second, seed) for figure, of in _FIGURES.items()
        }
        for name, second in graded.items()
        if name != TOGETHER
    }  # fmt: skip


def _difference(of: Callable[[Graded, Rows], float], first: Graded, second: Graded, seed: int) -> dict[str, Any]:
    if not np.array_equal(first.patient, second.patient):
        raise ValueError("two kinds of training were scored on different patients")
    found = paired_bootstrap(
        lambda rows: of(first, rows), lambda rows: of(second, rows), first.patient, seed=seed, resamples=RESAMPLES
    )
    span = None if found.interval is None else [round(found.interval.low, 4), round(found.interval.high, 4)]
    return {"value": round(found.value, 4), "ci95": span}


def _counts(found: Graded, rows: Rows) -> Any:
    return confusion_matrix(found.true_grade[rows], found.probability[rows].argmax(axis=1), 4)


_FIGURES: Final[Mapping[str, Callable[[Graded, Rows], float]]] = {
    "auc": lambda found, rows: auc(found.steatosis[rows], 1.0 - found.probability[rows, 0]),
    "accuracy_4": lambda found, rows: accuracy(_counts(found, rows)),
    "qwk": lambda found, rows: weighted_kappa(_counts(found, rows)),
}
