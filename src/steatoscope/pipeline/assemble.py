"""From findings to the report: grade, change, quality, provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from steatoscope import __version__
from steatoscope.core.errors import WARNINGS, QualityCode, SteatoscopeError
from steatoscope.core.image import Study, USScan
from steatoscope.core.report import (
    ChangePart,
    CodePart,
    ErrorPart,
    ErrorSourcePart,
    FatPart,
    GradePart,
    InputPart,
    IntervalPart,
    MeasurementPart,
    ProvenancePart,
    QualityPart,
    Report,
    Status,
    SteatosisPart,
    report_digest,
)
from steatoscope.pipeline.baselines import compared
from steatoscope.pipeline.clinical import Imaging, clinical_part
from steatoscope.pipeline.clinical_dates import reading_notes
from steatoscope.pipeline.findings import FatEstimate, Findings
from steatoscope.pipeline.follow_up import SIMULATED, follow_up
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.science.clinical.grades import borderline, grade_part, profile_for_scale, steatosis_probability
from steatoscope.science.clinical.repeatability import repeatability_points

POSITIVE_THRESHOLD = 0.5


OUTLINE = "W_MASK"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Grade, steatosis probability and change of one fat estimate."""

    grade: GradePart
    steatosis: SteatosisPart
    change: ChangePart | None
    notes: tuple[QualityCode, ...]


def judge(estimate: FatEstimate, study: Study, findings: Findings, options: AnalyseOptions) -> Judgement:
    """Grade an estimate by the profile of its scale and compare it with earlier reports."""
    profile = profile_for_scale(estimate.scale, options.profile)
    grade = grade_part(estimate.value_percent, estimate.sd, profile, options.level, estimate.probabilities)
    if estimate.grade_set is not None:
        grade = grade.model_copy(update={"set": list(estimate.grade_set), "level": estimate.level})
    change = follow_up(
        estimate,
        study.scan.modality,
        {**findings.config, **_scanner(study)},
        [f"{part.name} {part.version}" for part in findings.models],
        options.previous,
        acquired=study.patient.study_date,
        simulated=any(note.code == SIMULATED for note in (*study.notes, *findings.notes)),
        subject=options.subject or pseudonym(study),
    )
    near = borderline(estimate.value_percent, grade.profile, _coefficient(estimate))
    return Judgement(grade, estimate.steatosis or _steatosis(grade.probabilities), change, (near,) if near else ())


def _coefficient(estimate: FatEstimate) -> float:
    """The repeatability coefficient of the method, or the validation error of a model that has none."""
    known = repeatability_points(estimate.scale, estimate.value_percent)
    return estimate.sd if known is None else known


def _steatosis(probabilities: Mapping[str, float]) -> SteatosisPart:
    probability = steatosis_probability(probabilities)
    return SteatosisPart(
        probability=probability, threshold=POSITIVE_THRESHOLD, positive=probability >= POSITIVE_THRESHOLD
    )


def assemble(study: Study, findings: Findings, options: AnalyseOptions, timings_ms: Mapping[str, float]) -> Report:
    """The report of one study; a refusal withholds fat, steatosis, grade, fatty area, fat regions and baseline."""
    refused = findings.refusal is not None or findings.fat is None
    judgement = judge(findings.fat, study, findings, options) if findings.fat is not None and not refused else None
    imaging = Imaging(findings.fat if judgement else None, judgement.grade if judgement else None, findings.refusal)
    clinical, form = clinical_part(options.clinical, study.patient, imaging, options.clinical_model)
    healthy, unfit = (None, ()) if refused else compared(study, findings, options.clinical, options.reference)
    form = (*form, *reading_notes(options, study.patient.study_date))
    notes = [*study.notes, *findings.notes, *form, *unfit, *(judgement.notes if judgement else ())]
    document: dict[str, Any] = {
        "subject": options.subject or pseudonym(study),
        "modality": study.scan.modality,
        "inputs": [
            InputPart(path=f.path, sha256=f.sha256, kind=f.kind, frames=f.frames, view=f.view) for f in study.inputs
        ],
        "error": _error_part(findings.refusal),
        "category": findings.category if refused else None,
        "fat": _fat_part(findings.fat) if findings.fat is not None and not refused else None,
        "steatosis": judgement.steatosis if judgement else None,
        "grade": judgement.grade if judgement else None,
        "fatty_area": None if refused else findings.fatty_area,
        "segmentation": findings.segmentation,
        "regions": [part for part in findings.regions if part.kind == "lesion" or not refused],
        "lesion": findings.lesion,
        "measurements": [_measurement_part(m) for m in findings.measurements],
        "baseline": healthy,
        "change": judgement.change if judgement else None,
        "clinical": clinical,
        "explanation": None if findings.refusal is not None else findings.explanation,
        "quality": _quality(notes, findings.refusal),
        "models": list(findings.models),
        "timings_ms": dict(timings_ms),
    }
    return _with_digest(document, study, findings, options)


def _scanner(study: Study) -> dict[str, str]:
    """Manufacturer and model of the scanner where the header names them: cohorts are split by them."""
    scan = study.scan
    facts = scan.views[0].facts if isinstance(scan, USScan) else scan.facts
    named = {"manufacturer": facts.manufacturer, "scanner": facts.model_name}
    return {key: text for key, text in named.items() if text}


def _chosen(study: Study) -> dict[str, Any]:
    """Which series was measured and how many others there were."""
    series = study.source.get("series")
    if not isinstance(series, Mapping):
        return {}
    others = study.source.get("other_series") or []
    return {"series": series.get("uid"), "slices": series.get("slices"), "other_series": len(others)}


def _with_digest(document: dict[str, Any], study: Study, findings: Findings, options: AnalyseOptions) -> Report:
    provenance = ProvenancePart(
        version=__version__,
        config={
            **findings.config,
            **_scanner(study),
            **_chosen(study),
            "profile": options.profile,
            "level": options.level,
        },
        seeds={"analysis": options.seed},
        report_digest="",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    report = Report(**document, provenance=provenance)
    digest = report_digest(report.document())
    return report.model_copy(update={"provenance": provenance.model_copy(update={"report_digest": digest})})


def pseudonym(study: Study) -> str:
    """A name that tells nothing about the patient: the first digits of a hash over the inputs' content."""
    content = ",".join(sorted(item.sha256 for item in study.inputs))
    return f"S-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def _error_part(refusal: SteatoscopeError | None) -> ErrorPart | None:
    return None if refusal is None else ErrorPart(**refusal.document())  # type: ignore[arg-type]


def _fat_part(estimate: FatEstimate) -> FatPart:
    return FatPart(
        value_percent=round(estimate.value_percent, 4),
        scale=estimate.scale,  # type: ignore[arg-type]
        interval=IntervalPart(low=round(estimate.low, 4), high=round(estimate.high, 4), level=estimate.level),
        method=estimate.method,
        statistic=estimate.statistic,
        pdff_equivalent=estimate.pdff_equivalent,
        error_budget=_budget_parts(estimate),
    )


def _budget_parts(estimate: FatEstimate) -> list[ErrorSourcePart] | None:
    if estimate.budget is None:
        return None
    return [
        ErrorSourcePart(source=one.source, sd_points=round(one.sd_points, 4), added=one.added)
        for one in estimate.budget.sources
    ]


def _measurement_part(measurement: Any) -> MeasurementPart:
    interval = measurement.interval
    return MeasurementPart(
        name=measurement.name,
        value=None if measurement.value is None else round(float(measurement.value), 6),
        unit=measurement.unit,
        interval=None if interval is None else IntervalPart(low=interval.low, high=interval.high, level=interval.level),
        method=measurement.method,
        quality=measurement.quality,
    )


def _distinct(codes: list[QualityCode]) -> list[tuple[str, str]]:
    """Codes once each; of two remarks with one code where one begins the other, the fuller stays."""
    pairs = list(dict.fromkeys((code.code, code.message) for code in codes))
    return [
        (code, message)
        for code, message in pairs
        if not any(other == code and text != message and text.startswith(message) for other, text in pairs)
    ]


def _joined(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """All remarks on the outline as one, whose opening words stand once; other codes as they are."""
    head = WARNINGS[OUTLINE]
    said = [text.removeprefix(head).strip() for code, text in pairs if code == OUTLINE]
    if len(said) < 2:
        return pairs
    opening = [head] if any(text.startswith(head) for code, text in pairs if code == OUTLINE) else []
    whole = " ".join([*opening, *(text for text in said if text)])
    place = next(k for k, (code, _) in enumerate(pairs) if code == OUTLINE)
    others = [pair for pair in pairs if pair[0] != OUTLINE]
    return [*others[:place], (OUTLINE, whole), *others[place:]]


def _quality(notes: list[QualityCode], refusal: SteatoscopeError | None) -> QualityPart:
    codes = [*notes, *([refusal.quality_code()] if refusal else [])]
    unique = _joined(_distinct(codes))
    status: Status = "refused" if refusal else ("warn" if codes else "ok")
    return QualityPart(status=status, codes=[CodePart(code=code, message=message) for code, message in unique])
