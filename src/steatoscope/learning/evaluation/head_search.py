"""A search of the heads' values, judged honestly: in each outer fold a search of its own, on its training patients.

The test patients of a fold are seen by no trial of its search. The values that are recommended come from one more
search over all patients; how good searching is, the outer folds say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.grading_scores import Graded, by_patient, scored
from steatoscope.learning.evaluation.head_search_model import SearchPlan, keep_values, pack_searched
from steatoscope.learning.evaluation.machine import hardware, versions
from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.training.features_cache import key_of
from steatoscope.learning.training.grading_cv import grade_percent, valued
from steatoscope.learning.training.grading_data import GradingSet, Rows, check_grades, read_grading
from steatoscope.learning.training.grading_features import feature_bank, frozen_encoder
from steatoscope.learning.training.grading_fit import answers
from steatoscope.learning.training.grading_keep import Reading
from steatoscope.learning.training.grading_outputs import Outputs
from steatoscope.learning.training.head_search import HeadKind, fit_head, head_kind, inner_loss, patient_losses
from steatoscope.learning.training.search import Tried, Values, best, search
from steatoscope.learning.training.splits import k_fold
from steatoscope.science.metrics.comparison import paired_bootstrap

STORAGE: Final = "search.db"
CHOSEN: Final = "search.json"
MODEL: Final = "model"
EVERYONE: Final = "all"
SEARCHED, OWN = "searched values", "the recipe's own values"
Told = Callable[[str], None]


def run_search(
    recipe: str, data: Path, out: Path, plan: SearchPlan | None = None, *, told: Told | None = None
) -> dict[str, Any]:
    """The benchmark's document; trials are kept in ``out/search.db``, the chosen values in ``out/search.json``, and
    the head trained with them on every patient, behind its encoder, as a packed model in ``out/model``.

    A search that was broken off goes on in the same ``out``; one of other data or another plan stays apart there.
    Raises UsageError for a recipe without a head to search for, and what the readers raise.
    """
    how, began = plan or SearchPlan(), time.perf_counter()
    head: HeadKind = head_kind(recipe, how.epochs)
    found = read_grading(data)
    check_grades(found)
    whole = feature_bank(found, frozen_encoder(how.encoder, how.weights), variants=how.variants, told=told)
    bank = whole.pooled() if head.kind == "r2" else whole

    def chosen(name: str, patients: Rows) -> list[Tried]:
        def loss(values: Values) -> float:
            return inner_loss(head, bank, patients, values, folds=how.inner, seed=how.seed + 1)

        return search(
            out / STORAGE, f"{recipe} {name} {_key(found, how)}", head.space, loss, trials=how.trials, first=head.own,
            seed=how.seed, told=told,
        )  # fmt: skip

    studies: dict[str, list[Tried]] = {}
    readings: dict[str, list[Reading]] = {SEARCHED: [], OWN: []}
    for fold, (learn, test) in enumerate(outer_folds(found, how)):
        studies[f"fold {fold + 1}"] = tried = chosen(f"fold {fold + 1}", learn)
        for name, values in ((SEARCHED, best(tried).values), (OWN, head.own)):
            network = fit_head(head, bank, learn, values, how.seed + fold)
            answer, percent = answers(network, bank, test), grade_percent(found, learn)
            readings[name].append(_reading(fold, valued(answer, percent) if head.kind == "r2" else answer))
    everyone = np.arange(len(found.names), dtype=np.intp)
    studies[EVERYONE] = chosen(EVERYONE, everyone)
    graded = {name: by_patient(parts, found) for name, parts in readings.items()}
    losses = {
        name: np.concatenate([patient_losses(part.test, found.grade) for part in parts])
        for name, parts in readings.items()
    }
    document = _document(recipe, found, how, graded, losses, studies, time.perf_counter() - began)
    final = best(studies[EVERYONE])
    kept = keep_values(out / CHOSEN, recipe, how, final, [sample.sha256 for sample in found.source.samples])
    network = fit_head(head, bank, everyone, final.values, how.seed)
    model = pack_searched(head.kind, whole, network, readings[SEARCHED], kept, how, out / MODEL)
    entry = {"name": model.name, "version": model.version, "sha256": model.sha256}
    return {**document, "model": entry, "evidence": Evidence(notes=notes_of(document))}


def notes_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What the page says beside the table: the paired difference and the values that were chosen."""
    (pair, gap), plan = next(iter(document["difference"].items())), document["configuration"]["plan"]
    span = "no interval" if gap["ci95"] is None else f"{gap['ci95'][0]:+.3f} to {gap['ci95'][1]:+.3f}"
    chosen = {
        name: ", ".join(f"{key} {value:.3g}" for key, value in one["values"].items())
        for name, one in document["manifest"]["chosen"].items()
    }
    return (
        f"{pair}, paired: {gap['value']:+.3f} ({span}); below zero is better.",
        f"{plan['trials']} trials a search, the recipe's own values first; each outer fold has a search of its own.",
        *(f"Chosen, {name}: {words}." for name, words in chosen.items()),
    )


def outer_folds(data: GradingSet, plan: SearchPlan) -> list[tuple[Rows, Rows]]:
    """Patients to learn from and to test on, grades alike. Raises E_SUBJECTS."""
    folds = k_fold(data.source, plan.outer, strata=data.grade[data.patient], seed=plan.seed)
    return [(np.unique(data.patient[fold.train]), np.unique(data.patient[fold.test])) for fold in folds]


def _key(data: GradingSet, plan: SearchPlan) -> str:
    """What a study's trials rest on beside space and seed, in short: images, grades, folds, features."""
    images = [sample.sha256 for sample in data.source.samples]
    words = [f"{name} {grade}" for name, grade in zip(data.names, data.grade, strict=True)]
    sizes = [str(value) for name, value in asdict(plan).items() if name != "trials"]
    return key_of([*images, *words, *sizes])[:12]


def _reading(fold: int, test: Outputs) -> Reading:
    nobody = Outputs(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.intp))
    return Reading("search", fold, test, nobody, 0, 0.0)


def _document(
    recipe: str,
    data: GradingSet,
    plan: SearchPlan,
    graded: dict[str, Graded],
    losses: dict[str, Any],
    studies: dict[str, list[Tried]],
    seconds: float,
) -> dict[str, Any]:
    tail = " (simulated)" if data.simulated else ""
    rows = {f"{name}{tail}": scored(found, seed=plan.seed, bounds=False) for name, found in graded.items()}
    gap = paired_bootstrap(
        lambda k: float(losses[SEARCHED][k].mean()), lambda k: float(losses[OWN][k].mean()),
        np.arange(len(losses[OWN])), seed=plan.seed,
    )  # fmt: skip
    for name, found in losses.items():
        rows[f"{name}{tail}"]["nll"] = round(float(found.mean()), 4)
    return {
        "name": f"search-{recipe}",
        "data": data.words,
        "n_subjects": len(data.names),
        "n_images": len(data),
        "left_out": 0,
        "configuration": {
            "plan": asdict(plan), "loss": "mean negative log-likelihood of patients' grades in inner folds",
            "split": f"{plan.outer} outer folds by patient, {plan.inner} inner ones of their training patients",
        },
        "results": rows,
        "difference": {
            f"nll, {SEARCHED} minus {OWN}": {
                "value": round(gap.value, 4),
                "ci95": None if gap.interval is None else [round(gap.interval.low, 4), round(gap.interval.high, 4)],
            }
        },
        "manifest": {
            "chosen": {name: asdict(best(tried)) for name, tried in studies.items()},
            "trials": {name: [asdict(one) for one in tried] for name, tried in studies.items()},
            "seed": plan.seed, "data": data.source.records(), "hardware": hardware(),
            "versions": versions(("optuna", "torch", "numpy")), "seconds": round(seconds, 1),
        },
    }  # fmt: skip
