"""Benchmark ``byra2018``: fat of the liver on B-mode against biopsy, nested by patient, or of a shipped model.

:func:`run_byra2018` fits the recipe anew on a folder and needs the ``train`` extra; :func:`score_byra2018` scores a
model as it ships, without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from steatoscope.learning.evaluation.byra2018_figures import Answers, Values, paired, scored, shift_row
from steatoscope.learning.evaluation.byra2018_score import hand_index, score_byra2018

if TYPE_CHECKING:
    from steatoscope.learning.evaluation.byra2018_nested import Study
    from steatoscope.learning.training.us_steatosis import Trained

__all__ = ["run_byra2018", "score_byra2018"]

SHIPPED, WHOLE = "us-steatosis", "baseline: whole-image lite0"


def run_byra2018(data: Path, seed: int = 0, out: Path | None = None) -> dict[str, Any]:
    """Cross-validate the recipe on a folder laid out as Byra 2018, everything nested by patient.

    Localisers are pre-trained on ``aul`` beside the folder, where it exists. With ``out``, intermediate results are
    kept in ``out/work``, and a run that was broken off goes on from there. Raises what ``read_byra2018`` raises.
    """
    from steatoscope.learning.training.us_steatosis import tables, train_localisers

    aul = data.parent / "aul"
    with TemporaryDirectory() as scratch:
        work = Path(scratch) if out is None else out / "work"
        trained = train_localisers(data, aul if (aul / "annotations.json").is_file() else None, work, seed)
        found = tables(trained)
    return nested_document(data, trained, study_of(trained, found), seed)


def study_of(trained: Trained, found: Mapping[str, Any]) -> Study:
    """Tables with folds and fat, as the nested fits need them."""
    from steatoscope.learning.evaluation.byra2018_nested import Study

    fat = np.array([patient.fat for patient in trained.patients])
    return Study(found, trained.folds, fat)


def nested_document(data: Path, trained: Trained, study: Study, seed: int) -> dict[str, Any]:
    """The benchmark's document from all patients' readings."""
    from steatoscope.learning.evaluation.byra2018_controls import control_answers
    from steatoscope.learning.evaluation.byra2018_nested import CLEAN, FIRST, nested
    from steatoscope.learning.training.us_steatosis_recipes import RECIPES

    fat, recipe = study.fat, RECIPES["kidney"]
    main = nested(study, recipe, seed=seed)
    rows = {SHIPPED: main[CLEAN], f"{SHIPPED}, first frame": main[FIRST]}
    rows[f"{SHIPPED}, no kidney"] = nested(study, RECIPES["no_kidney"], seed=seed)[CLEAN]
    variants, chosen = _variants(study, seed)
    rows |= variants
    rows |= _readings_alone(study) | _hand(trained)
    rows |= control_answers(trained.patients, fat, seed)
    return {
        "name": "byra2018",
        "data": f"{data.name}: {fat.size} patients, biopsy fat in percent of hepatocytes; nested leave-one-patient-out",
        "n_subjects": int(fat.size),
        "n_images": sum(len(patient.sha256) for patient in trained.patients),
        "left_out": 0,
        "results": {name: scored(answers, fat, seed) for name, answers in rows.items()},
        "differences": {
            f"{SHIPPED} minus {other}": paired(main[CLEAN], rows[other], fat, seed)
            for other in (WHOLE, "baseline: hepatorenal index, automatic", "baseline: us-first features, ridge")
        },
        "robustness": {
            name: shift_row(answers, main[CLEAN], fat, seed) for name, answers in main.items() if name != CLEAN
        },
        "chosen": chosen,
        "cases": _cases(trained, main[CLEAN]),
    }


def _variants(study: Study, seed: int) -> tuple[dict[str, Answers], dict[str, int]]:
    """All variants tried, each nested as the whole; and one chosen inside the loop with how often which was."""
    from steatoscope.learning.evaluation.byra2018_nested import CLEAN, nested, nested_choice
    from steatoscope.learning.training.us_steatosis_recipes import CHOICES, RECIPES, VARIANTS

    best = RECIPES["kidney"]
    found = {f"variant: {name}": nested(study, changed, seed=seed)[CLEAN] for name, changed in VARIANTS.items()}
    found["variant: fit without changed copies"] = nested(study, best, seed=seed, copies=False)[CLEAN]
    choices = {SHIPPED: best, **{name: VARIANTS[name] for name in CHOICES}}
    found["variant: chosen inside the loop"], counts = nested_choice(study, choices, seed=seed)
    return found, counts


def _readings_alone(study: Study) -> dict[str, Answers]:
    """Ridge on the network's features averaged over the whole picture, and the automatic index as it is."""
    from steatoscope.learning.evaluation.byra2018_nested import CLEAN, left_out_ridge
    from steatoscope.learning.training.us_steatosis_fit import MemberSpec

    whole = left_out_ridge(
        study, tuple(MemberSpec(name, ((name,),), 10, 0.3) for name in ("middle_whole", "deep_whole"))
    )
    own = np.arange(study.fat.size), np.asarray(study.folds)
    table = study.tables[CLEAN]
    index: Values = table.values[(*own, table.columns["index"])].ravel()
    return {
        WHOLE: Answers.ranking(whole, whole, np.clip(whole, 0.0, 10.0) ** 2),
        "baseline: hepatorenal index, automatic": Answers.ranking(np.nan_to_num(index, nan=float(np.nanmean(index)))),
    }


def _hand(trained: Trained) -> dict[str, Answers]:
    by_hand = np.array([hand_index(patient) for patient in trained.patients])
    row = {"reference: hepatorenal index, hand boxes": Answers.ranking(by_hand)}
    return row if np.isfinite(by_hand).all() else {}


def _cases(trained: Trained, answers: Answers) -> list[dict[str, Any]]:
    return [
        {
            "case": patient.name,
            "fat_percent": patient.fat,
            "value_percent": round(float(answers.value[i]), 3),
            "interval": [round(float(answers.low[i]), 3), round(float(answers.high[i]), 3)],
            "probability": round(float(answers.probability[i]), 4),
            "grade_set": list(answers.sets[i]),
        }
        for i, patient in enumerate(trained.patients)
    ]
