"""Model cards of the segmentation networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steatoscope.learning.inference.prepare import Kind

SEES: Mapping[Kind, str] = {
    "us": "B-mode frames cut to their scan sector, 192 x 256, grey standardised over the sector",
    "ct": "slices cut to the body, 256 x 256, -150 to 250 HU, in radiological orientation",
    "mr": "magnitude slices cut to the body, 256 x 256, grey standardised",
}
LIMITS: Mapping[Kind, str] = {
    "us": (
        "Liver outlines of the training set are coarse polygons, drawn for tumour work. The kidney is taught by one "
        "reader's 28 x 28 boxes in the renal cortex alone, so that its mask marks cortex near the liver, not an organ. "
        "No claim is made about whether a mass is benign."
    ),
    "ct": (
        "Trained on 8-bit slices of portal-venous scans with liver tumours; unenhanced and fatty livers are imitated "
        "by moving HU, weakening contrast and filling clipped fat and air. No spleen, kidney or vessel is segmented."
    ),
    "mr": (
        "Trained on T1-weighted in-phase slices of about fifteen healthy subjects at one site, some of them mirrored, "
        "so that right and left are not learnt. Other sequences are harder; the report warns where the classical mask "
        "disagrees."
    ),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure: on which cases, what, its value, a 95 % interval where there is one, and how many cases."""

    cases: str
    metric: str
    value: float
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True, eq=False)
class CardFacts:
    """What a card says beside the fixed texts; ``command`` repeats the figures; ``limits``
    stands in for the fixed limits, which are of the shipped networks' data."""

    data: str
    citation: str
    licence: str
    pictures: int
    subjects: int
    split: str
    steps: int
    figures: Sequence[Figure] = ()
    command: str = ""
    worst: str = ""
    limits: str = ""


def card(kind: Kind, version: str, task: str, facts: CardFacts) -> str:
    """The card of a segmentation network as Markdown."""
    lines = [
        f"# {kind}-segmenter {version}: {task}",
        "",
        "U-Net (Ronneberger et al. 2015) with an EfficientNet-lite0 encoder (Tan and Le 2019; ImageNet weights, "
        "Apache-2.0), 3.7 M weights, stored in half precision. Research and decision support; never an autonomous "
        "diagnosis.",
        "",
        f"- Sees: {SEES[kind]}.",
        f"- Data: {facts.data}; {facts.pictures} pictures of {facts.subjects} subjects or look-alike groups.",
        f"- Citation: {facts.citation}",
        f"- Licence of the weights: {facts.licence}, as the data's.",
        f"- Split: {facts.split}",
        f"- Training: {facts.steps} batches of 8, BCE plus soft Dice, AdamW with one cycle, augmentation of "
        f"`learning/training/augment.py`; `steatoscope train {kind}-segmenter`. Hashes of all training files are in "
        "`training.json`.",
        f"- Limits: {facts.limits or LIMITS[kind]}",
        "",
        *_table(facts),
    ]
    return "\n".join([*lines, ""])


def _table(facts: CardFacts) -> list[str]:
    if not facts.figures:
        return ["Not yet evaluated: `steatoscope benchmark` measures it."]
    rows = ["## Figures", "", "| cases | n | metric | value | 95 % interval |", "|---|---|---|---|---|"]
    for figure in facts.figures:
        spread = f"{figure.interval[0]:.3f} to {figure.interval[1]:.3f}" if figure.interval else "-"
        rows.append(f"| {figure.cases} | {figure.n} | {figure.metric} | {figure.value:.3f} | {spread} |")
    tail = [part for part in (f"Repeat with `{facts.command}`." if facts.command else "", facts.worst) if part]
    return [*rows, "", *tail]
