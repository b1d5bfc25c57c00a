"""Packs a model of recipe R1: the detector's graphs, what was learnt on their features, card and training manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from steatoscope.learning.inference.detector import GRAPHS
from steatoscope.learning.inference.r1_heads import RegionHeads
from steatoscope.learning.inference.r1_model import CHAIN, KEY
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.r1_card import Figures, card

NAME: Final = "r1-unet-rcnn"
VERSION: Final = "1.0.0"
REGION_LEVEL: Final = 0.95
OWN_BASELINE: Final = "the patients graded normal in the model's training set"


@dataclass(frozen=True, eq=False)
class Learnt:
    """What goes into a pack: heads, figures of left-out patients, patients' frames, and how fat was given."""

    heads: RegionHeads
    figures: Figures
    records: Sequence[Mapping[str, str]]
    source: str
    citation: str
    licence: str
    scale: str
    simulated: bool
    seed: int
    plan: Mapping[str, Any]


def pack_r1(folder: Path, detector: ModelFolder, learnt: Learnt) -> ModelFolder:
    """Write the model's folder; the detector's files are copied, so that the model does not depend on it."""
    with TemporaryDirectory() as scratch:
        files = {name: Path(scratch) / name for name in (*GRAPHS, CHAIN)}
        for name in GRAPHS:
            files[name].write_bytes(detector.file(name))
        files[CHAIN].write_text(json.dumps(learnt.heads.document()), encoding="utf-8")
        return write_model(
            folder,
            name=NAME,
            version=VERSION,
            modality="US",
            task="grade and fat percent from regions on the liver (recipe R1)",
            files=files,
            settings={"detector": detector.settings["detector"], KEY: _settings(learnt)},
            card=card(
                f"{NAME} {VERSION}", learnt.figures, detector=detector, patients=learnt.plan["patients"],
                frames=len(learnt.records), source=learnt.source, citation=learnt.citation, licence=learnt.licence,
                scale=learnt.scale, simulated=learnt.simulated, level=REGION_LEVEL,
            ),
            training=_training(detector, learnt),
            licence=str(detector.entry["licence"]),
        )  # fmt: skip


def _settings(learnt: Learnt) -> dict[str, Any]:
    return {
        "scale": learnt.scale,
        "simulated": learnt.simulated,
        "region_level": REGION_LEVEL,
        "baseline": None if learnt.source == "byra2018" else OWN_BASELINE,
    }


def _training(detector: ModelFolder, learnt: Learnt) -> dict[str, Any]:
    """The manifest; the detector's own training images are among the data, since they shaped what is read."""
    own = [dict(row) for row in learnt.records]
    before = [{**row, "path": f"{detector.name}/{row['path']}"} for row in detector.training.get("data", ())]
    return {
        "recipe": NAME,
        "seed": learnt.seed,
        "plan": dict(learnt.plan),
        "simulated": learnt.simulated,
        "scale": learnt.scale,
        "split": "heads fitted on every patient; figures, temperature, interval and healthy baseline from left-out "
        "patients",
        "weights": {
            detector.name: {
                "version": detector.version,
                "sha256": detector.sha256,
                "frozen": True,
                "files": len(before),
            }
        },
        "subjects": learnt.plan["patients"],
        "metrics": {
            name: {"value": value, "ci95": learnt.figures[f"{name}_ci"]} if f"{name}_ci" in learnt.figures else value
            for name, value in learnt.figures.items()
            if not name.endswith("_ci")
        },
        "data": own + before,
    }
