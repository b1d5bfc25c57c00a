"""The model card of the ultrasound steatosis model, from the benchmark's document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steatoscope.learning.training.us_first_card import CITATION

PRETRAINING = (
    "Xu Y, Zheng B, Liu X, et al. Improving artificial intelligence pipeline for liver malignancy diagnosis using "
    "ultrasound images and video frames. Briefings in Bioinformatics 2023, doi:10.1093/bib/bbac569. Data: Zenodo "
    "7272660, CC BY 4.0."
)
BACKBONE = "Tan M, Le Q. EfficientNet. ICML 2019; lite0 with ImageNet weights, Apache-2.0, frozen."
WORDS = {
    "auc": "AUC, fat >= 5 %",
    "auc_over_33": "AUC, fat > 33 %",
    "spearman": "Spearman correlation with biopsy",
    "mae_percent": "mean absolute error, points",
    "rmse_percent": "root mean square error, points",
    "bias_severe": "bias where fat >= 67 %, points",
    "sensitivity": "sensitivity, value >= 5 %",
    "specificity": "specificity, value >= 5 %",
    "accuracy_4": "accuracy of four grades",
    "qwk": "quadratic kappa of four grades",
    "macro_f1": "macro F1 of four grades",
    "ece": "expected calibration error, fat >= 5 %",
    "interval_coverage_90": "coverage of the 90 % interval",
    "interval_width": "mean width of the 90 % interval, points",
    "set_coverage_90": "coverage of the 90 % grade set",
    "mean_set_size": "mean size of the grade set",
}
COLUMNS = ("us-steatosis", "us-steatosis, first frame", "us-steatosis, no kidney")


def card(document: Mapping[str, Any], version: str) -> str:
    """The card in Markdown: data, licence, citation, split, figures with intervals, robustness, limits."""
    lines = [
        f"# us-steatosis {version}",
        "",
        "Fat of the liver on B-mode ultrasound, on the histology scale (percent of hepatocytes). A small U-Net finds "
        "liver and renal cortex; linear heads read brightness by depth and place and frozen network features under its "
        "heat maps. One head says whether there is steatosis, one how much; the value is the median of the predictive "
        "distribution of both. Where no kidney is in view, heads without kidney readings answer, with their own "
        "calibration and interval. Runs with onnxruntime and numpy.",
        "",
        f"- Data: {document['n_subjects']} patients, {document['n_images']} frames of Byra 2018, one scanner (GE Vivid "
        "E9 phased array), wedge biopsy, an obese surgical cohort; the hash of every image is in training.json.",
        f"- {CITATION}",
        f"- Localiser: pre-trained on liver outlines of AUL, tuned on hand-placed boxes of the same frames. "
        f"{PRETRAINING}",
        f"- {BACKBONE}",
        "- Licence: Apache-2.0; fitted on CC BY 4.0 data.",
        "- Split: nested leave-one-patient-out; localisers cross-fitted by pairs of five patient folds, so that none "
        "has seen the patient it reads or the one left out; calibration from inner folds. Penalties and the members "
        "for detection were fixed beforehand, from an exploration that included these patients; the members for "
        "severity and their stretch were chosen by looking at nested figures of a dozen variants. The benchmark "
        "prints them all, and one chosen inside the loop.",
        "",
        "## Figures (95 % patient bootstrap)",
        "",
        "| figure | four frames | first frame alone | no kidney in view |",
        "|---|---|---|---|",
        *_figures(document["results"]),
        "",
        "## Robustness (changed test frames, fit unchanged)",
        "",
        "| setting | AUC >= 5 % | change | mean shift, points |",
        "|---|---|---|---|",
        *_robustness(document["robustness"]),
        "",
        *LIMITS,
    ]
    return "\n".join(lines)


def _figures(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = []
    for name, words in WORDS.items():
        cells = [_cell(results[column], name) for column in COLUMNS]
        rows.append(f"| {words} | {' | '.join(cells)} |")
    return rows


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return "-"
    span = row.get(f"{name}_ci")
    return f"{row[name]:.3f}" + (f" ({span[0]:.3f} to {span[1]:.3f})" if span else "")


def _robustness(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"| {name} | {row['auc']:.3f} | {row['auc_change']:+.3f} | {row['mean_shift_percent']:+.1f} |"
        for name, row in rows.items()
    ]


LIMITS = [
    "## Limits",
    "",
    "- One scanner, one centre, 40 patients: other devices are outside what was tested. Pictures of other probes are "
    "put on the training scanner's canvas; their values are untested, and the distance from the training data says so.",
    "- Severe steatosis is under-read (see the bias): four of seven patients of 70-80 % were read at 42-49 %.",
    "- Fibrosis, renal disease and focal fat break the liver-to-cortex contrast.",
    "- AUCs at 5 % rank by the detection score, standardised in each left-out fit; ranked by the calibrated "
    "probability pooled over fits it was 0.949 (four frames) and 0.926 (one frame).",
    "- Whether a kidney is in view was learnt from pictures turned until it left the sector: no real view without a "
    "kidney was labelled.",
    "- Histology percent is not PDFF percent.",
    "",
]
