"""Notes, pictures and facts about the run of recipe R5's document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.r5_scores import FindingReading
from steatoscope.learning.evaluation.report_evidence import CasePicture
from steatoscope.learning.training.r5_pictures import CLASSES, FindingSet

PACKAGES: Final = ("torch", "timm", "numpy", "scikit-learn", "opencv-python-headless")
WORST: Final = 3


def weights_words(weights: str) -> str:
    """How a row says what its encoder began with."""
    known = {"random": "random start", "package": "ImageNet, frozen", "hub": "ImageNet (hub), frozen"}
    return known.get(weights, "weights of a file, frozen")


def notes(compared: Mapping[str, Mapping[str, Any]], encoders: Mapping[str, str]) -> tuple[str, ...]:
    """What a reader must know of the figures."""
    random = [name for name, weights in encoders.items() if weights == "random"]
    found = [
        "CT rows are simulated: foci painted into phantoms and real livers that look even. Normal has none, benign "
        "has cysts, focal fat or sparing only, malignant at least one solid lesion. They say nothing of real lesions.",
        "No real CT row: the masks of msd_liver_jpg hold liver and tumour in one, so that no tumour is labelled.",
        "aul: the class follows the scanner; read every figure beside the control.",
        "Encoders are frozen, only the heads are trained; size and speed do not depend on that.",
    ]
    if random:
        found.append(f"Random start, to show that they run and nothing else: {', '.join(random)}.")
    for row, one in compared.items():
        verdict = "beats" if one["beats_control"] else "does not beat"
        words = (
            "within matched strata (paired bootstrap)" if one["strata"] else "and cannot: no stratum is large enough"
        )
        found.append(f"{row} {verdict} the control {words}.")
    return tuple(found)


def worst_pictures(data: FindingSet, reading: FindingReading) -> list[CasePicture]:
    """The pictures with the least overlap of those with something to find."""
    if reading.counts is None:
        return []
    both, found, wanted = reading.counts.T
    dice = np.where(wanted > 0, 2.0 * both / np.maximum(found + wanted, 1.0), np.inf)
    shown = [int(row) for row in np.argsort(dice, kind="stable")[:WORST] if np.isfinite(dice[row])]
    return [_picture(data, reading, row, float(dice[row])) for row in shown]


def _picture(data: FindingSet, reading: FindingReading, row: int, dice: float) -> CasePicture:
    drawn, label = data.draw(row, 0), int(data.labels[row])
    words = f"{CLASSES[label]}, read as {CLASSES[int(reading.labels[row])]}, mask Dice {dice:.2f}"
    return CasePicture(data.titled(words), drawn.grey, {"reference": drawn.mask})
