"""Reporting checklists filled from a run: CLAIM 2024 and TRIPOD+AI, item by item, in our own words.

CLAIM: Tejani et al., Radiology: Artificial Intelligence 2024. TRIPOD+AI: Collins et al., BMJ 2024. An item is filled
only from what a benchmark's document records; everything else says that the run cannot fill it. The publications
count, not these short words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from steatoscope.learning.evaluation.checklist_facts import FACTS

Guideline = Literal["CLAIM 2024", "TRIPOD+AI"]
UNFILLED: Final = "not recorded by this run: for the author"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: number, topic, and the fact of a run that fills it (None: no run can)."""

    guideline: Guideline
    number: str
    topic: str
    fact: str | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """An item with its words, and whether the run filled it."""

    item: Item
    words: str
    filled: bool


_CLAIM: Final = (
    ("1", "title names the AI method", "method"), ("2", "structured summary", None),
    ("3", "background and intended role", None), ("4", "aims and hypotheses", None),
    ("5", "prospective or retrospective", None), ("6", "goal of the study", "goal"),
    ("7", "data sources", "data"), ("8", "inclusion and exclusion", "left_out"),
    ("9", "preprocessing", "preprocessing"), ("10", "subsets of the data", "subset"),
    ("11", "removal of identifiers", None), ("12", "missing data", "missing"),
    ("13", "image acquisition", "acquisition"), ("14", "reference standard", "reference"),
    ("15", "why this reference standard", None), ("16", "who annotated", None),
    ("17", "annotation of the test set", None), ("18", "variability of annotators", "readers"),
    ("19", "assignment to partitions", "split"), ("20", "level at which partitions are apart", "level"),
    ("21", "intended sample size", None), ("22", "the model", "model"), ("23", "software", "software"),
    ("24", "start of the parameters", "weights"), ("25", "training", "training"),
    ("26", "choice of the final model", "selection"), ("27", "ensembles", "ensemble"),
    ("28", "metrics", "metrics"), ("29", "uncertainty and significance", "intervals"),
    ("30", "robustness", "variants"), ("31", "explanation", None),
    ("32", "test on internal data", "internal"), ("33", "test on external data", "external"),
    ("34", "registration", None), ("35", "numbers included and excluded", "numbers"),
    ("36", "demographic and clinical facts", "demographics"), ("37", "performance with uncertainty", "results"),
    ("38", "diagnostic estimates with precision", "diagnostic"), ("39", "failures", "failures"),
    ("40", "limitations", "limits"), ("41", "implications for practice", None), ("42", "protocol", "protocol"),
    ("43", "availability of software, model, data", "command"), ("44", "funding", None),
)  # fmt: skip
_TRIPOD: Final = (
    ("1", "title", "method"), ("2", "abstract", None), ("3a", "healthcare context", None),
    ("3b", "target population and users", None), ("3c", "known inequalities", None), ("4", "objectives", "goal"),
    ("5a", "data sources", "data"), ("5b", "dates", None), ("6a", "setting", None), ("6b", "eligibility", "left_out"),
    ("6c", "treatments", None), ("7", "data preparation", "preprocessing"), ("8a", "outcome", "reference"),
    ("8b", "assessors of the outcome", None), ("8c", "blinding of the outcome", None),
    ("9a", "choice of predictors", "model"), ("9b", "predictors", "model"), ("9c", "assessors of predictors", None),
    ("10", "sample size", None), ("11", "missing data", "missing"), ("12a", "use of the data", "split"),
    ("12b", "handling of predictors", "preprocessing"), ("12c", "type of model and building", "training"),
    ("12d", "heterogeneity between clusters", "sites"), ("12e", "measures of performance", "metrics"),
    ("12f", "model updating", None), ("12g", "how predictions were calculated", "model"),
    ("13", "class imbalance", "imbalance"), ("14", "fairness", None), ("15", "output of the model", "output"),
    ("16", "differences of training and evaluation", "external"), ("17", "ethical approval", None),
    ("18a", "funding", None), ("18b", "conflicts of interest", None), ("18c", "protocol", "protocol"),
    ("18d", "registration", None), ("18e", "data sharing", "data"), ("18f", "code sharing", "command"),
    ("19", "patient and public involvement", None), ("20a", "flow of participants", "numbers"),
    ("20b", "characteristics", "demographics"), ("20c", "comparison with development data", None),
    ("21", "participants and events in each analysis", "numbers"), ("22", "specification of the model", "model"),
    ("23a", "performance with intervals", "results"), ("23b", "heterogeneity of performance", "sites"),
    ("24", "results of updating", None), ("25", "interpretation", "comparability"), ("26", "limitations", "limits"),
    ("27a", "poor or missing inputs in use", None), ("27b", "needed interaction of users", None),
    ("27c", "next steps", None),
)  # fmt: skip
ITEMS: Final = (
    *(Item("CLAIM 2024", number, topic, fact) for number, topic, fact in _CLAIM),
    *(Item("TRIPOD+AI", number, topic, fact) for number, topic, fact in _TRIPOD),
)


def fill(document: Mapping[str, Any]) -> tuple[Filled, ...]:
    """Every item with what a benchmark's document says of it."""
    return tuple(_filled(item, document, FACTS) for item in ITEMS)


def counted(items: tuple[Filled, ...], guideline: Guideline) -> tuple[int, int]:
    """How many items of a guideline the run filled, and how many there are."""
    own = [one for one in items if one.item.guideline == guideline]
    return sum(one.filled for one in own), len(own)


def _filled(
    item: Item, document: Mapping[str, Any], facts: Mapping[str, Callable[[Mapping[str, Any]], str | None]]
) -> Filled:
    words = None if item.fact is None else facts[item.fact](document)
    return Filled(item, words or UNFILLED, bool(words))
