"""Model cards of R2 and R3: what the model does, on what it was fitted, its left-out figures, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from steatoscope.imaging.io.simulated import files_are_simulated

WORDS: Final[Mapping[str, str]] = {
    "auc": "AUC, steatosis",
    "auc_over_33": "AUC, fat > 33 %",
    "auc_moderate": "AUC, moderate or severe",
    "accuracy_4": "accuracy of four grades",
    "macro_f1": "macro F1 of four grades",
    "mae_percent": "mean absolute error, points",
    "ece": "expected calibration error, steatosis",
}
LEAST_TESTED: Final = 10


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Whose figures a model carries: the tested of all patients, the folds that were run of all, and the plan."""

    patients: int
    known: int
    folds: int
    of_folds: int
    plan: str

    @property
    def words(self) -> str:
        """The counts in words."""
        return f"{self.patients} of {self.known} patients in {self.folds} of {self.of_folds} folds, plan {self.plan}"

    @property
    def few(self) -> bool:
        """Whether an interval over these patients means nothing."""
        return self.patients < LEAST_TESTED


def told_figures(row: Mapping[str, Any], tested: Evaluated | None) -> dict[str, Any]:
    """The figures of a row, without their intervals where too few patients were tested."""
    few = tested is not None and tested.few
    return {name: value for name, value in row.items() if not (few and name.endswith("_ci"))}


def grading_card(
    title: str, words: str, row: Mapping[str, Any], source: Any, weights: Mapping[str, Any],
    tested: Evaluated | None = None,
) -> str:  # fmt: skip
    """The card in Markdown; ``row`` holds figures of left-out patients, ``source`` is the training set."""
    told = told_figures(row, tested)
    figures = [f"| {text} | {_cell(told, name)} |" for name, text in WORDS.items() if name in told]
    lines = [
        f"# {title}",
        "",
        words,
        "",
        f"- Data: {len(set(source.subjects.tolist()))} patients, {len(source)} frames of {source.name}; the hash of "
        "every image is in training.json.",
        _origin(source),
        f"- Encoder: {weights['encoder']}, frozen, weights: {weights['source']}. Tan M, Le Q. EfficientNet. ICML 2019.",
        "- Licence: Apache-2.0.",
        "",
        *_heading(tested),
        "",
        "| figure | value |",
        "|---|---|",
        *figures,
        "",
        "## Limits",
        "",
        *_limits(source),
        "",
    ]
    return "\n".join(lines)


def _heading(tested: Evaluated | None) -> list[str]:
    """What the figures are of, and what they are worth."""
    heading = "## Figures of left-out patients"
    if tested is None:
        return [f"{heading} (95 % patient bootstrap)"]
    if tested.few:
        warning = f"Fewer than {LEAST_TESTED}: an interval over them means nothing, none is given, and the figures"
        return [heading, "", f"Tested: {tested.words}. {warning} show only that the recipe runs."]
    return [f"{heading} (95 % patient bootstrap)", "", f"Tested: {tested.words}."]


def _origin(source: Any) -> str:
    if source.citation:
        return f"- {source.citation}. Licence of the images: {source.licence}."
    return "- The images and their licence are their owner's."


def _limits(source: Any) -> list[str]:
    checked = "nothing but the scan sector is checked before a picture is read."
    end = "- Research and decision support, never an autonomous diagnosis"
    if source.name == "byra2018":
        return [
            f"- One scanner, one centre, an obese surgical cohort; other devices are untested, and {checked}",
            "- Percent on the histology scale (share of cells) is not PDFF.",
            f"{end}; us-steatosis is the better model.",
        ]
    lines = [f"- Untested on other devices, centres and patients than these; {checked}", f"{end}."]
    if files_are_simulated([sample.path for sample in source.samples]):
        lines.insert(0, "- Learnt from simulated images: on patients its values are untested and mean nothing yet.")
    return lines


def _cell(row: Mapping[str, Any], name: str) -> str:
    span = row.get(f"{name}_ci")
    return f"{row[name]:.3f}" + (f" ({span[0]:.3f} to {span[1]:.3f})" if span else "")
