"""From findings to the report: grade, change, quality, provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from steatoscope import __version__
from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import Study, USScan
from steatoscope.core.report import (
    ChangePart,
    CodePart,
    ErrorPart,
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
from steatoscope.pipeline.findings import FatEstimate, Findings
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.science.clinical.change import change_from_reports, repeatability_points
from steatoscope.science.clinical.grades import borderline, grade_part, profile_for_scale, steatosis_probability

POSITIVE_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Judgement:
    """Grade, steatosis probability and change of one fat estimate."""

    grade: GradePart
    steatosis: SteatosisPart
    change: ChangePart | None
    notes: tuple[QualityCode, ...]


def judge(estimate: FatEstimate, options: AnalyseOptions) -> Judgement:
    """Grade an estimate by the profile of its scale and compare it with earlier reports."""
    profile = profile_for_scale(estimate.scale, options.profile)
    grade = grade_part(estimate.value_percent, estimate.sd, profile, options.level, estimate.probabilities)
    if estimate.grade_set is not None:
        grade = grade.model_copy(update={"set": list(estimate.grade_set), "level": estimate.level})
    change = change_from_reports(estimate.value_percent, estimate.scale, estimate.method, options.previous)
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
    judgement = judge(findings.fat, options) if findings.fat is not None and not refused else None
    form = (warning("W_CLINICAL"),) if set(options.clinical) - {"age_years", "sex"} else ()
    notes = [*study.notes, *findings.notes, *form, *(judgement.notes if judgement else ())]
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
        "baseline": None if refused else findings.baseline,
        "change": judgement.change if judgement else None,
        "clinical": None,
        "explanation": None if refused else findings.explanation,
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
    )


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


def _quality(notes: list[QualityCode], refusal: SteatoscopeError | None) -> QualityPart:
    codes = [*notes, *([refusal.quality_code()] if refusal else [])]
    unique = _distinct(codes)
    status: Status = "refused" if refusal else ("warn" if codes else "ok")
    return QualityPart(status=status, codes=[CodePart(code=code, message=message) for code, message in unique])
