"""Fits the ultrasound steatosis model on a folder laid out as Byra 2018 and packs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.imaging.io.hashing import sha256_file
from steatoscope.learning.inference.byra2018_data import Patient, read_byra2018
from steatoscope.learning.inference.session import ModelFolder, session_of_bytes
from steatoscope.learning.inference.us_steatosis import NAME, plain_scalars
from steatoscope.learning.inference.us_steatosis_boxes import FrameMaps
from steatoscope.learning.models.heatmap_unet import HeatmapEnsemble, HeatmapUNet, heat_maps
from steatoscope.learning.models.lite_features import LiteFeatures
from steatoscope.learning.training.export import export_onnx
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.us_first_fit import PatientTable, fit_distribution, fit_healthy
from steatoscope.learning.training.us_steatosis_card import card
from steatoscope.learning.training.us_steatosis_fit import Material, fit_path
from steatoscope.learning.training.us_steatosis_localiser import FOLDS, fold_of, pair_members, pretrained
from steatoscope.learning.training.us_steatosis_recipes import RECIPES
from steatoscope.learning.training.us_steatosis_samples import box_samples, liver_files, liver_samples
from steatoscope.learning.training.us_steatosis_settings import COPIES, changes
from steatoscope.learning.training.us_steatosis_tables import Table, build_table

VERSION = "1.0.0"
LICENCE = "Apache-2.0; fitted on CC BY 4.0 data"
CLEAN = "none"
KIDNEY_THRESHOLD = 0.7
DISTANCE_READINGS = ("band_", "contrast_", "slope_near", "slope_far", "slope_all", "speckle_")
_ROWS, _COLUMNS = (144, 208), (432, 624)

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trained:
    """Patients with their folds, the ten localisers, and the folder that keeps intermediate results."""

    patients: list[Patient]
    folds: list[int]
    members: dict[tuple[int, int], HeatmapUNet]
    work: Path
    seed: int
    aul: Path | None = None


def train_localisers(folder: Path, aul: Path | None, work: Path, seed: int = 0) -> Trained:
    """Train (or read back from ``work``) ten localisers, one per pair of patient folds left out.

    ``aul`` is the folder of the pre-training set; without it the localisers start from random weights.
    """
    patients = read_byra2018(folder)
    folds = fold_of([patient.fat for patient in patients], seed)
    start = HeatmapUNet() if aul is None else pretrained(lambda: liver_samples(aul), work / "pre.pt")
    return Trained(patients, folds, pair_members(box_samples(patients), folds, start, work / "pairs"), work, seed, aul)


def tables(trained: Trained, names: tuple[str, ...] | None = None) -> dict[str, Table]:
    """Readings under every named scanner setting (all of them by default), cached in the work folder."""
    chosen = [changes(_number(patient), trained.seed) for patient in trained.patients]
    locate = {pair: locator(network) for pair, network in trained.members.items()}
    lite = lite_maps(trained.work)
    found = {}
    for name in names or tuple(chosen[0]):
        path = trained.work / "tables" / f"{re.sub('[^a-z0-9+-]+', '_', name.lower())}.npz"
        each = [setting[name] for setting in chosen]
        found[name] = build_table(trained.patients, trained.folds, locate, lite, each, path)
    return found


def locator(network: HeatmapUNet) -> Callable[[Floats], list[FrameMaps]]:
    """A localiser as a function from channels (n, 4, 144, 208) to maps."""
    network.eval()

    def locate(channels: Floats) -> list[FrameMaps]:
        with torch.inference_mode():
            livers, kidneys = heat_maps(network(torch.from_numpy(channels)))
        pairs = zip(livers.numpy(), kidneys.numpy(), strict=True)
        return [FrameMaps(liver, kidney, float(kidney.sum())) for liver, kidney in pairs]

    return locate


def lite_maps(work: Path) -> Callable[[Floats], tuple[Floats, Floats]]:
    """The exported frozen network, so that training reads what the shipped model reads."""
    path = work / "lite0.onnx"
    if not path.is_file():
        export_lite(path)
    ready = session_of_bytes(path.read_bytes())

    def read(grey: Floats) -> tuple[Floats, Floats]:
        found = ready.run(grey=grey[None])
        return found["middle"][0], found["deep"][0]

    return read


def export_lite(path: Path) -> float:
    """Write the frozen network as ONNX; returns the largest difference from torch."""
    names = {"grey": {0: "n"}, "middle": {0: "n"}, "deep": {0: "n"}}
    example = (torch.randn(1, *_COLUMNS),)
    return export_onnx(
        LiteFeatures(), example, path, input_names=["grey"], output_names=["middle", "deep"], dynamic=names
    )


def export_localiser(members: list[HeatmapUNet], path: Path) -> float:
    """Write the mean of localisers as one ONNX graph; returns the largest difference from torch."""
    outputs = ["liver", "kidney", "probability"]
    names = {name: {0: "n"} for name in ("channels", *outputs)}
    example = (torch.randn(2, 4, *_ROWS),)
    ensemble = HeatmapEnsemble(members)
    return export_onnx(ensemble, example, path, input_names=["channels"], output_names=outputs, dynamic=names)


def material(found: Mapping[str, Table], fat: Values, localiser: Callable[[Table], Values]) -> Material:
    """Readings of clean frames and of their random copies, as seen by one choice of localisers."""

    def readings(table: Table) -> dict[str, Values]:
        values = localiser(table)
        return {name: values[:, cut] for name, cut in table.columns.items()}

    copies = [readings(found[name]) for name in found if name.startswith("copy ")]
    return Material(readings(found[CLEAN]), tuple(copies), fat)


def unseen_localisers(folds: list[int]) -> Callable[[Table], Values]:
    """Every patient by the mean of the four localisers that have not seen its fold."""
    own = np.asarray(folds)
    return lambda table: table.values[np.arange(own.size), own]


def fit_heads(trained: Trained, found: Mapping[str, Table], left_out: Values) -> dict[str, Any]:
    """The document of ``heads.json``: both paths on all patients, distance limits, biopsy-normal patients.

    ``left_out`` (patients,) are values of patients that their fit had not seen; they say what is usual in normals.
    """
    fat = np.array([patient.fat for patient in trained.patients])
    ready = material(found, fat, unseen_localisers(trained.folds))
    everyone = np.arange(fat.size)
    paths = {name: fit_path(ready, everyone, recipe, trained.seed).document() for name, recipe in RECIPES.items()}
    rows = [plain_scalars({name: v[i] for name, v in ready.clean.items()}) for i in everyone]
    names = tuple(name for name in rows[0] if name.startswith(DISTANCE_READINGS))
    table = PatientTable(names, np.array([[row[name] for name in names] for row in rows]), fat)
    healthy = fit_healthy(_with_kidney(table, ready), np.sqrt(left_out))
    return {
        "kidney_threshold": KIDNEY_THRESHOLD,
        "paths": paths,
        "distribution": fit_distribution(table),
        "healthy": healthy,
    }


def pack(
    trained: Trained, heads: Mapping[str, Any], folder: Path, card: str, metrics: Mapping[str, Any]
) -> ModelFolder:
    """Export the graphs, write the heads, and seal the model's folder."""
    graph, lite, numbers = (trained.work / name for name in ("localiser.onnx", "lite0.onnx", "heads.json"))
    worst = export_localiser(list(trained.members.values()), graph)
    if not lite.is_file():
        export_lite(lite)
    numbers.write_text(json.dumps(heads, separators=(",", ":")) + "\n", encoding="utf-8")
    data = seen_files(trained)
    return write_model(
        folder,
        name=NAME,
        version=VERSION,
        modality="US",
        task="fat",
        files={"localiser.onnx": graph, "lite0.onnx": lite, "heads.json": numbers},
        settings={"scale": "histology", "canvas": [434, 636], "frames": 4, "export_difference": worst},
        card=card,
        training={
            "recipe": "us_steatosis",
            "seed": trained.seed,
            "data": data,
            "folds": dict(zip([p.name for p in trained.patients], trained.folds, strict=True)),
            "split": f"{FOLDS} patient folds, localisers by pairs of folds, heads leave-one-patient-out; "
            f"{COPIES} changed copies of every patient in the fit",
            "metrics": dict(metrics),
        },
        licence=LICENCE,
    )


def seen_files(trained: Trained) -> list[dict[str, str]]:
    """Every image that took part in training, with its hash and subject; pre-training images are their own subjects."""
    rows = [
        {"path": f"byra2018/{patient.name}/{number:02d}", "sha256": sha256, "subject": patient.name}
        for patient in trained.patients
        for number, sha256 in zip(patient.numbers, patient.sha256, strict=True)
    ]
    images = [] if trained.aul is None else liver_files(trained.aul)
    return rows + [
        {"path": f"aul/{file.name}", "sha256": sha256_file(file), "subject": f"aul {file.stem}"} for file in images
    ]


def _with_kidney(table: PatientTable, ready: Material) -> PatientTable:
    names = ("difference", "slope_free")
    extra = np.column_stack([ready.clean[f"plain_{name}"][:, 0] for name in names])
    return PatientTable((*table.names, *names), np.column_stack([table.values, extra]), table.fat)


def _number(patient: Patient) -> int:
    digits = re.search(r"\d+", patient.name)
    return int(digits[0]) if digits else 0


def ship(trained: Trained, found: Mapping[str, Table], document: Mapping[str, Any], folder: Path) -> ModelFolder:
    """Fit on all patients and pack, with the card and metrics of a nested benchmark of the same recipe."""
    left_out = np.array([case["value_percent"] for case in document["cases"]])
    heads = fit_heads(trained, found, left_out)
    return pack(trained, heads, folder, card(document, VERSION), document["results"][NAME])
