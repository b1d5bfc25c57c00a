"""Reads a folder laid out as Byra 2018: ``labels.csv``, ``patient_NN/*.png``, optional ``hepatorenal_rois.csv``."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError

BOX_SIDE = 28
_FOLDER = re.compile(r"patient_(\d+)")
_FRAME = re.compile(r"(\d+)$")

Boxes = dict[int, tuple[tuple[float, float], tuple[float, float]]]


@dataclass(frozen=True, eq=False)
class Patient:
    """One patient: frames (n, rows, columns) with their numbers and hashes, biopsy fat in percent of hepatocytes.

    ``boxes`` gives by frame number the top-left corners (x, y) of the hand-placed liver and kidney boxes.
    """

    name: str
    frames: NDArray[np.uint8]
    numbers: tuple[int, ...]
    fat: float
    sha256: tuple[str, ...]
    boxes: Boxes


def read_byra2018(folder: Path) -> list[Patient]:
    """All patients of a folder in the order of ``labels.csv``.

    Raises E_PATH without folder or labels, E_LABEL where patients are unlabelled, named twice or labelled outside
    0-100 %, E_EMPTY for a patient without frames, E_FORMAT or E_SIZE for frames that cannot be read together.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        raise SteatoscopeError("E_PATH", path=str(table), cause="labels.csv of the data set was not found.")
    labels = _labels(table)
    _match(folder, labels)
    boxes = _boxes(folder / "hepatorenal_rois.csv")
    return [_patient(folder, number, fat, boxes.get(number, {})) for number, fat in labels.items()]


def _labels(table: Path) -> dict[int, float]:
    with table.open(newline="", encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    if not rows:
        raise SteatoscopeError("E_EMPTY", path=str(table), cause="labels.csv names no patient.")
    try:
        found = [(int(row["patient_id"]), float(row["fat_percent"])) for row in rows]
    except (KeyError, TypeError, ValueError) as fault:
        raise SteatoscopeError(
            "E_LABEL", path=str(table), cause=f"A row has no numeric patient_id and fat_percent ({fault})."
        ) from fault
    wrong = [f"patient {number}: {fat:g}" for number, fat in found if not 0.0 <= fat <= 100.0]
    if wrong:
        raise SteatoscopeError("E_LABEL", path=str(table), cause=f"fat_percent outside 0-100: {', '.join(wrong)}.")
    twice = [str(number) for number, count in Counter(number for number, _ in found).items() if count > 1]
    if twice:
        raise SteatoscopeError("E_LABEL", path=str(table), cause=f"patients named twice: {', '.join(twice)}.")
    return dict(found)


def _match(folder: Path, labels: dict[int, float]) -> None:
    present = {int(m[1]) for item in folder.iterdir() if item.is_dir() and (m := _FOLDER.fullmatch(item.name))}
    unlabelled, absent = sorted(present - labels.keys()), sorted(labels.keys() - present)
    if unlabelled:
        raise SteatoscopeError(
            "E_LABEL", path=str(folder), cause=f"patients without a label: {', '.join(map(str, unlabelled))}."
        )
    if absent:
        raise SteatoscopeError(
            "E_EMPTY", path=str(folder), cause=f"labelled patients without a folder: {', '.join(map(str, absent))}."
        )


def _patient(folder: Path, number: int, fat: float, boxes: Boxes) -> Patient:
    home = next(item for item in folder.iterdir() if (m := _FOLDER.fullmatch(item.name)) and int(m[1]) == number)
    files = sorted(home.glob("*.png"))
    if not files:
        raise SteatoscopeError("E_EMPTY", path=str(home), cause="The patient has no frames.")
    frames = [_picture(file) for file in files]
    if len({frame.shape for frame in frames}) > 1:
        raise SteatoscopeError("E_SIZE", path=str(home), cause="The patient's frames differ in size.")
    hashes = tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return Patient(home.name, np.stack(frames), tuple(map(_number, files)), fat, hashes, boxes)


def _picture(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SteatoscopeError("E_FORMAT", path=str(file), cause="The frame cannot be read as a picture.")
    return np.asarray(picture, dtype=np.uint8)


def _number(file: Path) -> int:
    found = _FRAME.search(file.stem)
    return int(found[1]) if found else 0


def _boxes(table: Path) -> dict[int, Boxes]:
    if not table.is_file():
        return {}
    found: dict[int, Boxes] = {}
    with table.open(newline="", encoding="utf-8-sig") as handle:
        for row in csv.DictReader(handle):
            liver = (float(row["liver_x"]), float(row["liver_y"]))
            kidney = (float(row["kidney_x"]), float(row["kidney_y"]))
            found.setdefault(int(row["patient_id"]), {})[int(row["frame"])] = (liver, kidney)
    return found
