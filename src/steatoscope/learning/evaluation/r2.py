"""Recipe R2: four grades from one frame by a frozen encoder and a small head, 80/10/10 by patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from steatoscope.learning.evaluation.grading_manifest import counted, split_words
from steatoscope.learning.evaluation.grading_run import (
    GradingRecipe,
    GradingRun,
    Options,
    Told,
    benchmark,
    cross_validated,
)
from steatoscope.learning.evaluation.grading_scores import by_frame, counts_of, scored, shipped_calibration
from steatoscope.learning.evaluation.grading_start import start_notes
from steatoscope.learning.evaluation.report_evidence import Confusion, Evidence, Roc
from steatoscope.learning.training.grading_cv import CLINICAL, R2_BEST, R2_LAST, cross_r2
from steatoscope.learning.training.grading_folds import R2_FOLDS, GradingPlan, r2_folds
from steatoscope.science.clinical.grades import LABELS

NAME: Final = "r2-resnet50-grading"
PUBLISHED: Final = ("resnet50", "resnet50-r2")
PLANS: Final = {
    "small": GradingPlan("small", epochs=10, variants=1, folds=R2_FOLDS, run_folds=1),
    "full": GradingPlan("full", epochs=100, variants=5, folds=R2_FOLDS, run_folds=R2_FOLDS),
}
THEIRS: Final = "About 250 patients of one centre, a confusion matrix that sums to 997 of 1,000 images, ResNet-50."


def run_r2(
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
    """The benchmark's document of R2 on a folder laid out as Byra 2018 or with a manifest; finished splits are kept.

    ``weights`` is a word or a file as :func:`~.grading_start.start_of` takes it, ``covariates`` a table of clinical
    values or "manifest". Raises UsageError for an unknown plan, and what the readers raise.
    """
    options = Options(seed, resume, weights, covariates, told)
    return benchmark(RECIPE, RECIPE.plan(plan), data, out, options)


def row_words(run: GradingRun) -> dict[str, str]:
    """How the table calls each reading."""
    known = run.bank.covariates
    tails = {"": "", CLINICAL: f", with {known.words}" if known else ""}
    return {
        f"{kind}{tail}": f"{run.title}, frozen, head of R2, {words}{more}"
        for tail, more in tails.items()
        for kind, words in ((R2_LAST, "last weights"), (R2_BEST, "best validation accuracy"))
        if f"{kind}{tail}" in run.readings
    }


def _rows(run: GradingRun) -> dict[str, Any]:
    """By patient and by frame, with the last and with the best weights; with clinical values where there are any."""
    rows: dict[str, Any] = {}
    for kind, name in row_words(run).items():
        rows[name] = scored(run.graded[kind], seed=run.seed, classes=True)
        frames = by_frame(run.readings[kind], run.data)
        rows[f"{name}, by frame"] = scored(frames, seed=run.seed, classes=True, bounds=False)
    return rows


def notes_of(run: GradingRun) -> tuple[str, ...]:
    """How the run was done, where the publication leaves it open."""
    watch = counted([len(fold.watch) for fold in run.folds])
    copies = run.plan.variants
    mirrored = "Varied copies are mirrored left to right as published (the probe held the other way round), never "
    return (
        split_words(run),
        *([f"{mirrored}upside down."] if copies else []),
        "Choices: hidden layer of 512, rate halved after 5 epochs without gain, varied copies of each frame, computed "
        f"once: {copies}.",
        "Which weights are kept is not published. There are rows of those of the best validation accuracy, with this "
        f"many patients to choose them: {watch}; and of the last ones, which the recipe shows since its first run on "
        "byra2018 was seen. The model that is packed keeps the last weights, and reads pictures alone.",
        "The fat of a patient is the mean fat of the training patients' grades weighted by probability.",
    )


def _evidence(run: GradingRun) -> Evidence:
    graded = run.graded[R2_LAST]
    rocs = tuple(
        Roc("One grade against the rest, by patient", label, graded.true_grade == k, graded.probability[:, k])
        for k, label in enumerate(LABELS)
        if 0 < int((graded.true_grade == k).sum()) < len(graded.true_grade)
    )
    confusion = Confusion("Four grades by patient", tuple(LABELS), counts_of(graded))
    first = start_notes(run.start, run.bank.weights, *PUBLISHED)
    return Evidence(rocs=rocs, confusions=(confusion,), notes=(*first, *notes_of(run)))


RECIPE: Final = GradingRecipe(
    name=NAME, plans=PLANS, folds=r2_folds, cross=cross_r2, words=row_words, rows=_rows, evidence=_evidence,
    shown=R2_LAST, pairs=((f"{R2_LAST}{CLINICAL}", R2_LAST),), theirs=THEIRS,
)  # fmt: skip


def train_r2(
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str = "full",
    weights: str | None = None,
) -> dict[str, Any]:
    """Cross-validate R2, train its head on every patient, and pack the model in ``out``; returns a summary."""
    from steatoscope.learning.training.grading_card import grading_card
    from steatoscope.learning.training.grading_fit import BATCH
    from steatoscope.learning.training.grading_pack import Calibration, pack_r2

    run = cross_validated(RECIPE, RECIPE.plan(plan), data, out / "work", Options(seed, resume, weights))
    bank = run.bank
    row = scored(run.graded[R2_LAST], seed=seed, classes=True)
    temperature, half = shipped_calibration(run.readings[R2_LAST], bank.data)
    last = run.plan.epochs * -(-len(bank.data) // BATCH)
    words = "Grades steatosis on B-mode frames: a frozen encoder, pooled, with the four-grade head of recipe R2."
    card = grading_card("r2-grading", words, row, bank.data.source, bank.weights, run.tested)
    packed = pack_r2(
        bank, run.plan, run.start.weights, out,
        Calibration(last, temperature, half, row, card, run.tested), seed=seed, steps=steps,
    )  # fmt: skip
    return {"model": packed.name, "patients": len(bank.data.names), "results": row, "weights": dict(bank.weights)}
