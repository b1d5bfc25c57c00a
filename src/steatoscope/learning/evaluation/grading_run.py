"""The frame that recipes R2 and R3 share: data, folds and encoder, fits that are kept, and the document."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steatoscope.learning.evaluation.grading_baselines import baseline_rows
from steatoscope.learning.evaluation.grading_compare import compared
from steatoscope.learning.evaluation.grading_manifest import compared_with, manifest, marked
from steatoscope.learning.evaluation.grading_scores import Graded, by_patient
from steatoscope.learning.evaluation.grading_start import Start, start_of
from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.recipes import plan_of, recipe_named
from steatoscope.learning.training.features_cache import key_of
from steatoscope.learning.training.grading_card import Evaluated
from steatoscope.learning.training.grading_covariates import Covariates, covariates_of
from steatoscope.learning.training.grading_data import GradingSet, read_grading
from steatoscope.learning.training.grading_folds import Fold, GradingPlan
from steatoscope.learning.training.grading_keep import Kept, Reading, claim
from steatoscope.science.clinical.grades import LABELS

if TYPE_CHECKING:
    from steatoscope.learning.models.backbones import Encoder
    from steatoscope.learning.training.grading_features import Bank

Told = Callable[[str], None]
Rows = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is done: seed, whether it goes on, ``--weights``, ``--covariates``, whom to tell of its progress."""

    seed: int = 0
    resume: bool = False
    weights: str | None = None
    covariates: str | None = None
    told: Told | None = None


@dataclass(frozen=True, eq=False)
class GradingRun:
    """A recipe cross-validated: what it was run on, and what its networks answered."""

    plan: GradingPlan
    start: Start
    seed: int
    data: GradingSet
    folds: Sequence[Fold]
    bank: Bank
    readings: Mapping[str, list[Reading]]

    @property
    def title(self) -> str:
        """How rows call the encoder, and that its weights are random where they are."""
        return self.start.title + (" (random weights)" if self.bank.weights["source"] == "random" else "")

    @property
    def tested(self) -> Evaluated:
        """How many patients were tested, in how many folds."""
        patients = len(np.unique(np.concatenate([fold.test for fold in self.folds])))
        return Evaluated(patients, len(self.data.names), len(self.folds), self.plan.folds, self.plan.name)

    @cached_property
    def graded(self) -> dict[str, Graded]:
        """Each row's answers by patient."""
        return {name: by_patient(parts, self.data) for name, parts in self.readings.items()}


@dataclass(frozen=True, eq=False)
class GradingRecipe:
    """What tells one grading recipe from another.

    ``words`` is how the table calls each reading; ``shown`` is the one whose cases are listed; ``pairs`` are those
    whose difference is tested where both are there; ``theirs`` is what the publication's figures rest on.
    """

    name: str
    plans: Mapping[str, GradingPlan]
    folds: Callable[[GradingSet, GradingPlan, int], list[Fold]]
    cross: Callable[..., Mapping[str, list[Reading]]]
    words: Callable[[GradingRun], Mapping[str, str]]
    rows: Callable[[GradingRun], Rows]
    evidence: Callable[[GradingRun], Evidence]
    shown: str
    pairs: Sequence[tuple[str, str]]
    theirs: str

    def plan(self, name: str) -> GradingPlan:
        """A plan by its name; raises UsageError where there is none of that name."""
        return self.plans[plan_of(recipe_named(self.name), name)]


def benchmark(recipe: GradingRecipe, plan: GradingPlan, data: Path | None, out: Path, options: Options) -> Rows:
    """The benchmark's document of a plan on a folder of images; finished fits are kept in ``out``.

    Raises what the readers raise, UsageError for weights that there are none of or an ``out`` that holds another run.
    """
    began = time.perf_counter()
    run = cross_validated(recipe, plan, data, out, options)
    rows = recipe.rows(run)
    frames = 4 if plan.name == "full" else 1
    rows |= baseline_rows(run.data, run.folds, options.seed, frames=frames, covariates=run.bank.covariates)
    return document(recipe, run, rows, time.perf_counter() - began)


def cross_validated(
    recipe: GradingRecipe, plan: GradingPlan, data: Path | None, out: Path, options: Options
) -> GradingRun:
    """Train and read every network of every fold. Raises as :func:`benchmark`."""
    from steatoscope.learning.training.grading_features import feature_bank, frozen_encoder

    start = start_of(recipe_named(recipe.name), options.weights)
    size = replace(plan, encoder=start.encoder)
    found = read_grading(data)
    known = covariates_of(found, options.covariates)
    folds = recipe.folds(found, size, options.seed)
    encoder = frozen_encoder(start.encoder, start.weights)
    kept = out / recipe.name.split("-", maxsplit=1)[0]
    claim(kept, _identity(size, found, encoder, known, options.seed), resume=options.resume)
    bank = replace(feature_bank(found, encoder, variants=size.variants, told=options.told), covariates=known)
    banks = {"sector": bank}
    if size.liver:
        liver = read_grading(data, "liver-224")
        banks["liver"] = feature_bank(liver, encoder, variants=size.variants, told=options.told)
    fits = Kept(kept, len(folds), options.resume, options.told)
    readings = recipe.cross(banks, size, folds, fits, options.seed)
    return GradingRun(size, start, options.seed, found, folds, bank, readings)


def _identity(plan: GradingPlan, data: GradingSet, encoder: Encoder, known: Covariates | None, seed: int) -> Rows:
    """What makes a run the same run."""
    images = [sample.sha256 for sample in data.source.samples]
    truth = [f"{name} {grade} {fat}" for name, grade, fat in zip(data.names, data.grade, data.fat, strict=True)]
    values = [] if known is None else [*known.names, known.values.tobytes().hex()]
    return {
        **asdict(plan),
        "seed": seed,
        "weights": {name: encoder.record[name] for name in ("source", "sha256")},
        "data": key_of([*images, *truth]),
        "covariates": key_of(values),
    }


def document(recipe: GradingRecipe, run: GradingRun, rows: Rows, seconds: float) -> Rows:
    """The benchmark's document: rows of the run beside the publication's, cases, comparisons, manifest, evidence."""
    published = {name: dict(figures) for name, figures in recipe_named(recipe.name).published.items()}
    graded, tested = run.graded, run.tested
    part = "" if tested.patients == tested.known else f", {tested.patients} of {tested.known} subjects tested"
    found = {
        "name": recipe.name,
        "data": f"{run.data.words}; plan {run.plan.name}{part}",
        "n_subjects": tested.known,
        "n_images": len(run.data),
        "n_tested": tested.patients,
        # The readers refuse a set with an image that cannot be used: none is excluded.
        "left_out": 0,
        "comparability": compared_with(recipe.theirs, run),
        "results": {**marked(rows, run.data), **published},
        "cases": cases(run.data, graded[recipe.shown]),
        "manifest": manifest(run, seconds, {name: list(one.temperatures) for name, one in graded.items()}),
        "evidence": recipe.evidence(run),
    }
    differences = compared(graded, recipe.pairs, recipe.words(run), run.seed)
    return {**found, "comparison": differences} if differences else found


def cases(data: GradingSet, graded: Graded) -> list[Rows]:
    """Each tested patient with truth and answer."""
    order = np.argsort(graded.patient)
    return [
        {
            "case": data.names[int(graded.patient[i])],
            "fat_percent": float(graded.true_fat[i]),
            "grade": LABELS[int(graded.true_grade[i])],
            "value_percent": round(float(graded.fat[i]), 2),
            "told": LABELS[int(graded.probability[i].argmax())],
            "probability": round(1.0 - float(graded.probability[i, 0]), 4),
        }
        for i in order
    ]
