"""Ultrasound: the scan sector, frames that stand for the clip, and the model's reading of the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import Mask, Study, USScan, USView
from steatoscope.core.measurement import Measurement
from steatoscope.core.report import BaselinePart, ExplanationPart, SegmentationPart, SegmentPart
from steatoscope.imaging.io.masks import read_liver_mask
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_frames import select_frames
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.outcome import Picture
from steatoscope.pipeline.ports import SECTOR_METHOD, Organs, Ports, PreparedView, UltrasoundReading
from steatoscope.pipeline.progress import Tracker
from steatoscope.science.quantify.us_quantify import measure_us

HEAT_TITLE = "Where the estimate comes from, points of fat"


@dataclass(frozen=True, eq=False)
class _USCase:
    """What the stages know: views that can be read, their organs, the reading, and why there is none."""

    views: tuple[PreparedView, ...]
    organs: tuple[Organs, ...]
    reading: UltrasoundReading | None
    refusal: SteatoscopeError | None
    notes: tuple[QualityCode, ...]


def analyse_us(study: Study, scan: USScan, options: AnalyseOptions, ports: Ports, tracker: Tracker) -> Findings:
    """Findings on one patient's ultrasound; colour overlays are left out, foreign images refused."""
    with tracker.stage("prepare"):
        prepared = [prepare_view(view) for view in scan.views]
        views = tuple(view for view, _ in prepared if view is not None)
        notes = tuple(note for _, found in prepared for note in found)
    with tracker.stage("segment"):
        organs = tuple(ports.us_segmenter(view) for view in views)
        if options.liver_mask is not None and views:
            organs = _with_given(organs, read_liver_mask(options.liver_mask, scan), views)
    with tracker.stage("measure"):
        case = _read(views, organs, notes, options, ports)
        values = tuple(m for pair in _pairs(case) for m in _measured(*pair, many=len(views) > 1))
    return _findings(case, values)


def prepare_view(view: USView) -> tuple[PreparedView | None, tuple[QualityCode, ...]]:
    """A view ready to be read, with remarks; None where it shows no scan sector or only coloured frames."""
    notes = () if view.clip.pixel_mm is not None else (warning("W_SPACING"),)
    sector = find_sector(view.clip)
    if sector is None:
        return None, notes
    choice = select_frames(view.clip, sector)
    frames = choice.frames(view.clip)
    if choice.coloured.size:
        notes = (*notes, warning("W_OOD", f"{choice.coloured.size} frames with colour were left out."))
    if not frames.shape[0]:
        return None, notes
    chosen = tuple(int(k) for k in choice.indices)
    tissue = tissue_mask(frames, sector)
    return PreparedView(view.name, frames, sector, tissue, view.clip.pixel_mm, chosen), notes


def _with_given(organs: tuple[Organs, ...], mask: Mask, views: tuple[PreparedView, ...]) -> tuple[Organs, ...]:
    """The user's own mask for every view of its size; within the tissue, and none where nothing is left."""
    drawn = np.asarray(np.any(mask, axis=0), dtype=np.bool_)
    return tuple(
        _given(drawn & view.tissue) if view.tissue.shape == drawn.shape else organ
        for organ, view in zip(organs, views, strict=True)
    )


def _given(liver: Mask) -> Organs:
    note = QualityCode(
        "W_MASK", "The given mask limits the further measurements; the fat model reads the whole sector."
    )
    return Organs(liver=liver[None] if liver.any() else None, method="given mask", notes=(note,))


def _read(
    views: tuple[PreparedView, ...],
    organs: tuple[Organs, ...],
    notes: tuple[QualityCode, ...],
    options: AnalyseOptions,
    ports: Ports,
) -> _USCase:
    if not views:
        return _USCase(views, organs, None, SteatoscopeError("E_OOD", cause="No B-mode scan sector was found."), notes)
    if all(organ.liver is None for organ in organs):
        return _USCase(
            views, organs, None, SteatoscopeError("E_NOLIVER", cause="The given mask holds no tissue."), notes
        )
    notes = (*notes, *(note for organ in organs for note in organ.notes))
    reading = ports.us_grader(views, options.level)
    refusal = SteatoscopeError("E_OOD") if reading.out_of_distribution else None
    return _USCase(views, organs, reading, refusal, (*notes, *reading.notes))


def _measured(view: PreparedView, organ: Organs, *, many: bool) -> tuple[Measurement, ...]:
    if organ.liver is None:
        return ()
    found = measure_us(view.frames, view.sector, view.tissue & organ.liver[0], view.pixel_mm)
    if not many or view.name is None:
        return found
    return tuple(
        Measurement(f"{m.name}_{view.name.lower()}", m.value, m.unit, m.method, m.interval, m.quality) for m in found
    )


def _findings(case: _USCase, values: tuple[Measurement, ...]) -> Findings:
    reading = case.reading
    accepted = reading is not None and case.refusal is None
    return Findings(
        fat=reading.estimate if accepted and reading else None,
        measurements=values,
        segmentation=_segmentation(case),
        notes=case.notes,
        refusal=case.refusal,
        baseline=_baseline(reading) if accepted and reading else None,
        explanation=_explanation(reading) if accepted and reading else None,
        models=(reading.model,) if reading else (),
        pictures=_pictures(case, reading if accepted else None),
        geometry=None,
        masks={_name(view, k): o.liver for k, (view, o) in enumerate(_pairs(case)) if o.liver is not None},
        config={"frames": {view.name or str(k): list(view.chosen) for k, view in enumerate(case.views)}},
    )


def _pairs(case: _USCase) -> list[tuple[PreparedView, Organs]]:
    return list(zip(case.views, case.organs, strict=True))


def _name(view: PreparedView, number: int) -> str:
    return "liver" if number == 0 else f"liver-{(view.name or str(number)).lower()}"


def _segmentation(case: _USCase) -> SegmentationPart:
    if not case.organs or case.organs[0].liver is None:
        return SegmentationPart()
    view, organ = case.views[0], case.organs[0]
    share = float(organ.liver.sum()) / float(max(view.sector.mask.sum(), 1)) if organ.liver is not None else 0.0
    area = None
    if view.pixel_mm is not None and organ.liver is not None:
        area = float(organ.liver.sum()) * view.pixel_mm[0] * view.pixel_mm[1]
    return SegmentationPart(
        liver=SegmentPart(mask="mask-liver.png", area_mm2=area, fraction_of_view=round(share, 6), method=organ.method)
    )


def _baseline(reading: UltrasoundReading) -> BaselinePart | None:
    if reading.baseline_z is None:
        return None
    return BaselinePart(
        reference="biopsy-normal patients of the model's training set (an obese surgical cohort)",
        percentile=None,
        z=reading.baseline_z,
        healthy_upper_limit=None,
        text=(
            f"The score of the image features lies {reading.baseline_z:+.1f} robust standard deviations from that of "
            "the biopsy-normal patients of the training set; more fat gives a higher score."
        ),
    )


def _explanation(reading: UltrasoundReading) -> ExplanationPart:
    return ExplanationPart(
        heatmap="overlay.png" if reading.heat is not None else None, contributions=list(reading.contributions)
    )


def _pictures(case: _USCase, reading: UltrasoundReading | None) -> tuple[Picture, ...]:
    pictures = []
    for number, (view, organ) in enumerate(_pairs(case)):
        heat = reading.heat if reading is not None and number == 0 else None
        outlined = organ.method != SECTOR_METHOD
        rows, columns = view.pixel_mm or (1.0, 1.0)
        title = f"View {view.name}, frame {view.chosen[0] + 1}" if view.name else f"Frame {view.chosen[0] + 1}"
        pictures.append(
            Picture(
                title=title,
                grey=np.where(view.sector.mask, view.frames[0], 0).astype(np.uint8),
                liver=organ.liver[0] if outlined and organ.liver is not None else None,
                sector=None if outlined else view.sector.mask,
                heat=heat,
                heat_title=HEAT_TITLE,
                heat_range=_symmetric_range(heat),
                pixel_aspect=rows / columns,
            )
        )
    return tuple(pictures)


def _symmetric_range(heat: NDArray[np.float32] | None) -> tuple[float, float]:
    """Limits of the colour scale around 0, a whole number of steps of 5 points."""
    if heat is None or not np.isfinite(heat).any():
        return -5.0, 5.0
    reach = 5.0 * max(1.0, float(np.ceil(np.nanmax(np.abs(heat)) / 5.0)))
    return -reach, reach
