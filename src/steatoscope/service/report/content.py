"""The presenter: turns a report into ready strings, so that HTML and PDF say the same words.

Nothing is drawn and nothing is escaped here. Paths are left out, because a file name may name the patient: inputs are
told by their hashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from steatoscope.core.report import FatPart, GradePart, Report
from steatoscope.science.clinical.grades import PROFILES
from steatoscope.service.report import wording
from steatoscope.service.report.discretion import Discretion
from steatoscope.service.report.formatting import clip, fixed, share
from steatoscope.service.report.tables import Table, all_tables

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Headline:
    """The result in words: value, interval and scale always stand together; the grade brings its limits."""

    value: str
    interval: str
    scale: str
    scale_note: str
    remarks: tuple[str, ...]
    grade: str
    grade_basis: str
    limits: tuple[tuple[str, str], ...]
    grade_certainty: str
    contradiction: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no fat value is given, and what may still be said."""

    code: str
    message: str
    cause: str
    remedy: str
    category: str
    category_rule: str
    kept: str


@dataclass(frozen=True, slots=True)
class Content:
    """Everything the report prints, in order of reading."""

    facts: tuple[tuple[str, str], ...]
    headline: Headline | None
    refusal: Refusal | None
    status: str
    status_text: str
    remarks: tuple[tuple[str, str], ...]
    baseline: tuple[str, str] | None
    tables: tuple[Table, ...]
    confounders: tuple[str, ...]
    intended_use: str
    product: str = wording.PRODUCT
    heading: str = wording.TITLE
    title: str = f"{wording.PRODUCT} – {wording.TITLE}"
    simulated: str = ""
    banner: str = wording.BANNER
    review: str = wording.REVIEW
    review_lines: tuple[str, ...] = wording.REVIEW_LINES

    def group(self, name: str) -> tuple[Table, ...]:
        """The tables of one group: "findings", "comparison", "methods" or "provenance"."""
        return tuple(table for table in self.tables if table.group == name)

    def has(self, name: str) -> bool:
        """Whether a group has tables."""
        return bool(self.group(name))


def present(report: Report) -> Content:
    """The view model of a report."""
    say = Discretion.of(report)
    simulated = any(part.code == wording.SIMULATED_CODE for part in report.quality.codes)
    mark = f" – {wording.SIMULATED}" if simulated else ""
    return Content(
        facts=_facts(report, say),
        headline=_headline(report, say),
        refusal=_refusal(report, say),
        status=report.quality.status,
        status_text=wording.STATUS[report.quality.status],
        remarks=_remarks(report, say),
        baseline=_baseline(report, say),
        tables=all_tables(report, say),
        confounders=_confounders(report),
        intended_use=report.intended_use,
        heading=f"{wording.TITLE}{mark}",
        title=f"{wording.PRODUCT} – {wording.TITLE}{mark}",
        simulated=wording.SIMULATED if simulated else "",
    )


def _facts(report: Report, say: Discretion) -> tuple[tuple[str, str], ...]:
    return (
        ("Subject (pseudonym)", clip(report.subject, 80) or "–"),
        ("Modality", wording.MODALITIES[report.modality]),
        ("Report made", report.provenance.created.replace("T", " ")[:16] or "–"),
        ("Software", f"{wording.PRODUCT} {say(report.provenance.version)}"),
    )


def _headline(report: Report, say: Discretion) -> Headline | None:
    fat, grade = report.fat, report.grade
    if fat is None:
        return None
    return Headline(
        value=f"{fixed(_shown(fat.value_percent))} %",
        interval=(
            f"{share(fat.interval.level)} interval "
            f"{fixed(_shown(fat.interval.low))} to {fixed(_shown(fat.interval.high))} %"
        ),
        scale=wording.SCALES[fat.scale],
        scale_note=wording.SCALE_NOTES[fat.scale],
        remarks=_value_remarks(report, fat, say),
        grade=f"{wording.GRADES[grade.label]} ({wording.GRADE_CODES[grade.label]})" if grade else "Not graded",
        grade_basis=_grade_basis(grade, fat) if grade else "",
        limits=limit_rows(grade) if grade else (),
        grade_certainty=_grade_certainty(grade) if grade else "",
        contradiction=_contradiction(grade) if grade else "",
    )


def _shown(percent: float) -> float:
    return min(max(percent, 0.0), 100.0)


def _value_remarks(report: Report, fat: FatPart, say: Discretion) -> tuple[str, ...]:
    found = []
    if _shown(fat.value_percent) != fat.value_percent:
        found.append(f"The computed value is {fixed(fat.value_percent)} %; the scale runs from 0 to 100 %.")
    if fat.pdff_equivalent is not None and fat.scale != "ct_pdff_equiv":
        part = fat.pdff_equivalent
        bounds = part.interval
        around = f" ({fixed(_shown(bounds.low))} to {fixed(_shown(bounds.high))} %)" if bounds else ""
        found.append(
            f"Approximate PDFF equivalent, for display only: {fixed(_shown(part.value_percent))} %{around}. "
            f"{say(part.conversion)}"
        )
    if report.steatosis is not None:
        found.append(
            f"Probability of any steatosis {share(report.steatosis.probability)} "
            f"(called {'present' if report.steatosis.positive else 'absent'} "
            f"at a threshold of {share(report.steatosis.threshold)})."
        )
    return tuple(found)


def limit_rows(grade: GradePart) -> tuple[tuple[str, str], ...]:
    """Each grade with the span of percent of fat that it stands for, as its profile draws the limits."""
    first, second, third = (f"{limit:g}" for limit in grade.limits)
    profile = PROFILES.get(grade.profile)
    closed = profile.closed_below if profile else (False, False, False)
    below = ["≤" if shut else "<" for shut in closed]
    above = [">" if shut else "≥" for shut in closed]
    return (
        ("Normal (S0)", f"{below[0]} {first} %"),
        ("Mild (S1)", f"{above[0]} {first} and {below[1]} {second} %"),
        ("Moderate (S2)", f"{above[1]} {second} and {below[2]} {third} %"),
        ("Severe (S3)", f"{above[2]} {third} %"),
    )


def _grade_basis(grade: GradePart, fat: FatPart) -> str:
    limits = " / ".join(f"{limit:g}" for limit in grade.limits)
    profile = PROFILES.get(grade.profile)
    source = f" ({profile.reference})" if profile else ""
    return f"Limits {limits} % on the {wording.SHORT_SCALES[fat.scale]}; profile {grade.profile}{source}."


def _grade_certainty(grade: GradePart) -> str:
    labels = [f"{wording.GRADES[label].lower()} ({wording.GRADE_CODES[label]})" for label in grade.set]
    if sum(grade.probabilities.get(label, 0.0) for label in grade.set) < grade.level - 0.005:
        return f"Grades kept by a set that holds the true one in {share(grade.level)} of cases: {' or '.join(labels)}."
    if len(labels) == 1:
        return f"This grade alone reaches {share(grade.level)} probability."
    return f"Not certain: {' or '.join(labels)} together reach {share(grade.level)} probability."


def _contradiction(grade: GradePart) -> str:
    """Says so where the grade that holds the value is not the most probable one."""
    likeliest = max(grade.probabilities, key=lambda label: grade.probabilities[label], default=grade.label)
    if grade.probabilities.get(likeliest, 0.0) <= grade.probabilities.get(grade.label, 0.0):
        return ""
    value, other = wording.GRADES[grade.label].lower(), wording.GRADES[likeliest].lower()
    return f"The value lies in {value}; the most probable grade is {other} ({share(grade.probabilities[likeliest])})."


def _refusal(report: Report, say: Discretion) -> Refusal | None:
    if report.error is None and report.fat is not None:
        return None
    fault, category = report.error, report.category
    measured = any(part.value is not None for part in report.measurements)
    kept = "What could still be measured is listed below; it is not a fat value." if measured else ""
    return Refusal(
        code=fault.code if fault else "",
        message=say(fault.message) if fault else "No fat value was measured.",
        cause=say(fault.cause) if fault else "",
        remedy=say(fault.remedy) if fault else "",
        category=wording.CATEGORIES[category.label] if category else "",
        category_rule=say(category.rule) if category else "",
        kept=kept or "Nothing else could be measured.",
    )


def _remarks(report: Report, say: Discretion) -> tuple[tuple[str, str], ...]:
    """The quality remarks, one a code, without the error that the refusal box already tells."""
    told = report.error.code if report.error is not None else ""
    sentences: dict[str, dict[str, None]] = {}
    for part in report.quality.codes:
        if part.code != told:
            sentences.setdefault(part.code, {}).update(dict.fromkeys(_SENTENCE_END.split(say(part.message))))
    return tuple((code, " ".join(words)) for code, words in sentences.items())


def _confounders(report: Report) -> tuple[str, ...]:
    """What else may explain the value; nothing where the picture shows no liver that could be read."""
    if report.error is not None and report.error.code in wording.NO_LIVER_SEEN:
        return ()
    return (_lesion_words(report), *wording.CONFOUNDERS[report.modality], *wording.SHARED_CONFOUNDERS)


def _lesion_words(report: Report) -> str:
    """What the report says of focal lesions: marked, sought in vain, or not sought."""
    if report.lesion is not None or any(part.kind == "lesion" for part in report.regions):
        return wording.MARKED_REGIONS
    sought = any(model.name in wording.DETECTOR_MODELS for model in report.models)
    return wording.SOUGHT_LESIONS if sought else wording.NO_LESIONS


def _baseline(report: Report, say: Discretion) -> tuple[str, str] | None:
    part = report.baseline
    return None if part is None or report.fat is None else (say(part.text), f"Reference: {say(part.reference)}")
