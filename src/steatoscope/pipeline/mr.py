"""MR: fat-water maps, the liver on them, and the fat fraction of the eroded liver."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.image import Mask, MRScan, Study, Volume
from steatoscope.core.measurement import Measurement
from steatoscope.core.report import FattyAreaPart, ModelPart, RegionPart
from steatoscope.pipeline.display import percentile_limits, volume_pictures
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.foreign import foreign_mr, no_liver
from steatoscope.pipeline.methods import constants_part, mask_note
from steatoscope.pipeline.mr_fat import FatSource, LiverReading, fat_source, percent_volume, read_liver
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.organs import given_mask, mask_files, partial_coverage, volume_segmentation, with_liver
from steatoscope.pipeline.ports import Organs, Ports
from steatoscope.pipeline.progress import Tracker
from steatoscope.pipeline.why import mr_explanation
from steatoscope.science.clinical.baseline import pdff_baseline
from steatoscope.science.clinical.fatty_area import fatty_area
from steatoscope.science.clinical.grades import profile_for_scale, profile_named
from steatoscope.science.quantify.ct_region import erode
from steatoscope.science.quantify.mr_model import SPECTRA

HEAT_TITLES = {"pdff": "PDFF, %", "dixon_sff": "Dixon signal fat fraction (not PDFF), %"}


@dataclass(frozen=True, eq=False)
class _MRCase:
    """What the stages know: the fat map, organs, the liver's reading, and why there is none."""

    study: Study
    scan: MRScan
    source: FatSource | None
    organs: Organs
    reading: LiverReading | None
    refusal: SteatoscopeError | None
    whole: bool
    notes: tuple[QualityCode, ...]


def analyse_mr(study: Study, scan: MRScan, options: AnalyseOptions, ports: Ports, tracker: Tracker) -> Findings:
    """Findings on one MR study; a refusal withholds the fat value but keeps R2* and the masks."""
    mask = given_mask(options.liver_mask, study)
    with tracker.stage("prepare"):
        source, fault = _source(scan, options)
    with tracker.stage("segment"):
        organs = ports.mr_segmenter(scan.anatomy, None if source is None else percent_volume(source, scan))
        if mask is not None:
            organs = with_liver(organs, mask)
    with tracker.stage("measure"):
        case = _measured(study, scan, source, organs, fault, options)
    if case.refusal is not None or case.reading is None or source is None or organs.liver is None:
        return _refused(case)
    profile = profile_named(profile_for_scale(source.scale, options.profile))
    fat = percent_volume(source, scan)
    with tracker.stage("localise"):
        known = organs.liver & np.isfinite(fat.data)
        regions = tuple(ports.localiser(fat, known, profile.limits[0]))
    area = fatty_area(fat.data, organs.liver, profile.limits[0], f"fat map, {profile.name}")
    return _accepted(case, source, case.reading, regions, area)


def _source(scan: MRScan, options: AnalyseOptions) -> tuple[FatSource | None, SteatoscopeError | None]:
    try:
        return fat_source(scan, options.spectrum), None
    except SteatoscopeError as fault:
        if fault.code != "E_TE":
            raise
        return None, fault


def _measured(
    study: Study,
    scan: MRScan,
    source: FatSource | None,
    organs: Organs,
    fault: SteatoscopeError | None,
    options: AnalyseOptions,
) -> _MRCase:
    case = _MRCase(study, scan, source, organs, None, fault, whole=False, notes=organs.notes)
    if organs.liver is None or source is None:
        return case if fault else replace(case, refusal=no_liver(organs))
    partial = partial_coverage(organs.liver, scan.anatomy.geometry, study.source)
    case = replace(
        case, whole=partial is None, notes=(*organs.notes, *mask_note(organs), *((partial,) if partial else ()))
    )
    foreign = foreign_mr(scan, source) if options.liver_mask is None else None
    if foreign is not None:
        return replace(case, organs=replace(organs, liver=None), refusal=foreign)
    try:
        reading = read_liver(source, _eroded(scan.anatomy, organs.liver), scan.facts, options.level, options.seed)
    except SteatoscopeError as error:
        return replace(case, refusal=error)
    return replace(case, reading=reading, refusal=reading.refusal, notes=(*case.notes, *source.notes, *reading.notes))


def _eroded(anatomy: Volume, liver: Mask) -> Mask:
    geometry = anatomy.geometry
    return erode(liver, geometry.spacing, geometry.voxel_ml, known=geometry.known)[0]


def _refused(case: _MRCase) -> Findings:
    geometry = case.scan.anatomy.geometry
    return Findings(
        fat=None,
        measurements=_measurements(case),
        segmentation=volume_segmentation(case.organs, geometry, whole=case.whole),
        notes=case.notes,
        refusal=case.refusal,
        models=_models(case.organs, case.source),
        pictures=volume_pictures(case.scan.anatomy, case.organs, percentile_limits(case.scan.anatomy)),
        geometry=geometry,
        masks=mask_files(case.organs),
        maps=_maps(case, with_fat=False),
        config=_config(case.source),
    )


def _accepted(
    case: _MRCase,
    source: FatSource,
    reading: LiverReading,
    regions: tuple[RegionPart, ...],
    area: FattyAreaPart | None,
) -> Findings:
    anatomy = case.scan.anatomy
    value = reading.estimate.value_percent
    return Findings(
        fat=reading.estimate,
        measurements=_measurements(case),
        segmentation=volume_segmentation(case.organs, anatomy.geometry, whole=case.whole),
        fatty_area=area,
        regions=regions,
        notes=case.notes,
        baseline=pdff_baseline(value) if source.scale == "pdff" else None,
        explanation=mr_explanation(value, reading.uncorrected_percent, reading.t1_factor),
        models=_models(case.organs, source),
        pictures=volume_pictures(
            anatomy,
            case.organs,
            percentile_limits(anatomy),
            heat=source.percent,
            heat_title=HEAT_TITLES[source.scale],
            regions=regions,
        ),
        geometry=anatomy.geometry,
        masks=mask_files(case.organs),
        maps=_maps(case, with_fat=True),
        config=_config(source),
    )


def _measurements(case: _MRCase) -> tuple[Measurement, ...]:
    liver = case.organs.liver
    volume = float(liver.sum()) * case.scan.anatomy.geometry.voxel_ml if liver is not None and case.whole else None
    size = Measurement("liver_volume", volume, "mL", "voxels of the whole mask")
    return (*(case.reading.measurements if case.reading else ()), size)


def _maps(case: _MRCase, *, with_fat: bool) -> dict[str, Volume]:
    geometry = case.scan.anatomy.geometry
    maps: dict[str, Volume] = {}
    if case.source is None:
        return maps
    if with_fat:
        maps["fat"] = Volume(case.source.percent, geometry, "percent")
    if case.source.r2star is not None:
        maps["r2star"] = Volume(case.source.r2star, geometry, "1/s")
    if case.source.fit is not None:
        maps["field"] = Volume(case.source.fit.field_hz, geometry, "au")
        maps["water"] = Volume(np.abs(case.source.fit.water).astype(np.float32), geometry, "au")
        if with_fat:
            maps["fat-signal"] = Volume(np.abs(case.source.fit.fat).astype(np.float32), geometry, "au")
    return maps


def _models(organs: Organs, source: FatSource | None) -> tuple[ModelPart, ...]:
    parts = [organs.model] if organs.model else []
    if source is not None and source.fit is not None:
        spectrum = SPECTRA[source.fit.spectrum]
        constants = {"ppm": [float(v) for v in spectrum.shifts_ppm], "a": [float(v) for v in spectrum.amplitudes]}
        parts.append(constants_part(f"spectrum {source.fit.spectrum}", "1", constants, spectrum.source))
    return tuple(parts)


def _config(source: FatSource | None) -> dict[str, object]:
    if source is None or source.fit is None:
        return {"method": source.method if source else None}
    fit = source.fit
    return {
        "method": fit.method,
        "spectrum": fit.spectrum,
        "bipolar": fit.bipolar,
        "phase_sign": fit.phase_sign,
        "echoes": int(fit.echo_times_s.size),
        "field_strength_t": fit.field_strength_t,
    }
