"""Recipe R3: the ladder from a plain network to fused views and ensembles, on identical folds by patient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from steatoscope.learning.evaluation.grading_manifest import counted, split_words
from steatoscope.learning.evaluation.grading_run import (
    GradingRecipe,
    GradingRun,
    Options,
    Told,
    benchmark,
    cross_validated,
)
from steatoscope.learning.evaluation.grading_scores import LEVEL, counts_of, scored, shipped_calibration
from steatoscope.learning.evaluation.grading_start import start_notes
from steatoscope.learning.evaluation.report_evidence import Agreement, Confusion, Evidence, Reliability, Roc
from steatoscope.learning.training.grading_cv import CLINICAL, LIVER, cross_r3
from steatoscope.learning.training.grading_folds import R3_FOLDS, GradingPlan, r3_folds
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.uncertainty.conformal import conformal_rank

if TYPE_CHECKING:
    from steatoscope.learning.training.grading_pack import Calibration

NAME: Final = "r3-multiview"
PUBLISHED: Final = ("efficientnet-b3", "b3-attention")
PLAIN: Final = "baseline CNN, from scratch"
ROWS: Final[Mapping[str, str]] = {
    "plain": PLAIN,
    "pooled": "{encoder}, frozen, two heads",
    LIVER: "{encoder}, frozen, two heads, liver region",
    "attention": "{encoder} + attention",
    "attention, representative": "{encoder} + attention, {chosen}",
    "fusion-3": "{encoder}, fusion of {three}",
    "fusion-all": "{encoder}, fusion of all frames",
    "fusion-2 of 3": "{encoder}, fusion of {three}, one missing",
    f"attention{CLINICAL}": "{encoder} + attention, with {clinical}",
    f"fusion-3{CLINICAL}": "{encoder}, fusion of {three}, with {clinical}",
    "ensemble": "ensemble of {members} {encoder} + attention",
}
SHOWN: Final = ("plain", "pooled", "attention", "fusion-3", "ensemble")
PLANS: Final = {
    "small": GradingPlan("small", epochs=3, variants=1, folds=R3_FOLDS, run_folds=1, members=2),
    "full": GradingPlan(
        "full", epochs=20, variants=5, folds=R3_FOLDS, run_folds=R3_FOLDS, members=5, plain_epochs=20, liver=True
    ),
}  # fmt: skip
ONE_VIEW: Final = "The views that are fused are frames of one view: the set names no others."
THEIRS: Final = "The publication, with EfficientNet-B3, gives no sample size and no intervals."


def run_r3(
    plan: str,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    weights: str | None = None,
    covariates: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """The benchmark's document of R3 on a folder laid out as Byra 2018 or with a manifest; finished fits are kept.

    Where the manifest names several views, one frame of each is fused. ``weights`` is a word or a file as
    :func:`~.grading_start.start_of` takes it, ``covariates`` a table of clinical values or "manifest". Raises
    UsageError for an unknown plan, and what the readers raise.
    """
    options = Options(seed, resume, weights, covariates, told)
    return benchmark(RECIPE, RECIPE.plan(plan), data, out, options)


def row_words(run: GradingRun) -> dict[str, str]:
    """How the table calls each rung."""
    known, views = run.bank.covariates, run.data.views
    words = {
        "encoder": run.title,
        "members": run.plan.members,
        "clinical": known.words if known else "",
        "three": f"{len(views)} views" if views else "3 frames",
        "chosen": "a frame of each view" if views else "3 representative frames",
    }
    return {name: ROWS[name].format_map(words) for name in run.readings}


def _rows(run: GradingRun) -> dict[str, Any]:
    words = row_words(run)
    return {words[name]: scored(one, seed=run.seed) for name, one in run.graded.items()}


def notes_of(run: GradingRun) -> tuple[str, ...]:
    """How the run was done, and what its rows can tell."""
    watch = counted([len(fold.watch) for fold in run.folds])
    bounds = "take the residuals of the other folds' test patients"
    return (
        "Published figures name no sample size.",
        "The ladder's rows were fixed beforehand; all that were run are here, and none was chosen by its figures.",
        split_words(run),
        f"Of each fold, the patients that validate ({watch}) choose the weights that stay and the temperature: the "
        "fewer, the less certain the calibration. ece_uncalibrated is before, ece after.",
        f"Intervals at 90 % {bounds}." if _bounded(run) else f"No intervals at 90 %: they {bounds}, too few here.",
        "The baseline CNN is the five convolutions of recipe R4 with pooling, on 112 x 112 pixels, from random "
        "weights.",
    )


def _bounded(run: GradingRun) -> bool:
    """Whether every fold has enough test patients of other folds for an interval."""
    others = [run.tested.patients - len(fold.test) for fold in run.folds]
    return all(conformal_rank(count, LEVEL) <= count for count in others)


def _evidence(run: GradingRun) -> Evidence:
    graded, words = run.graded, row_words(run)
    last, curves = graded["ensemble"], ("before", "after")
    both = dict(zip(curves, (last.uncalibrated, last.probability), strict=True))
    rocs = tuple(
        Roc("Steatosis, by patient", words[name], one.steatosis, 1.0 - one.probability[:, 0])
        for name, one in graded.items()
        if name in SHOWN and 0 < one.steatosis.sum() < len(one.steatosis)
    )
    views = f"Views: {', '.join(run.data.views)}." if run.data.views else ONE_VIEW
    return Evidence(
        rocs=rocs,
        confusions=(Confusion("Four grades by patient, ensemble", tuple(LABELS), counts_of(last)),),
        reliabilities=tuple(
            Reliability("Steatosis, ensemble", f"{when} calibration", np.clip(1.0 - p[:, 0], 0.0, 1.0), last.steatosis)
            for when, p in both.items()
        ),
        agreements=(Agreement("Ensemble against the reference", "percent", last.fat, last.true_fat),),
        notes=(*start_notes(run.start, run.bank.weights, *PUBLISHED), views, *notes_of(run)),
    )


RECIPE: Final = GradingRecipe(
    name=NAME, plans=PLANS, folds=r3_folds, cross=cross_r3, words=row_words, rows=_rows, evidence=_evidence,
    shown="ensemble", theirs=THEIRS,
    pairs=(
        ("ensemble", "plain"), ("fusion-3", "attention"), (f"attention{CLINICAL}", "attention"),
        (f"fusion-3{CLINICAL}", "fusion-3"),
    ),
)  # fmt: skip


def train_r3(
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str = "full",
    weights: str | None = None,
    rung: str = "ensemble",
) -> dict[str, Any]:
    """Cross-validate R3, train the ensemble (or the ``fusion`` of views) on every patient, and pack it in ``out``."""
    from steatoscope.learning.training.grading_pack import pack_ensemble, pack_fusion

    run = cross_validated(RECIPE, RECIPE.plan(plan), data, out / "work", Options(seed, resume, weights))
    kind, pack = ("ensemble", pack_ensemble) if rung == "ensemble" else ("fusion-3", pack_fusion)
    row = scored(run.graded[kind], seed=seed)
    packed = pack(
        run.bank, run.plan, run.start.weights, out, _calibration(kind, run, row), seed=seed, steps=steps
    )  # fmt: skip
    return {"model": packed.name, "patients": len(run.data.names), "results": row, "weights": dict(run.bank.weights)}


def _calibration(kind: str, run: GradingRun, row: Mapping[str, Any]) -> Calibration:
    from steatoscope.learning.training.grading_card import grading_card
    from steatoscope.learning.training.grading_pack import Calibration

    readings = run.readings[kind]
    temperature, half = shipped_calibration(readings, run.data)
    best = max(1, int(np.median([reading.best_step for reading in readings])))
    title, words = (
        ("r3-ensemble", "Grades steatosis and reads fat on B-mode frames: an ensemble with attention (recipe R3).")
        if kind == "ensemble"
        else ("r3-fusion", "Grades steatosis and reads fat on any number of frames, fused (recipe R3).")
    )
    card = grading_card(title, words, row, run.data.source, run.bank.weights, run.tested)
    return Calibration(best, temperature, half, row, card, run.tested)
