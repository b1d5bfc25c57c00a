"""Benchmark ``refusal``: are images of something else refused, and real studies not?

Two tables of the whole analysis as a user runs it. Foreign images by kind and modality: the share that gets no fat
value, with exact binomial intervals (Clopper and Pearson, 1934). Real studies by set: the share that is refused though
it should be measured, and sets whose refusal is the right answer (enhanced CT, eight bits, one echo) in rows of their
own. Foreign images are drawn from the seed; kinds that were looked at while limits were set are marked ``tuned``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.trust_refusal_cases import Analyse, Case, Verdict, judged
from steatoscope.learning.evaluation.trust_refusal_ct import ct_foreign
from steatoscope.learning.evaluation.trust_refusal_mr import mr_foreign
from steatoscope.learning.evaluation.trust_refusal_real import real_cases
from steatoscope.learning.evaluation.trust_refusal_simulated import simulated_cases
from steatoscope.learning.evaluation.trust_refusal_sources import Sources
from steatoscope.learning.evaluation.trust_refusal_us import us_foreign
from steatoscope.science.uncertainty.reliability import share_interval

GOAL_FOREIGN: Final = 0.95
GOAL_REAL: Final = 0.03
_PICTURES, _VOLUMES, _SIMULATED = 15, 5, 6
_QUICK: Final = 1
_LEVEL: Final = 0.95


def run_refusal(data: Path | None, analyse: Analyse, *, seed: int, quick: bool) -> dict[str, Any]:
    """Both tables as a benchmark's document; without ``data`` foreign images are cut from simulated studies.

    ``analyse`` is the whole analysis of one study, as the composition root wires it. ``quick`` takes one image of
    every kind and two studies of every real set.
    """
    sources = Sources(data, seed)
    found = [judged(cases, analyse) for cases in all_cases(data, seed, quick=quick)]
    document = refusal_document(*found, words=f"{sources.words} (seed {seed})")
    return {**document, "configuration": {"quick": quick, "seed": seed}}


def all_cases(data: Path | None, seed: int, *, quick: bool) -> tuple[list[Case], list[Case], list[Case]]:
    """Foreign, simulated and real cases."""
    sources = Sources(data, seed)
    pictures, volumes, own = (_QUICK, _QUICK, 2) if quick else (_PICTURES, _VOLUMES, _SIMULATED)
    foreign = [
        *us_foreign(sources, pictures, seed),
        *ct_foreign(sources, volumes, seed),
        *mr_foreign(sources, volumes, seed),
    ]
    return foreign, simulated_cases(own, seed), [] if data is None else real_cases(data, seed, quick=quick)


def refusal_document(
    foreign: Sequence[Verdict], simulated: Sequence[Verdict], real: Sequence[Verdict], *, words: str
) -> dict[str, Any]:
    """Both tables from the verdicts; ``words`` say where the foreign images are cut from."""
    everything = [*foreign, *simulated, *real]
    return {
        "name": "refusal",
        "data": f"foreign images from packages, drawings and {words}; "
        f"{'real and ' if real else ''}simulated studies to be measured",
        "n_subjects": len({verdict.case.subject or verdict.case.name for verdict in everything}),
        "n_images": len(everything),
        "left_out": 0,
        "results": {
            **_pooled(foreign),
            **_foreign_rows(foreign),
            **_real_rows(simulated, "simulated"),
            **_real_rows([one for one in real if not one.case.expected], "real"),
            **_right_rows([one for one in real if one.case.expected]),
        },
        "cases": [_row(verdict) for verdict in everything if _wrong(verdict)],
        "evidence": Evidence(notes=_notes()),
    }


def exact_interval(count: int, n: int) -> list[float]:
    """The exact binomial interval of a share at 0.95 (Clopper and Pearson, Biometrika 1934)."""
    span = share_interval(count, n, _LEVEL)
    return [span.low, span.high]


def _foreign_rows(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    rows = {}
    for (modality, kind), group in groupby(verdicts, key=lambda one: (one.case.modality, one.case.kind)):
        own = list(group)
        word = "tuned" if own[0].case.tuned else "held out"
        rows[f"foreign {modality}: {kind} ({word})"] = _refused_row(own)
    return rows


def _pooled(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    rows = {}
    for modality in dict.fromkeys(one.case.modality for one in verdicts):
        for tuned, word in ((True, "tuned"), (False, "held out")):
            own = [one for one in verdicts if one.case.modality == modality and one.case.tuned is tuned]
            if own:
                rows[f"foreign {modality}, all kinds {word}"] = _refused_row(own)
    return rows


def _refused_row(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    refused = sum(one.refused for one in verdicts)
    return {
        "n": len(verdicts),
        "refused_share": refused / len(verdicts),
        **_span("refused_share", refused, len(verdicts)),
        "codes": codes(verdicts),
    }


def _real_rows(verdicts: Sequence[Verdict], word: str) -> dict[str, dict[str, Any]]:
    rows = {}
    for (modality, kind), group in groupby(verdicts, key=lambda one: (one.case.modality, one.case.kind)):
        own = list(group)
        wrong = sum(one.refused for one in own)
        rows[f"{word} {modality}: {kind}"] = {
            "n": len(own),
            "falsely_refused": wrong / len(own),
            **_span("falsely_refused", wrong, len(own)),
            "codes": codes(own),
            "warned_ood": sum("W_OOD" in one.warnings for one in own) / len(own),
        }
    return rows


def _right_rows(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    rows = {}
    for (modality, kind), group in groupby(verdicts, key=lambda one: (one.case.modality, one.case.kind)):
        own = list(group)
        right = sum(one.code in one.case.expected for one in own)
        rows[f"real {modality}, to be refused: {kind}"] = {
            "n": len(own),
            "rightly_refused": right / len(own),
            **_span("rightly_refused", right, len(own)),
            "codes": codes(own),
        }
    return rows


def _span(name: str, count: int, n: int) -> dict[str, Any]:
    return {f"{name}_ci": exact_interval(count, n)}


def codes(verdicts: Sequence[Verdict]) -> str:
    """The codes that were given, most frequent first: ``E_OOD 18, none 2``."""
    counted = Counter(one.code or "none" for one in verdicts)
    return ", ".join(f"{code} {count}" for code, count in counted.most_common())


def _wrong(verdict: Verdict) -> bool:
    """Whether a verdict is one to look at: a foreign image measured, a real study refused or refused otherwise."""
    if not _is_real(verdict.case):
        return not verdict.refused
    return verdict.code not in verdict.case.expected if verdict.case.expected else verdict.refused


def _is_real(case: Case) -> bool:
    return bool(case.subject)


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "modality": verdict.case.modality,
        "kind": verdict.case.kind,
        "name": verdict.case.name,
        "code": verdict.code or "measured",
        "cause": verdict.cause,
        "value_percent": verdict.value_percent,
    }


def _notes() -> tuple[str, ...]:
    return (
        f"Goals: every foreign kind refused in {GOAL_FOREIGN:.0%} or more, every real set falsely refused in "
        f"{GOAL_REAL:.0%} or less.",
        "A refusal is an exit without a fat value: invalid input (3) or a refused report (4). Cases lists those that "
        "went wrong.",
        "The ultrasound gate's reference holds byra2018 and a part of aul; aul is scored on images of groups that it "
        "does not hold, byra2018 on its own training patients.",
    )
