"""The card of a packed model of recipe R1: what it does, on what it was fitted, its left-out figures, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from steatoscope.learning.model_folder import ModelFolder

Figures = Mapping[str, Any]
WORDS: Final[Mapping[str, str]] = {
    "accuracy_4": "accuracy of four grades",
    "macro_f1": "macro F1 of four grades",
    "qwk": "quadratic kappa of four grades",
    "auc": "AUC, fat >= 5 %",
    "auc_over_33": "AUC, fat > 33 %",
    "mae_percent": "mean absolute error, points",
    "rmse_percent": "root mean square error, points",
    "spearman": "Spearman correlation with the given fat",
    "interval_coverage_90": "coverage of the 90 % interval",
    "ece_uncalibrated": "expected calibration error before calibration, any steatosis",
}
_SIMULATED: Final = "- Learnt from simulated images: on patients its values are untested and mean nothing yet."
_BYRA: Final = (
    "- One scanner, one centre, 40 patients of an obese surgical cohort; other devices are untested.\n"
    "- Percent on the histology scale (share of cells) is not PDFF. us-steatosis is the better model."
)


def card(
    title: str,
    figures: Figures,
    *,
    detector: ModelFolder,
    patients: int,
    frames: int,
    source: str,
    citation: str,
    licence: str,
    scale: str,
    simulated: bool,
    level: float,
) -> str:
    """The card in Markdown."""
    own = f"{citation}. Licence of the images: {licence}." if citation else "The images and their licence are yours."
    lines = [
        f"# {title}",
        "",
        "Recipe R1: a U-Net outlines the liver on B-mode frames, regions are proposed on it, the R-CNN's features of "
        "those regions grade the patient and give a fat percentage with an interval, compared with healthy livers. "
        "Runs with onnxruntime and numpy.",
        "",
        f"- Data: {patients} patients, {frames} frames of {source}; fat on the scale {scale}. The hash of every image "
        "is in training.json.",
        f"- {own}",
        f"- U-Net and R-CNN: {detector.name} {detector.version}, frozen, its graphs copied "
        f"({detector.entry['licence']}). It learnt masses and outlines, not fat, and has seen none of these frames.",
        "- Features of regions are cut to the 99 % range of the training regions.",
        "- Grade: logistic model of the mean features, calibrated by one temperature; fat: ridge on its square root, "
        "conformal interval at 0.9. Both with strengths chosen in inner folds of patients.",
        f"- Regions: those whose own estimate exceeds {level:.0%} of the regions on healthy livers.",
        "",
        f"## Figures of left-out patients (95 % patient bootstrap){', simulated' if simulated else ''}",
        "",
        "| figure | value | 95 % |",
        "|---|---|---|",
        *(_row(figures, name, words) for name, words in WORDS.items() if name in figures),
        "",
        "## Limits",
        "",
        *([_SIMULATED] if simulated else []),
        *([_BYRA] if source == "byra2018" else ["- Untested on other devices, centres and patients than these."]),
        "- No fatty region was ever outlined by hand in these frames: where map and boxes lie is what the model uses, "
        "not a proven place of fat.",
        "- Grade probabilities and fat come from two heads and may disagree; the report's grade is that of the fat.",
        "- Research and decision support, never an autonomous diagnosis.",
        "",
    ]
    return "\n".join(lines)


def _row(figures: Figures, name: str, words: str) -> str:
    span = figures.get(f"{name}_ci")
    return f"| {words} | {figures[name]:.3f} | {f'{span[0]:.3f} to {span[1]:.3f}' if span else '-'} |"
