"""Ultrasound: outlines and focal regions of every view, and the model's reading of the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.image import Mask, Study, USScan
from steatoscope.core.measurement import Measurement
from steatoscope.core.report import BaselinePart, ExplanationPart, LesionPart, ModelPart
from steatoscope.imaging.io.masks import read_liver_mask
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.ports import SECTOR_METHOD, FocalFindings, Organs, Ports, PreparedView, UltrasoundReading
from steatoscope.pipeline.progress import Tracker
from steatoscope.pipeline.protocol import repeatability_config
from steatoscope.pipeline.us_admit import Admission, admitted
from steatoscope.pipeline.us_kidney import checked_kidneys
from steatoscope.pipeline.us_show import ShownView, mask_files, pictures, segmentation, view_findings
from steatoscope.science.quantify.us_quantify import measure_us

ACROSS_KIDNEY = 0.2
HEALTHY_PATIENTS = "biopsy-normal patients of the model's training set (an obese surgical cohort)"
KIDNEY_COVERED = "It covers part of what was outlined as kidney: check it on the overlay."


@dataclass(frozen=True, eq=False)
class _USCase:
    """What the stages know: views that can be read, what was found on them, the reading, and why there is none."""

    views: tuple[PreparedView, ...]
    organs: tuple[Organs, ...]
    focal: tuple[FocalFindings, ...]
    reading: UltrasoundReading | None
    refusal: SteatoscopeError | None
    notes: tuple[QualityCode, ...]
    let_in: Admission


def analyse_us(study: Study, scan: USScan, options: AnalyseOptions, ports: Ports, tracker: Tracker) -> Findings:
    """Findings on one patient's ultrasound; colour overlays are left out, foreign images refused."""
    with tracker.stage("prepare"):
        let_in = admitted(scan.views, ports.us_gate, study.notes)
        views = let_in.views
    with tracker.stage("segment"):
        organs = tuple(_unmeasured() if let_in.refusal else ports.us_segmenter(view) for view in views)
        if options.liver_mask is not None and views:
            organs = _with_given(organs, read_liver_mask(options.liver_mask, scan), views)
    with tracker.stage("grade"):
        case = _read(let_in, organs, options, ports)
    with tracker.stage("localise"):
        case = replace(case, focal=_focal(case, ports))
    with tracker.stage("measure"):
        values = tuple(value for number in range(len(views)) for value in _measured(case, number))
    return _findings(case, values)


def _with_given(organs: tuple[Organs, ...], mask: Mask, views: tuple[PreparedView, ...]) -> tuple[Organs, ...]:
    """The user's own mask for every view of its size; within the tissue, and none where nothing is left."""
    drawn = np.asarray(np.any(mask, axis=0), dtype=np.bool_)
    return tuple(
        _given(drawn & view.tissue, organ) if view.tissue.shape == drawn.shape else organ
        for organ, view in zip(organs, views, strict=True)
    )


def _given(liver: Mask, found: Organs) -> Organs:
    """The user's own liver beside the kidney that was found; where the two overlap, the liver wins and a note says so.

    The kidney's network stays named as a model that took part.
    """
    words = "The given mask limits the further measurements; the fat model reads the whole sector."
    kidney = None
    if found.kidney is not None and found.kidney.any():
        kidney = found.kidney & ~liver
        if float((found.kidney[0] & liver).sum()) > ACROSS_KIDNEY * float(found.kidney.sum()):
            words = f"{words} {KIDNEY_COVERED}"
    return Organs(
        liver=liver[None] if liver.any() else None,
        kidney=kidney,
        method="given mask",
        notes=(QualityCode("W_MASK", words),),
        model=None if kidney is None else found.model,
        neighbours=found.neighbours or found.method,
    )


def _unmeasured() -> Organs:
    """Nothing is sought on a view that may not be read."""
    return Organs(liver=None, method=SECTOR_METHOD)


def _read(let_in: Admission, organs: tuple[Organs, ...], options: AnalyseOptions, ports: Ports) -> _USCase:
    views, notes = let_in.views, let_in.notes
    if let_in.refusal is not None:
        return _USCase(views, organs, (), None, let_in.refusal, notes, let_in)
    if all(organ.liver is None for organ in organs):
        fault = SteatoscopeError("E_NOLIVER", cause="The given mask holds no tissue.")
        return _USCase(views, organs, (), None, fault, notes, let_in)
    notes = (*notes, *(note for organ in organs for note in organ.notes))
    reading, organs, unseen = checked_kidneys(views, organs, lambda chosen: ports.us_grader(chosen, options.level))
    if not reading.out_of_distribution:
        return _USCase(views, organs, (), reading, None, (*notes, *reading.notes, *unseen), let_in)
    # what a reading says of its spread is said of a value; here there is none
    said = (note for note in reading.notes if note.code != "W_OOD")
    refusal = reading.refusal or SteatoscopeError("E_OOD")
    return _USCase(views, organs, (), reading, refusal, (*notes, *said, *unseen), let_in)


def _focal(case: _USCase, ports: Ports) -> tuple[FocalFindings, ...]:
    """Focal regions of every view; on pictures that the grader calls foreign only where a liver was outlined."""
    return tuple(
        FocalFindings() if case.refusal is not None and organ.method == SECTOR_METHOD else ports.us_focal(view, organ)
        for view, organ in zip(case.views, case.organs, strict=True)
    )


def _measured(case: _USCase, number: int) -> tuple[Measurement, ...]:
    """The values of one view: within the liver, and what the grader read; names carry the view where there are many."""
    view, organ = case.views[number], case.organs[number]
    found: tuple[Measurement, ...] = ()
    if case.reading is not None and case.refusal is None:
        found = case.reading.views[number].measurements
    if organ.liver is not None:
        found = (*found, *measure_us(view.frames, view.sector, view.tissue & organ.liver[0], view.pixel_mm))
    if case.refusal is not None:
        found = tuple(replace(value, quality="poor") for value in found)
    if len(case.views) == 1 or view.name is None:
        return found
    return tuple(replace(value, name=f"{value.name}_{view.name.lower()}") for value in found)


def _findings(case: _USCase, values: tuple[Measurement, ...]) -> Findings:
    accepted = case.reading if case.refusal is None else None
    shown = _shown(case, accepted)
    return Findings(
        fat=accepted.estimate if accepted else None,
        measurements=values,
        segmentation=segmentation(shown),
        regions=tuple(region for focal in case.focal for region in focal.regions),
        lesion=_surest(case.focal),
        notes=case.notes,
        refusal=case.refusal,
        baseline=_baseline(accepted) if accepted else None,
        baseline_items=accepted.baseline_items if accepted else (),
        explanation=_explanation(accepted) if accepted else None,
        models=_models(case),
        pictures=pictures(shown),
        views=view_findings(shown),
        geometry=None,
        masks=mask_files(shown),
        config=_config(case, accepted),
    )


def _config(case: _USCase, accepted: UltrasoundReading | None) -> dict[str, object]:
    frames = {view.name or str(k): list(view.chosen) for k, view in enumerate(case.views)}
    named: dict[str, object] = {"frames": frames}
    if case.let_in.scores:
        named["foreignness"] = case.let_in.scores
    own = accepted.repeatability if accepted else None
    return named if own is None else {**named, "repeatability": repeatability_config(own)}


def _shown(case: _USCase, accepted: UltrasoundReading | None) -> list[ShownView]:
    focal = case.focal or tuple(FocalFindings() for _ in case.views)
    readings = accepted.views if accepted else tuple(None for _ in case.views)
    return [ShownView(*parts) for parts in zip(case.views, case.organs, focal, readings, strict=True)]


def _surest(focal: Sequence[FocalFindings]) -> LesionPart | None:
    """The class told with the highest probability over the views, or None."""
    claims = [found.lesion for found in focal if found.lesion is not None]
    return max(claims, key=lambda part: part.probabilities[part.label], default=None)


def _models(case: _USCase) -> tuple[ModelPart, ...]:
    """The models that took part, each once."""
    parts = [
        *case.let_in.models,
        *((case.reading.model,) if case.reading else ()),
        *(organ.model for organ in case.organs if organ.model is not None),
        *(found.model for found in case.focal if found.model is not None),
    ]
    return tuple({part.name: part for part in parts}.values())


def _baseline(reading: UltrasoundReading) -> BaselinePart | None:
    if reading.baseline_z is None:
        return None
    given = reading.baseline_reference
    return BaselinePart(
        reference=given or HEALTHY_PATIENTS,
        percentile=None,
        z=reading.baseline_z,
        healthy_upper_limit=None,
        text=(
            f"The score of the image features lies {reading.baseline_z:+.1f} robust standard deviations from that of "
            f"{given or 'the biopsy-normal patients of the training set'}; more fat gives a higher score."
        ),
    )


def _explanation(reading: UltrasoundReading) -> ExplanationPart:
    mapped = any(view.heat is not None for view in reading.views)
    return ExplanationPart(
        heatmap="overlay.png" if mapped else None, contributions=list(reading.contributions), start=reading.start
    )
