"""Model cards of R2 and R3: what the model does, on what it was fitted, its left-out figures, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

WORDS: Final[Mapping[str, str]] = {
    "auc": "AUC, fat >= 5 %",
    "auc_over_33": "AUC, fat > 33 %",
    "accuracy_4": "accuracy of four grades",
    "macro_f1": "macro F1 of four grades",
    "mae_percent": "mean absolute error, points",
    "ece": "expected calibration error, fat >= 5 %",
}


def grading_card(title: str, words: str, row: Mapping[str, Any], source: Any, weights: Mapping[str, Any]) -> str:
    """The card in Markdown; ``row`` holds figures of left-out patients, ``source`` is the training set."""
    figures = [f"| {text} | {_cell(row, name)} |" for name, text in WORDS.items() if name in row]
    lines = [
        f"# {title}",
        "",
        words,
        "",
        f"- Data: {len(set(source.subjects.tolist()))} patients, {len(source)} frames of {source.name}; the hash of "
        "every image is in training.json.",
        f"- {source.citation}. Licence of the images: {source.licence}.",
        f"- Encoder: {weights['encoder']}, frozen, weights: {weights['source']}. Tan M, Le Q. EfficientNet. ICML 2019.",
        "- Licence: Apache-2.0.",
        "",
        "## Figures of left-out patients (95 % patient bootstrap)",
        "",
        "| figure | value |",
        "|---|---|",
        *figures,
        "",
        "## Limits",
        "",
        "- One scanner, one centre, an obese surgical cohort; other devices are untested, and nothing but the scan "
        "sector is checked before a picture is read.",
        "- Percent on the histology scale (share of cells) is not PDFF.",
        "- Research and decision support, never an autonomous diagnosis; us-steatosis is the better model.",
        "",
    ]
    return "\n".join(lines)


def _cell(row: Mapping[str, Any], name: str) -> str:
    span = row.get(f"{name}_ci")
    return f"{row[name]:.3f}" + (f" ({span[0]:.3f} to {span[1]:.3f})" if span else "")
