"""Cross-validation of the ultrasound detector and the anomaly classifier on ``aul``; needs the ``train`` extra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from steatoscope.learning.evaluation.aul_read import case_row, result_of
from steatoscope.learning.evaluation.aul_scores import ImageResult, operating_points
from steatoscope.learning.inference.anomaly import CLASSES
from steatoscope.learning.training.sets import TrainingSet

if TYPE_CHECKING:
    from steatoscope.learning.evaluation.aul import Scored
    from steatoscope.learning.evaluation.aul_classes import Classes

LOCALISER: Final = "us-localiser"
QUICK_FOLDS, QUICK_STEPS = 2, 2
GRID: Final = tuple(np.round(np.arange(0.02, 0.98, 0.02), 2).tolist())
MOST_FALSE: Final = 0.18
"""Share of normal images with a false mass that a reporting score may have on the other folds; the goal is 0.20."""


def cross_validate(
    data: TrainingSet, tally: Scored, classes: Classes, *, seed: int, out: Path, quick: bool
) -> dict[str, Any]:
    """Read every image out of fold into ``tally`` and ``classes``; returns the configuration.

    The score from which a mass counts as reported is chosen for each fold on the other folds.
    """
    from steatoscope.learning.training.anomaly import AnomalyRows, export_encoder
    from steatoscope.learning.training.anomaly_fit import out_of_fold_labels
    from steatoscope.learning.training.detector import OPERATING, US_MASSES
    from steatoscope.learning.training.detector_cv import folds_of, out_of_fold

    splits = folds_of(data, seed, QUICK_FOLDS) if quick else folds_of(data, seed)
    rows = AnomalyRows(export_encoder(out / "encoder.onnx"), classes.sizes)
    found: dict[int, tuple[int, ImageResult]] = {}
    for reading in out_of_fold(data, US_MASSES, splits, out, seed=seed, steps=QUICK_STEPS if quick else None):
        sample, regions = data.samples[reading.index], reading.findings.regions
        result = result_of(sample, regions, reading.findings.segments[0] > 0.5, OPERATING)
        found[reading.index] = (reading.fold, result)
        tally.worst.add(result, reading.frame.image, sample, regions)
        rows.add(reading, sample)
    tissue, control = rows.tables(data)
    labels = [out_of_fold_labels(table, rows.own(splits), seed=seed) for table in (tissue, control)]
    for place, index in enumerate(sorted(rows.indices)):
        names = [CLASSES[int(part[place])] for part in labels]
        classes.add(data.samples[index], *names)
        tally.cases.append(case_row(found[index][1], dict(zip(("tissue", "control"), names, strict=True))))
    limits = [operating_of([r for fold, r in found.values() if fold != k]) for k in range(len(splits))]
    for fold, result in found.values():
        tally.add(LOCALISER, replace(result, operating=limits[fold]))
    remark = {"quick": "small configuration: shows that it runs, not how good it is"} if quick else {}
    return {"folds": len(splits), "operating": limits, **remark}


def operating_of(results: Sequence[ImageResult]) -> float:
    """The lowest score at which at most 18 % of normal images have a false mass; the highest tried where none is."""
    for point in operating_points(results, GRID):
        if point["false_masses_on_normal"] <= MOST_FALSE:
            return float(point["score"])
    return float(GRID[-1])
