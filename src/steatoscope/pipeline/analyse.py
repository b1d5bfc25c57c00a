"""The use case: one study in, one outcome out."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from steatoscope import __version__
from steatoscope.core.errors import EXIT_REFUSED, SteatoscopeError, UsageError, warning
from steatoscope.core.image import CTScan, MRScan, Study
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.pipeline.assemble import assemble
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.manifest import Manifest
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.outcome import Outcome
from steatoscope.pipeline.ports import Ports
from steatoscope.pipeline.progress import Tracker
from steatoscope.pipeline.unread import refused_findings, unread_study

ADULT_YEARS = 18.0
FAT_MAPS = ("fat", "fat-signal")
FAT_VALUES = ("ct_fat_", "liver_pdff")


def analyse(paths: Sequence[Path], options: AnalyseOptions, ports: Ports, tracker: Tracker) -> Outcome:
    """Read one study from paths and analyse it.

    Raises SteatoscopeError with exit code 3 for invalid input, UsageError for wrong usage, Cancelled where the tracker
    asked to stop. A refusal (exit code 4) is an outcome, not an exception.
    """
    with tracker.stage("read"):
        reading = ReadOptions(
            modality=options.modality, series=options.series, views=options.views, allow_eight_bit=ports.eight_bit
        )
        try:
            study = load_study(paths, reading)
        except SteatoscopeError as fault:
            if fault.exit_code != EXIT_REFUSED:
                raise
            return _outcome(unread_study(paths, options), refused_findings(fault), options, tracker)
    return analyse_study(study, options, ports, tracker)


def analyse_study(study: Study, options: AnalyseOptions, ports: Ports, tracker: Tracker) -> Outcome:
    """Analyse a study that is already in memory; raises UsageError where the chosen model is for another modality."""
    if ports.modality is not None and ports.modality != study.scan.modality:
        raise UsageError(f"the model {options.model!r} is for {ports.modality}, the study is {study.scan.modality}")
    findings = _trained_gate(_measure(study, options, ports, tracker), study, ports)
    return _outcome(study, _age_gate(findings, study, options), options, tracker)


def _outcome(study: Study, findings: Findings, options: AnalyseOptions, tracker: Tracker) -> Outcome:
    with tracker.stage("report"):
        report = assemble(study, findings, options, tracker.timings_ms)
    report = report.model_copy(update={"timings_ms": dict(tracker.timings_ms)})
    return Outcome(
        report=report,
        pictures=findings.pictures,
        geometry=findings.geometry,
        masks=findings.masks,
        maps=findings.maps,
        manifest=_manifest(study, options, report.provenance.report_digest, findings),
        study=study,
        views=findings.views,
    )


def _measure(study: Study, options: AnalyseOptions, ports: Ports, tracker: Tracker) -> Findings:
    """The stages of the scan's own modality, whose libraries are loaded only then."""
    scan = study.scan
    if isinstance(scan, CTScan):
        from steatoscope.pipeline.ct import analyse_ct

        return analyse_ct(study, scan, options, ports, tracker)
    if isinstance(scan, MRScan):
        from steatoscope.pipeline.mr import analyse_mr

        return analyse_mr(study, scan, options, ports, tracker)
    from steatoscope.pipeline.us import analyse_us

    return analyse_us(study, scan, options, ports, tracker)


def _age_gate(findings: Findings, study: Study, options: AnalyseOptions) -> Findings:
    age = options.clinical.get("age_years", study.patient.age_years)
    if age is None:
        return replace(findings, notes=(*findings.notes, warning("W_AGE")))
    if age < ADULT_YEARS:
        return _without_fat(
            replace(findings, refusal=SteatoscopeError("E_AGE", cause=f"The stated age is {age:g} years."))
        )
    return findings


def _trained_gate(findings: Findings, study: Study, ports: Ports) -> Findings:
    """Findings with W_TRAINED, and the models' names, where a model that took part learnt from a file of the study."""
    if ports.trained_on is None or findings.refusal is not None:
        return findings
    files = frozenset(one for item in study.inputs for one in (item.sha256, *item.files))
    names = [model.name for model in findings.models if ports.trained_on(model, files)]
    if not names:
        return findings
    note = warning("W_TRAINED", f"Models: {', '.join(dict.fromkeys(names))}.")
    return replace(findings, notes=(*findings.notes, note))


def _without_fat(findings: Findings) -> Findings:
    """Findings without local fat and fat under other names: what withholds the value withholds these as well."""
    return replace(
        findings,
        maps={name: values for name, values in findings.maps.items() if name not in FAT_MAPS},
        measurements=tuple(value for value in findings.measurements if not value.name.startswith(FAT_VALUES)),
        pictures=tuple(
            replace(picture, heat=None, boxes=tuple(box for box in picture.boxes if box[0] == "lesion"))
            for picture in findings.pictures
        ),
        views=tuple(replace(view, heat=None) for view in findings.views),
    )


def _manifest(study: Study, options: AnalyseOptions, digest: str, findings: Findings) -> dict[str, Any]:
    choices = asdict(replace(options, reference=None, clinical_model=None, clinical_days={}))
    for name in ("clinical", "clinical_remarks", "clinical_days", "previous"):
        del choices[name]
    choices["reference"] = options.reference.sha256 if options.reference else None
    choices["clinical_model"] = options.clinical_model.name if options.clinical_model else None
    choices["views"] = {name: str(path) for name, path in options.views.items()}
    choices["liver_mask"] = str(options.liver_mask) if options.liver_mask else None
    manifest = Manifest(
        version=__version__,
        command=[],
        options=choices,
        inputs=[{name: value for name, value in asdict(item).items() if name != "files"} for item in study.inputs],
        source={**study.source, **({"acquired": day} if (day := study.patient.study_date) else {})},
        transforms=[dict(record) for record in findings.transforms],
        files=[],
        environment={"python": platform.python_version(), "machine": platform.machine()},
        report_digest=digest,
    )
    return manifest.model_dump(mode="json", by_alias=True)
