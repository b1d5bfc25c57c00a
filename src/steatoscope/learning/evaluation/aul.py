"""Benchmark ``aul``: masses and livers on annotated ultrasound images, and what the tissue says of the mass's class.

``score_aul`` scores shipped or trained models without torch; ``run_aul`` cross-validates the recipes by group of
look-alikes. The class of these images follows the scanner, so that every class figure stands beside the control that
sees geometry and non-tissue parts alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.evaluation.aul_classes import Classes
from steatoscope.learning.evaluation.aul_read import WorstCases, case_row, result_of
from steatoscope.learning.evaluation.aul_scores import ImageResult, operating_points, summarise_masses
from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.unseen import unseen
from steatoscope.learning.inference.anomaly import AnomalyClassifier
from steatoscope.learning.inference.anomaly_control import source_sizes
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.detector_us import Frame, find_on_frame, reported_mass
from steatoscope.learning.inference.slices import SliceSegmenter
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_aul import load_aul

if TYPE_CHECKING:
    from steatoscope.learning.model_folder import ModelFolder

LOCALISER: Final = "us-localiser"
SEGMENTER: Final = "us-segmenter"
ANOMALY: Final = "anomaly-classifier"
ROLES: Final = (LOCALISER, SEGMENTER, ANOMALY)
LIMITS: Final = tuple(np.round(np.arange(0.1, 0.95, 0.05), 2).tolist())


@dataclass
class Scored:
    """What was read so far, by row of the results."""

    results: dict[str, list[ImageResult]] = field(default_factory=dict)
    worst: WorstCases = field(default_factory=WorstCases)
    cases: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: str, result: ImageResult) -> None:
        """Keep an image's result in a row."""
        self.results.setdefault(row, []).append(result)


def score_aul(data: Path, model: ModelFolder, *, out: Path) -> dict[str, Any]:
    """Score ``model`` with the shipped models that stand beside it on all images that none of them was trained on.

    The folder's ``us-localiser``, ``us-segmenter`` and ``anomaly-classifier`` belong together: ``model`` takes its own
    part, the others come from the shipped ones where they exist. Raises UsageError for another model, E_LEAK where
    nothing is left, E_ANNOTATION and the like from the folder.
    """
    models = _beside(model)
    known = load_aul(data, learn=False)
    scored, left_out = _unseen(known, list(models.values()))
    tally, classes = Scored(), Classes(source_sizes(data))
    readers = _Readers.of(models)
    for sample in scored.samples:
        _read(sample, readers, tally, classes)
    return document(scored, tally, classes, left_out=left_out)


def run_aul(data: Path, *, seed: int, out: Path, quick: bool = False) -> dict[str, Any]:
    """Cross-validate the recipes by group of look-alikes; needs the ``train`` extra.

    Folds are kept in ``out/fold_K`` and taken from there where they are done. ``quick`` shows that it runs, not how
    good it is.
    """
    from steatoscope.learning.evaluation.aul_cv import cross_validate

    known = load_aul(data)
    tally, classes = Scored(), Classes(source_sizes(data))
    configuration = cross_validate(known, tally, classes, seed=seed, out=out, quick=quick)
    return {**document(known, tally, classes, left_out=0), "configuration": configuration}


def document(data: TrainingSet, tally: Scored, classes: Classes, *, left_out: int) -> dict[str, Any]:
    """The benchmark's document of all that was read."""
    results = {row: _known(row, summarise_masses(found)) for row, found in tally.results.items()}
    results |= classes.results()
    return {
        "name": "aul",
        "data": "ultrasound images with outlines of liver and mass, by group of look-alikes (no subject ids)",
        "n_subjects": len(set(data.groups)),
        "n_images": len(data),
        "left_out": left_out,
        "results": results,
        "operating_points": operating_points(tally.results.get(LOCALISER, []), LIMITS),
        "classes": classes.comparison(),
        "cases": tally.cases,
        "evidence": Evidence(
            confusions=classes.confusions(), worst=tally.worst.pictures(), notes=_notes(tally, classes)
        ),
    }


@dataclass(frozen=True, eq=False)
class _Readers:
    detector: Detector | None
    segmenter: SliceSegmenter | None
    anomaly: AnomalyClassifier | None

    @classmethod
    def of(cls, models: Mapping[str, ModelFolder]) -> _Readers:
        return cls(
            Detector.open(models[LOCALISER]) if LOCALISER in models else None,
            SliceSegmenter.open(models[SEGMENTER]) if SEGMENTER in models else None,
            AnomalyClassifier.open(models[ANOMALY]) if ANOMALY in models else None,
        )


def _read(sample: Sample, readers: _Readers, tally: Scored, classes: Classes) -> None:
    image = np.asarray(sample.image(), dtype=np.uint8)
    frame = Frame.of(image)
    liver = None
    if readers.segmenter is not None:
        liver = _liver(readers.segmenter, frame, image)
        tally.add(SEGMENTER, result_of(sample, (), liver, operating=1.0))
    if readers.detector is None:
        return
    findings = None if frame is None else find_on_frame(readers.detector, frame.image, frame.tissue)
    regions = () if findings is None else findings.regions
    own = np.zeros(image.shape, dtype=np.bool_) if findings is None else findings.segments[0] > 0.5
    operating = readers.detector.settings.operating
    result = result_of(sample, regions, own, operating)
    tally.add(LOCALISER, result)
    tally.worst.add(result, image, sample, regions)
    extra: dict[str, Any] = {}
    if readers.anomaly is not None and frame is not None:
        mass, score = reported_mass(regions, image.shape, operating)
        reading = readers.anomaly.read(image, frame.sector, own, mass, score)
        shortcut = readers.anomaly.shortcut(image, frame.sector, classes.source(sample))
        classes.add(sample, reading.label, shortcut)
        extra = {"tissue": reading.label, "control": shortcut}
    tally.cases.append(case_row(result, extra))


def _liver(segmenter: SliceSegmenter, frame: Frame | None, image: Any) -> Any:
    if frame is None:
        return np.zeros(image.shape, dtype=np.bool_)
    place = segmenter.classes.index("liver")
    return segmenter.of_frames(frame.image[None], frame.tissue)[0, place] > 0.5


def _beside(model: ModelFolder) -> dict[str, ModelFolder]:
    from steatoscope.learning.catalogue import open_model

    if model.name not in ROLES:
        raise UsageError(f"{model.name} finds no masses or livers on ultrasound; choose from {', '.join(ROLES)}")
    models = {model.name: model}
    for role in ROLES:
        if role not in models:
            try:
                models[role] = open_model(role)
            except UsageError:
                continue
    return models


def _unseen(data: TrainingSet, models: Sequence[ModelFolder]) -> tuple[TrainingSet, int]:
    """The images that no model was trained on, and how many were left out."""
    paths = {sample.path for sample in data.samples}
    for model in models:
        paths &= set(unseen([sample.path for sample in data.samples], model)[0])
    if not paths:
        raise SteatoscopeError("E_LEAK", path=str(data.folder))
    kept = [i for i, sample in enumerate(data.samples) if sample.path in paths]
    return data.subset(kept), len(data) - len(kept)


def _known(row: str, figures: dict[str, Any]) -> dict[str, Any]:
    """A segmenter's row holds its liver alone."""
    return figures if row == LOCALISER else {k: v for k, v in figures.items() if k.startswith("liver")}


def _notes(tally: Scored, classes: Classes) -> tuple[str, ...]:
    notes = ["The class of these images follows the scanner: read macro F1 only beside the control."]
    if LOCALISER in tally.results:
        limits = sorted({result.operating for result in tally.results[LOCALISER]})
        notes.append(f"Masses are reported from a score of {', '.join(f'{limit:.2f}' for limit in limits)} on.")
    return (*notes, *classes.notes())
