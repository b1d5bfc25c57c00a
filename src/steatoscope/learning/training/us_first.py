"""Fits the first ultrasound fat model on the Byra 2018 set and writes its weights, hash, entry and card."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_frames import select_frames
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.inference.us_first_features import features
from steatoscope.learning.training.us_first_fit import PatientTable, evaluate, fit_parts, score_row
from steatoscope.learning.training.us_first_perturb import PERTURBATIONS, Perturbation, perturbation_rows

NAME, VERSION = "us-first", "1.1.0"


@dataclass(frozen=True, eq=False)
class Patient:
    """One patient's frames (n, rows, columns), biopsy fat (percent of hepatocytes) and hashes of the files."""

    frames: NDArray[np.uint8]
    fat: float
    sha256: tuple[str, ...]


def fit_us_first(data_dir: Path) -> dict[str, Any]:
    """Fit the model on ``data_dir/us/byra2018``, by patient, and score it by nested leave-one-patient-out.

    Returns the JSON document of the weights with the metrics in it. Deterministic. Raises E_PATH where the set is
    absent.
    """
    patients = read_patients(data_dir)
    table = table_of(patients)
    parts = fit_parts(table)
    document = {
        "name": NAME,
        "version": VERSION,
        "scale": "histology",
        "training": {
            "data": "Byra 2018 (Zenodo 1009146)",
            "patients": len(patients),
            "frames": int(sum(patient.frames.shape[0] for patient in patients)),
            "sha256": sorted({value for patient in patients for value in patient.sha256}),
        },
        **parts,
        "metrics": evaluate(table),
    }
    return document | {"perturbations": _perturbed(patients, table, parts)}


def read_patients(data_dir: Path) -> list[Patient]:
    """All patients of ``data_dir/us/byra2018``, in the order of ``labels.csv``."""
    folder = data_dir / "us" / "byra2018"
    if not (folder / "labels.csv").is_file():
        raise SteatoscopeError("E_PATH", path=str(folder), cause="labels.csv of the training set was not found.")
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as handle:
        return [_patient(folder, row) for row in csv.DictReader(handle)]


def table_of(patients: list[Patient], change: Perturbation | None = None) -> PatientTable:
    """Features of every patient, of frames changed by a perturbation where one is given."""
    rows = [patient_features(patient.frames if change is None else change(patient.frames)) for patient in patients]
    names = tuple(rows[0])
    values = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
    return PatientTable(names, values, np.array([patient.fat for patient in patients]))


def patient_features(frames: NDArray[np.uint8]) -> dict[str, float]:
    """Features of one patient's frames by the same steps as at prediction time."""
    clip = Clip(frames)
    sector = find_sector(clip)
    if sector is None:
        raise SteatoscopeError("E_NOLIVER", cause="No scan sector was found in a training clip.")
    chosen = select_frames(clip, sector).frames(clip)
    return features(chosen, sector, tissue_mask(chosen, sector))


def _patient(folder: Path, row: dict[str, str]) -> Patient:
    files = sorted((folder / f"patient_{int(row['patient_id']):02d}").glob("*.png"))
    frames = np.stack([np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), dtype=np.uint8) for file in files])
    hashes = tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return Patient(frames, float(row["fat_percent"]), hashes)


def _perturbed(patients: list[Patient], table: PatientTable, parts: dict[str, Any]) -> list[dict[str, Any]]:
    clean = np.array([score_row(parts["regression"], table.row(i)) for i in range(len(patients))])
    tables = {name: table_of(patients, change) for name, change in PERTURBATIONS.items()}
    return perturbation_rows(parts, clean, tables)


def dumped(document: dict[str, Any]) -> bytes:
    """The weights file's bytes: sorted keys, so that the same fit gives the same hash."""
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()
