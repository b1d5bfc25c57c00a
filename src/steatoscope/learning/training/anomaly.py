"""Training of ``anomaly-classifier``: tissue features of out-of-fold masses, a linear model, a shortcut control."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from steatoscope.learning.inference.anomaly import CONTROL, ENCODER, TISSUE, frame_features
from steatoscope.learning.inference.anomaly_control import control_features, source_sizes, stratum_of
from steatoscope.learning.inference.anomaly_features import ANGLES, DEPTHS
from steatoscope.learning.inference.detector_us import reported_mass
from steatoscope.learning.inference.session import OnnxSession, session_of_bytes
from steatoscope.learning.models.lite_features import LiteFeatures
from steatoscope.learning.training.anomaly_card import anomaly_card
from steatoscope.learning.training.anomaly_fit import Table, beats, comparison, linear_model, out_of_fold_labels
from steatoscope.learning.training.detector import OPERATING, US_MASSES
from steatoscope.learning.training.detector_cv import Reading, folds_of, out_of_fold
from steatoscope.learning.training.export import export_onnx
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_aul import LICENCE, load_aul
from steatoscope.learning.training.splits import Split

VERSION = "1.0.0"


class _Middle(nn.Module):
    """Grey polar pictures (n, 1, depths, angles) to the frozen network's maps at stride 16."""

    def __init__(self) -> None:
        super().__init__()
        whole = LiteFeatures()
        self.stem, self.first = whole.stem, whole.first

    def forward(self, image: Tensor) -> Tensor:
        """Maps (n, 112, depths / 16, angles / 16)."""
        maps: Tensor = self.first(self.stem(image.expand(-1, 3, -1, -1)))
        return maps


def export_encoder(path: Path) -> OnnxSession:
    """Write the frozen encoder and return it ready to run."""
    example = (torch.zeros(1, 1, DEPTHS, ANGLES),)
    export_onnx(_Middle().eval(), example, path, input_names=["image"], output_names=["maps"])
    return session_of_bytes(path.read_bytes())


@dataclass
class AnomalyRows:
    """Features of tissue and control, image by image, with what they are compared by."""

    encoder: OnnxSession
    sizes: Mapping[str, tuple[int, int]]
    tissue: list[dict[str, float]] = field(default_factory=list)
    control: list[dict[str, float]] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)

    def add(self, reading: Reading, sample: Sample) -> None:
        """Read one image out of fold; its best region from the operating score on is its mass."""
        frame, liver = reading.frame, reading.findings.segments[0] > 0.5
        mass, score = reported_mass(reading.findings.regions, frame.image.shape, OPERATING)
        self.tissue.append(frame_features(self.encoder, frame.image, frame.sector, liver, mass, score))
        self.control.append(control_features(frame.image, frame.sector, self.source(sample)))
        self.indices.append(reading.index)

    def source(self, sample: Sample) -> tuple[int, int]:
        """Width and height of the original image."""
        return self.sizes.get(sample.path.stem, (sample.shape[1], sample.shape[0]))

    def tables(self, data: TrainingSet) -> tuple[Table, Table]:
        """Tissue and control, rows in the order of the set."""
        order = np.argsort(self.indices)
        samples = [data.samples[self.indices[k]] for k in order]
        labels, groups = [str(s.labels.finding) for s in samples], [s.group for s in samples]
        tissue, control = (Table.of([rows[k] for k in order], labels, groups) for rows in (self.tissue, self.control))
        return tissue, control

    def own(self, splits: Sequence[Split]) -> list[Split]:
        """Splits as row numbers of the tables."""
        place = {index: row for row, index in enumerate(sorted(self.indices))}
        return [Split(_rows(split.train, place), _rows(split.test, place)) for split in splits]

    def strata(self, data: TrainingSet) -> NDArray[np.str_]:
        """Original image size of every row of the tables."""
        return np.array([stratum_of(self.source(data.samples[index])) for index in sorted(self.indices)])


def train_anomaly(
    data: Path, out: Path, *, seed: int, steps: int | None = None, resume: bool = False
) -> dict[str, Any]:
    """Train and pack ``anomaly-classifier`` on an ``aul`` folder, after cross-validating its detectors in ``out``."""
    known = load_aul(data)
    splits = folds_of(known, seed)
    rows = AnomalyRows(export_encoder(out / ENCODER), source_sizes(data))
    for reading in out_of_fold(known, US_MASSES, splits, out, seed=seed, steps=steps):
        rows.add(reading, known.samples[reading.index])
    return pack_anomaly(rows, known, splits, out, seed=seed)


def pack_anomaly(
    rows: AnomalyRows, data: TrainingSet, splits: Sequence[Split], out: Path, *, seed: int
) -> dict[str, Any]:
    """Compare, fit on everything and write the model's folder into ``out``; returns the comparison."""
    tissue, control = rows.tables(data)
    found = [out_of_fold_labels(table, rows.own(splits), seed=seed) for table in (tissue, control)]
    compared = comparison(tissue.labels, found[0], found[1], tissue.groups, rows.strata(data))
    for name, table in ((TISSUE, tissue), (CONTROL, control)):
        (out / name).write_text(json.dumps(linear_model(table, seed=seed).document()), encoding="utf-8")
    claim = beats(compared)
    write_model(
        out,
        name="anomaly-classifier",
        version=VERSION,
        modality="US",
        task="normal, benign or malignant from tissue of liver and mass",
        files={name: out / name for name in (TISSUE, CONTROL, ENCODER)},
        settings={"claim": claim, "operating": OPERATING},
        card=anomaly_card(compared, claim=claim),
        training={
            "recipe": "anomaly-classifier",
            "seed": seed,
            "split": "five folds by group of look-alikes, nested; masses out of fold",
            "metrics": {k: v for k, v in compared.items() if k != "strata"},
            "data": data.records(),
        },
        licence=LICENCE,
    )
    return {"claim": claim, **compared}


def _rows(indices: Any, place: Mapping[int, int]) -> Any:
    return np.array([place[int(i)] for i in indices if int(i) in place], dtype=np.intp)
