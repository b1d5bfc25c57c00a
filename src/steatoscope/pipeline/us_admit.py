"""Which ultrasound views may be read: those that can be prepared and that the gate takes for a picture of a liver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import USView
from steatoscope.core.report import ModelPart
from steatoscope.pipeline.ports import PreparedView, UltrasoundGate
from steatoscope.pipeline.us_marks import marks_warning
from steatoscope.pipeline.us_views import prepare_view, unreadable


@dataclass(frozen=True, eq=False)
class Admission:
    """The views to go on with, remarks, the gates' models, and a refusal where none may be read.

    With a refusal, ``views`` are the refused ones that could be prepared: they are shown, not measured. ``scores`` are
    those of the views that were scored, by name or number.
    """

    views: tuple[PreparedView, ...]
    notes: tuple[QualityCode, ...]
    refusal: SteatoscopeError | None
    models: tuple[ModelPart, ...]
    scores: dict[str, float]


def admitted(views: Sequence[USView], gate: UltrasoundGate | None, known: Sequence[QualityCode] = ()) -> Admission:
    """Prepare all views of a scan and leave out those that cannot be read, with a remark that says why.

    The gate's own remarks are not repeated where the file said the same: ``known`` are the remarks of reading.
    """
    let_in: list[PreparedView] = []
    kept_out: list[PreparedView] = []
    faults: list[tuple[str, SteatoscopeError]] = []
    notes: list[QualityCode] = []
    models: dict[str, ModelPart] = {}
    scores: dict[str, float] = {}
    for number, view in enumerate(views):
        name = view.name or str(number)
        prepared, found = prepare_view(view)
        notes += found
        if prepared is None:
            faults.append((name, unreadable(view.clip)))
            continue
        fault = None
        if gate is not None:
            verdict = gate(prepared)
            fault = verdict.refusal
            said = {note.code for note in known} if fault is None else set()
            notes += [note for note in verdict.notes if note.code not in said and note not in notes]
            models |= {} if verdict.model is None else {verdict.model.name: verdict.model}
            scores |= {} if verdict.score is None else {name: round(verdict.score, 4)}
        if fault is None:
            notes += marks_warning(prepared)
        else:
            faults.append((name, fault))
        (let_in if fault is None else kept_out).append(prepared)
    refusal = faults[0][1] if faults and not let_in else None
    if let_in:
        notes += [warning("W_OOD", f"View {name} was left out: {fault.cause}") for name, fault in faults]
    shown = let_in or kept_out
    numbered = tuple(replace(view, number=k) for k, view in enumerate(shown))
    return Admission(numbered, tuple(notes), refusal, tuple(models.values()), scores)
