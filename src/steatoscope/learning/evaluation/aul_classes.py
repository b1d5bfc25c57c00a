"""Normal, benign or malignant: what tissue says against what the scanner says, overall and within image sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.report_evidence import Confusion
from steatoscope.learning.inference.anomaly import CLASSES
from steatoscope.learning.inference.anomaly_control import stratum_of
from steatoscope.learning.training.anomaly_fit import beats, comparison
from steatoscope.learning.training.sets import Sample
from steatoscope.science.metrics.classification import confusion_matrix

TISSUE_ROW: Final = "anomaly-classifier"
CONTROL_ROW: Final = "control: geometry and non-tissue parts"


@dataclass
class Classes:
    """Labels by image: the true one, that of tissue and that of the control."""

    sizes: Mapping[str, tuple[int, int]]
    truth: list[int] = field(default_factory=list)
    tissue: list[int] = field(default_factory=list)
    control: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    strata: list[str] = field(default_factory=list)

    def source(self, sample: Sample) -> tuple[int, int]:
        """Width and height of the original image; of the image itself where the former is unknown."""
        return self.sizes.get(sample.path.stem, (sample.shape[1], sample.shape[0]))

    def add(self, sample: Sample, tissue: str, control: str) -> None:
        """Keep one image's labels."""
        if sample.labels.finding in CLASSES:
            self.truth.append(CLASSES.index(sample.labels.finding))
            self.tissue.append(CLASSES.index(tissue))
            self.control.append(CLASSES.index(control))
            self.groups.append(sample.group)
            self.strata.append(stratum_of(self.source(sample)))

    def comparison(self) -> dict[str, Any] | None:
        """Tissue against control as the recipe compares them; None for no case."""
        if not self.truth:
            return None
        truth, tissue, control = (np.asarray(p, dtype=np.intp) for p in (self.truth, self.tissue, self.control))
        found = comparison(truth, tissue, control, np.array(self.groups), np.array(self.strata))
        return found | {"tissue_beats_control": beats(found)}

    def results(self) -> dict[str, dict[str, Any]]:
        """Rows of the results: macro F1 overall and within matched image sizes."""
        found = self.comparison()
        if found is None:
            return {}
        return {row: _row(found, kind) for row, kind in ((TISSUE_ROW, "tissue"), (CONTROL_ROW, "control"))}

    def confusions(self) -> tuple[Confusion, ...]:
        """Confusion matrices of both."""
        if not self.truth:
            return ()
        truth = np.asarray(self.truth)
        return tuple(
            Confusion(title, CLASSES, _counts(truth, found))
            for title, found in (("tissue", self.tissue), ("control", self.control))
        )

    def notes(self) -> tuple[str, ...]:
        """What follows from the comparison."""
        found = self.comparison()
        if found is None:
            return ()
        verdict = (
            "Tissue beats the control within matched image sizes (paired bootstrap)."
            if found["tissue_beats_control"]
            else "Tissue does not beat the control within matched image sizes: no diagnostic claim is made."
        )
        return (f"Matched image sizes: {', '.join(found['strata']) or 'none'}.", verdict)


def _row(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for metric, name in (("macro_f1", kind), ("macro_f1_matched", f"{kind}_within")):
        row[metric] = found[name]["value"]
        if found[name]["ci95"]:
            row[f"{metric}_ci"] = found[name]["ci95"]
    return row


def _counts(truth: NDArray[np.intp], found: list[int]) -> NDArray[np.intp]:
    return confusion_matrix(truth, np.asarray(found, dtype=np.intp), len(CLASSES))
