"""The model card of the anomaly classifier: what it reads, how it compares with its control, what it does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steatoscope.learning.training.sets_aul import CITATION


def anomaly_card(compared: Mapping[str, Any], *, claim: bool) -> str:
    """The card as Markdown, from the comparison of :func:`steatoscope.learning.training.anomaly_fit.comparison`."""
    strata = list(compared["strata"])
    lines = [
        "# anomaly-classifier",
        "",
        "Normal, benign or malignant from the tissue of liver and mass on one B-mode frame. Research use.",
        "",
        "**No diagnostic claim is made.** Reports show the mass and its mask; `lesion` stays null."
        if not claim
        else "Tissue beats the shortcut control within matched image sizes; the figures below are its whole evidence.",
        "",
        "## Why the control matters",
        "",
        "In the training set the class follows the scanner: image size and the shape of the scan sector tell it "
        "without a pixel of tissue. The model therefore reads only a canonical polar picture of the predicted liver "
        "and mass, and is compared with a control that sees image size, sector geometry and what is outside the "
        "sector, and nothing else.",
        "",
        "## Macro F1, five folds by group of look-alikes, nested choice of regularisation",
        "",
        "| | tissue | control | tissue minus control |",
        "|---|---|---|---|",
        f"| all images | {_words(compared['tissue'])} | {_words(compared['control'])} "
        f"| {_words(compared['difference'])} |",
    ]
    lines += [
        f"| {name} | {_words(compared[f'tissue_{name}'])} | {_words(compared[f'control_{name}'])} | |"
        for name in strata
    ]
    lines += [
        f"| within image sizes, weighted | {_words(compared['tissue_within'])} | {_words(compared['control_within'])} "
        f"| {_words(compared['difference_within'])} |",
        "",
        "Intervals: paired bootstrap over groups of look-alikes, 95 %. A claim needs the lower end of the last "
        "difference above 0.",
        "",
        "## Limits",
        "",
        "No subject identifiers, no histology beside the class, one source. Masses are those of the detector, out of "
        "fold; speckle and depth setting still carry the scanner into tissue.",
        "",
        f"Data: {CITATION}. CC BY 4.0.",
    ]
    return "\n".join(lines) + "\n"


def _words(figure: Mapping[str, Any]) -> str:
    span = figure["ci95"]
    interval = f" ({span[0]:.2f} to {span[1]:.2f})" if span else ""
    return f"{figure['value']:.2f}{interval}"
