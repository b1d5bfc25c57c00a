"""A benchmark's results as a table of words: rows of models, baselines and controls, columns of metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from steatoscope.science.clinical.grades import LABELS

Role = Literal["model", "baseline", "control"]

MISSING: Final = "–"
_CLASSES: Final = (*LABELS, "benign", "malignant")
GLOSSARY: Final[Mapping[str, str]] = {
    "accuracy_3": "share of pictures given their own one of three classes",
    "accuracy_4": "share of cases (patients; frames where the row says so) given their own one of four grades",
    "ap50": "average precision of mass boxes at an overlap (IoU) of 0.5",
    "assd": "average symmetric surface distance, in the unit named beside it",
    "auc": "area under the ROC curve for steatosis: graded above normal, on the histology scale fat of 5 % "
    "or more (recipe R1: 5 % on every scale)",
    "auc_abnormal": "area under the ROC curve for any finding, benign or malignant, against none",
    "auc_moderate": "area under the ROC curve for a grade of moderate or severe",
    "auc_over_33": "area under the ROC curve for fat of more than 33 %",
    "bias": "mean of measured minus true",
    "bias_percent": "mean of measured minus true, in points of fat",
    "bias_severe": "mean of measured minus true in patients with more than 66 % fat",
    "brier": "mean squared difference between the probability of steatosis and its presence (0 or 1)",
    "coverage_mild": "the share covered among patients whose true grade is mild",
    "coverage_moderate": "the share covered among patients whose true grade is moderate",
    "coverage_normal": "the share covered among patients whose true grade is normal",
    "coverage_severe": "the share covered among patients whose true grade is severe",
    "cpu_ms": "median processor time of one picture in milliseconds",
    "dice": "overlap of found and reference mask, 2 |A and B| / (|A| + |B|): mean over subjects",
    "dice_case": "the same overlap, mean over single images or volumes",
    "dice_pooled": "the same overlap over the pixels of all subjects at once",
    "dice_worst": "the same overlap in the worst subject",
    "ece": "expected calibration error over ten bins",
    "ece_before": "expected calibration error of the probabilities as given",
    "ece_equal_mass": "expected calibration error over five bins of equally many patients",
    "ece_equal_mass_if_calibrated": "what ece_equal_mass would be on average were these probabilities exact",
    "ece_if_calibrated": "what the expected calibration error would be on average were the probabilities exact",
    "ece_isotonic": "expected calibration error after isotonic regression",
    "ece_isotonic_equal_mass": "the same over ten bins of equally many patients",
    "ece_line": "expected calibration error after a line through the log-odds",
    "ece_temperature": "expected calibration error after temperature scaling",
    "ece_uncalibrated": "expected calibration error before the probabilities were calibrated",
    "false_masks_on_normal": "share of normal pictures in which a mask was found",
    "false_masses_on_normal": "share of normal images with a predicted mass",
    "falsely_refused": "share of studies to be measured that got no fat value",
    "hottest_inside": "share of pictures with a finding whose heat map is hottest inside the reference mask",
    "hu_bias": "median HU within the found mask minus median HU within the reference mask",
    "interval_coverage_90": "share of patients whose fat lies within their 90 % interval",
    "interval_coverage_mild": "the same share among patients whose true grade is mild",
    "interval_coverage_moderate": "the same share among patients whose true grade is moderate",
    "interval_coverage_normal": "the same share among patients whose true grade is normal",
    "interval_coverage_severe": "the same share among patients whose true grade is severe",
    "interval_width": "mean width of the 90 % interval in points of fat",
    "kidney_box_inside": "share of the hand-placed kidney box that the found liver covers (0 is best)",
    "limits_high": "upper 95 % limit of agreement",
    "limits_low": "lower 95 % limit of agreement",
    "liver_box_inside": "share of the hand-placed liver box that the found liver covers",
    "liver_dice": "overlap of found and reference liver",
    "macro_auc": "mean over classes of the area under the ROC curve of each class against the others",
    "macro_f1": "mean over classes of F1",
    "macro_precision": "mean over classes of precision",
    "macro_recall": "mean over classes of recall",
    "mae_percent": "mean absolute error in points of fat",
    "mask_dice": "overlap of found and reference mask of a finding, mean over pictures that have one",
    "mask_dice_pooled": "the same overlap over the pixels of all pictures at once, masks found on normal ones counted "
    "too",
    "mass_dice": "overlap of found and reference mass",
    "mean_set_size": "mean number of grades in the 90 % grade set",
    "member_spread": "mean SD between the values of the model's members, in points of fat",
    "million": "weights of the network in millions",
    "nll": "mean negative log-likelihood of the true grade; smaller is better",
    "pearson": "linear correlation with the true fat",
    "proposals_on_liver": "mean number of regions proposed on the liver, a frame",
    "qwk": "quadratic weighted kappa of four grades",
    "recall_at_1_fp": "share of masses found at one false positive an image",
    "refused_share": "share that got no fat value, as it should be",
    "rightly_refused": "share refused with a code that is right for the set",
    "rmse_percent": "root mean square error in points of fat",
    "score": "10000 times the share of voxels within 10 points",
    "set_coverage_90": "share of patients whose grade lies in their 90 % grade set",
    "set_coverage_mild": "the same share among patients whose true grade is mild",
    "set_coverage_moderate": "the same share among patients whose true grade is moderate",
    "set_coverage_normal": "the same share among patients whose true grade is normal",
    "set_coverage_severe": "the same share among patients whose true grade is severe",
    "share_ece_reached": "share of cohorts with an error of 0.03 or less after the line (grades: the temperature)",
    "share_ece_reached_if_calibrated": "the same share were the probabilities exact",
    "side_px": "side of the picture that the network reads, in pixels",
    "slope": "slope of measured on true",
    "spearman": "rank correlation with the true fat",
    "spread_with_error": "rank correlation of the members' spread with the absolute error",
    "warned_ood": "share with the warning that the picture is unlike the training scanner's",
    "without_proposals": "number of patients without any region on the liver",
    **{f"precision_{name}": f"share of the cases called {name} that are {name}" for name in _CLASSES},
    **{f"recall_{name}": f"share of the cases that are {name} and are called so" for name in _CLASSES},
    **{f"f1_{name}": f"harmonic mean of precision and recall for {name}" for name in _CLASSES},
}
"""What each column means."""
SHARES: Final = frozenset(
    name
    for name, meaning in GLOSSARY.items()
    if meaning.startswith(("share", "area under the ROC curve"))
    or name.startswith(("f1_", "macro_", "precision_", "recall_"))
)
"""Columns that cannot lie outside 0 to 1."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure in words with its 95 % interval in words, both empty-proof."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of results: its name, whether it is a model, a baseline or a control, and a cell for each metric."""

    name: str
    role: Role
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Metrics in order of first appearance and the rows that have them."""

    metrics: tuple[str, ...]
    rows: tuple[Row, ...]


def result_table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """The results as words; the role is told by a row name's beginning, ``baseline`` or ``control``."""
    metrics = tuple(dict.fromkeys(m for row in results.values() for m in row if not m.endswith("_ci")))
    rows = (Row(name, role_of(name), tuple(_cell(values, m) for m in metrics)) for name, values in results.items())
    return Table(metrics, tuple(rows))


def role_of(name: str) -> Role:
    """Whether a row is a shortcut control, a baseline or a model."""
    start = name.casefold()
    return "control" if start.startswith("control") else "baseline" if start.startswith("baseline") else "model"


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; a flag is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def words(value: Any) -> str:
    """A value for people, with three decimals below 1 and fewer above; a dash where there is none or no number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return (
            ", ".join(map(words, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
        )
    if isinstance(value, int):
        return str(value)
    size = abs(value)
    return f"{value:.{3 if size < 1.0 else 2 if size < 10.0 else 1 if size < 1000.0 else 0}f}"


def _cell(values: Mapping[str, Any], metric: str) -> Cell:
    span = values.get(f"{metric}_ci")
    known = isinstance(span, Sequence) and len(span) == 2 and None not in span
    return Cell(words(values.get(metric)), f"{words(span[0])} to {words(span[1])}" if known and span else "")
