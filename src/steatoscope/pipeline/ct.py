"""CT: gates, organs, attenuation, and the PDFF-equivalent estimate where the gates allow one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.image import CTScan, Study, Volume
from steatoscope.core.measurement import Interval, Measurement
from steatoscope.core.report import FattyAreaPart, ModelPart, RegionPart
from steatoscope.pipeline.ct_slices import analyse_slices, focal_map
from steatoscope.pipeline.display import volume_pictures
from steatoscope.pipeline.findings import FatEstimate, Findings
from steatoscope.pipeline.foreign import NOTHING, boneless_ct, foreign_ct, no_liver
from steatoscope.pipeline.methods import equation_part, mask_note
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.organs import given_mask, mask_files, volume_segmentation, with_liver
from steatoscope.pipeline.ports import FocalFindings, Organs, Ports
from steatoscope.pipeline.progress import Tracker
from steatoscope.pipeline.why import ct_explanation
from steatoscope.science.clinical.baseline import ct_baseline
from steatoscope.science.clinical.fatty_area import fatty_area
from steatoscope.science.clinical.grades import profile_for_scale, profile_named
from steatoscope.science.clinical.scales import pdff_equivalent_of
from steatoscope.science.quantify.ct import CTMeasurement, fat_map, measure_ct, measurements
from steatoscope.science.quantify.ct_gates import GateResult, OrganHU, category, check_gates

SCALE = "ct_pdff_equiv"
WINDOW_HU = (-45.0, 105.0)
ENHANCED_WINDOW_HU = (-60.0, 180.0)
STATISTIC = "median HU of the eroded liver without vessels"
HEAT_TITLE = "CT fat fraction (PDFF-equivalent estimate), %"


@dataclass(frozen=True, eq=False)
class _CTCase:
    """What the stages know: organs, gates, the measurement, and why there is none."""

    scan: CTScan
    organs: Organs
    gates: GateResult
    result: CTMeasurement | None
    refusal: SteatoscopeError | None
    focal: FocalFindings = field(default_factory=FocalFindings)


def analyse_ct(study: Study, scan: CTScan, options: AnalyseOptions, ports: Ports, tracker: Tracker) -> Findings:
    """Findings on one CT volume; gates refuse the fat value but keep HU, L-S and a category."""
    mask = given_mask(options.liver_mask, study)
    foreign = foreign_ct(scan) if mask is None and scan.volume.unit == "HU" else None
    with tracker.stage("segment"):
        organs = NOTHING if foreign is not None else ports.ct_segmenter(scan.volume)
        if mask is not None:
            organs = with_liver(organs, mask)
    if scan.volume.unit == "au":
        return analyse_slices(scan, organs, ports, tracker)
    with tracker.stage("check"):
        gates = check_gates(scan.facts, _organ_hu(organs))
        if foreign is None and mask is None:
            foreign = boneless_ct(scan, organs, gates.refusal)
            organs = organs if foreign is None else Organs(liver=None, method=organs.method, model=organs.model)
    if foreign is not None:
        return _refused(_CTCase(scan, organs, replace(gates, refusal=None), None, foreign))
    with tracker.stage("measure"):
        case = _measured(scan, organs, gates, options, gappy=bool(study.source.get("gappy")))
    if organs.liver is not None:
        with tracker.stage("localise"):
            case = replace(case, focal=ports.ct_focal(scan.volume, organs))
    if case.refusal is not None or case.result is None or organs.liver is None:
        return _refused(case)
    profile = profile_named(profile_for_scale(SCALE, options.profile))
    with tracker.stage("localise"):
        fat = fat_map(scan.volume, organs.liver)
        known = organs.liver & np.isfinite(fat.data)
        regions = tuple(ports.localiser(fat, known, profile.limits[0]))
    area = fatty_area(fat.data, organs.liver, profile.limits[0], f"CT fat map, {profile.name}")
    return _accepted(case, case.result, fat, regions, area)


def _organ_hu(organs: Organs) -> OrganHU:
    return OrganHU(**{name: organs.hu.get(name) for name in ("aorta", "spleen", "kidney", "portal", "liver")})


def _measured(scan: CTScan, organs: Organs, gates: GateResult, options: AnalyseOptions, *, gappy: bool) -> _CTCase:
    """Measure whatever the gates say; without a usable liver the refusal is that, unless a gate refused before."""
    if organs.liver is None:
        return _CTCase(scan, organs, gates, None, _without_liver(gates, organs))
    try:
        result = measure_ct(
            scan.volume,
            organs.liver,
            organs.spleen,
            facts=scan.facts,
            unenhanced=gates.phase == "unenhanced",
            kvp_known=gates.kvp_known,
            level=options.level,
        )
    except SteatoscopeError as fault:
        return _CTCase(scan, organs, gates, None, gates.refusal or fault)
    if gappy:
        result = replace(result, liver_volume_ml=None)
    return _CTCase(scan, organs, gates, result, gates.refusal or result.refusal)


def _without_liver(gates: GateResult, organs: Organs) -> SteatoscopeError:
    """Contrast is refused first; where nothing at all shows the phase, the missing liver is the better reason."""
    undecided = gates.refusal is None or gates.refusal.code == "E_PHASE"
    nothing = all(value is None for value in organs.hu.values())
    return no_liver(organs) if (undecided and nothing) or gates.refusal is None else gates.refusal


def _refused(case: _CTCase) -> Findings:
    window = WINDOW_HU if case.gates.phase == "unenhanced" else ENHANCED_WINDOW_HU
    liver_hu = case.result.liver.median if case.result else None
    enhanced = case.gates.refusal is not None
    return Findings(
        fat=None,
        measurements=measurements(case.result) if case.result else (),
        segmentation=volume_segmentation(case.organs, case.scan.volume.geometry, whole=_whole(case)),
        notes=_notes(case),
        refusal=case.refusal,
        category=category(liver_hu, case.gates.phase) if enhanced else None,
        regions=case.focal.regions,
        lesion=case.focal.lesion,
        models=_models(case),
        pictures=volume_pictures(
            case.scan.volume, case.organs, window, regions=case.focal.regions, lesions=case.focal.masks
        ),
        geometry=case.scan.volume.geometry,
        masks=mask_files(case.organs, case.focal.masks),
        maps=focal_map(case.scan.volume, case.focal)[0],
        config=_acquisition(case),
    )


def _accepted(
    case: _CTCase, result: CTMeasurement, fat: Volume, regions: tuple[RegionPart, ...], area: FattyAreaPart | None
) -> Findings:
    volume, focal = case.scan.volume, case.focal
    shown = (*focal.regions, *regions)
    return Findings(
        fat=_estimate(result),
        measurements=(*measurements(result), *_raw_values(result)),
        segmentation=volume_segmentation(case.organs, volume.geometry, whole=_whole(case)),
        fatty_area=area,
        regions=shown,
        lesion=focal.lesion,
        notes=_notes(case),
        baseline=ct_baseline(result.liver.median, result.fat.value_percent),
        explanation=ct_explanation(result.liver.median, result.fat),
        models=(*_models(case), equation_part(result.fat.equation)),
        pictures=volume_pictures(
            volume,
            case.organs,
            WINDOW_HU,
            heat=fat.data,
            heat_title=HEAT_TITLE,
            regions=shown,
            lesions=focal.masks,
        ),
        geometry=volume.geometry,
        masks=mask_files(case.organs, focal.masks),
        maps={"fat": fat, **focal_map(volume, focal)[0]},
        config={"equation": result.fat.equation, **_acquisition(case)},
    )


def _acquisition(case: _CTCase) -> dict[str, object]:
    """Facts of the acquisition that a reader of the report needs; None where the header is silent."""
    facts = case.scan.facts
    return {
        "phase": case.gates.phase,
        "kvp": facts.kvp,
        "slice_thickness_mm": facts.slice_thickness_mm,
        "kernel": facts.kernel,
    }


def _whole(case: _CTCase) -> bool:
    return case.result is not None and case.result.liver_volume_ml is not None


def _notes(case: _CTCase) -> tuple[QualityCode, ...]:
    return (*case.organs.notes, *mask_note(case.organs), *case.gates.notes, *(case.result.notes if case.result else ()))


def _estimate(result: CTMeasurement) -> FatEstimate:
    fat = result.fat
    return FatEstimate(
        value_percent=fat.value_percent,
        scale=SCALE,
        low=fat.low,
        high=fat.high,
        level=fat.level,
        sd=fat.sd,
        budget=fat.budget,
        pdff_equivalent=pdff_equivalent_of(SCALE, fat.value_percent, Interval(fat.low, fat.high, fat.level)),
        method=f"{fat.equation}, unenhanced 120 kV",
        statistic=STATISTIC,
    )


def _raw_values(result: CTMeasurement) -> tuple[Measurement, ...]:
    """The unclamped estimate and those of the other equations; only where the gates allow a conversion."""
    named = {result.fat.equation: result.fat.raw_percent, **result.fat.alternatives}
    return tuple(Measurement(f"ct_fat_{name}", value, "%", f"{name}, not clamped") for name, value in named.items())


def _models(case: _CTCase) -> tuple[ModelPart, ...]:
    return tuple(part for part in (case.organs.model, case.focal.model) if part is not None)
