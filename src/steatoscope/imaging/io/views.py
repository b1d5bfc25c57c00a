"""Several ultrasound views of one patient joined into one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.image import PatientFacts, Study, USScan, USView


def with_views(own: Study | None, named: Mapping[str, Study], more: Sequence[Study] = ()) -> Study:
    """Join a study, further unnamed ones, and named views; a named view takes all frames of its first view.

    Raises :class:`UsageError` where one of them is not ultrasound, E_MIXED where patient identifiers differ.
    """
    parts = [*([] if own is None else [own]), *more]
    renamed = [_named(study, name) for name, study in named.items()]
    studies = [*parts, *renamed]
    if len(studies) == 1:
        return studies[0]
    views: list[USView] = []
    for study in studies:
        if not isinstance(study.scan, USScan):
            raise UsageError("Only ultrasound has several views.")
        views.extend(study.scan.views)
    notes = tuple(dict.fromkeys(note for study in studies for note in study.notes))
    inputs = tuple(file for study in studies for file in study.inputs)
    return Study(USScan(tuple(views)), inputs, _one_patient(studies), notes, _sources(studies))


def _named(study: Study, name: str) -> Study:
    if not isinstance(study.scan, USScan):
        raise UsageError(f"View {name} is not ultrasound.")
    views = tuple(replace(view, name=name) for view in study.scan.views)
    inputs = tuple(replace(file, view=name) for file in study.inputs)
    return replace(study, scan=USScan(views), inputs=inputs)


def _one_patient(studies: Sequence[Study]) -> PatientFacts:
    known = [study.patient for study in studies if study.patient.patient_id]
    if len({patient.patient_id for patient in known}) > 1:
        raise SteatoscopeError("E_MIXED", path=studies[-1].inputs[0].path)
    return known[0] if known else studies[0].patient


def _sources(studies: Sequence[Study]) -> dict[str, object]:
    """Every part's own facts, and the ignored names of all."""
    ignored = [name for study in studies for name in study.source.get("ignored", ())]
    hashes = [one for study in studies for one in study.source.get("frame_sha256", ())]
    return {"ignored": ignored, "frame_sha256": hashes, "parts": [dict(study.source) for study in studies]}
