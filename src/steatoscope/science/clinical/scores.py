"""The clinical scores that a patient's values allow, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from steatoscope.science.clinical.score_values import ADULT_YEARS, MISSING_AS, ScoreRule, with_derived
from steatoscope.science.clinical.scores_fat import FAT_RULES
from steatoscope.science.clinical.scores_fibrosis import FIBROSIS_RULES

SCORE_RULES: Final[tuple[ScoreRule, ...]] = (*FAT_RULES, *FIBROSIS_RULES)
CHANGE_CAUTION: Final = "Scores of liver fat follow a change poorly (Reinshagen, J Clin Transl Hepatol 2023)."


@dataclass(frozen=True, slots=True)
class Score:
    """One computed score with its limits and what it means in plain words."""

    key: str
    name: str
    title: str
    value: float
    unit: str
    cutoffs: str
    interpretation: str
    formula: str
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A score that was not computed: the names of the missing values, or why it does not hold for this patient."""

    key: str
    name: str
    missing: tuple[str, ...]
    reason: str


def clinical_scores(values: Mapping[str, Any]) -> tuple[list[Score], list[LeftOut]]:
    """All scores of checked clinical values (``core.clinical_input``), and those left out with the reason.

    A score with a missing value is left out; nothing is imputed. Under 18 years all are left out.
    """
    known = with_derived(values)
    answers = [_score(rule, known) for rule in SCORE_RULES]
    scores = [answer for answer in answers if isinstance(answer, Score)]
    return scores, [answer for answer in answers if isinstance(answer, LeftOut)]


def _score(rule: ScoreRule, known: Mapping[str, Any]) -> Score | LeftOut:
    reason = "for adults only" if known.get("age_years", ADULT_YEARS) < ADULT_YEARS else rule.bars(known)
    if reason:
        return LeftOut(rule.key, rule.name, (), reason)
    missing = tuple(MISSING_AS.get(name, name) for name in rule.needs if name not in known)
    if missing:
        return LeftOut(rule.key, rule.name, missing, "")
    value = rule.compute(known)
    words = [rule.read(value, known), rule.remark(known)]
    told = ". ".join(word for word in words if word)
    return Score(
        key=rule.key,
        name=rule.name,
        title=rule.title,
        value=value,
        unit=rule.unit,
        cutoffs=rule.cutoffs(known),
        interpretation=f"{told[:1].upper()}{told[1:]}.",
        formula=rule.formula,
        source=rule.source,
        verified=rule.verified,
    )
