"""B-mode fatty liver frames (Byra et al. 2018): biopsy fat by patient, ten frames each, boxes in liver and cortex."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.names import natural_key
from steatoscope.learning.training.sets import Box, Labels, Sample, TrainingSet
from steatoscope.learning.training.sets_audit import audit
from steatoscope.science.clinical.grades import HISTOLOGY_PROFILE, grade_for

SCALE: Final = "histology"
POSITIVE_PERCENT: Final = 5.0
LICENCE: Final = "CC BY 4.0"
CITATION: Final = (
    "Byra M, Styczynski G, Szmigielski C, et al. Transfer learning with deep convolutional neural network for liver "
    "steatosis assessment in ultrasound images. IJCARS 2018, doi:10.1007/s11548-018-1843-2; data: Zenodo 1009146, "
    "doi:10.5281/zenodo.1009146; boxes: viniaug7/SteatosisAI (MIT)"
)
_FOLDER: Final = re.compile(r"patient_0*(\d+)")
_Boxes = Mapping[tuple[str, int], Mapping[str, Box]]


def load_byra2018(folder: Path) -> TrainingSet:
    """Every frame of every patient of ``labels.csv``, with fat in percent of hepatocytes and its histology grade.

    Boxes ``liver`` and ``kidney`` where ``hepatorenal_rois.csv`` has them. Raises E_ANNOTATION for a missing table or
    column, E_LABEL for a patient without a label, twice, without a number in 0-100, or whose class contradicts it,
    E_EMPTY for one without frames, E_PATH, E_FORMAT, E_TRUNCATED, E_DUPLICATE.
    """
    table = folder / "labels.csv"
    rows = _labels(table)
    boxes = _boxes(folder / "hepatorenal_rois.csv")
    homes = {match[1]: home for home in folder.iterdir() if home.is_dir() and (match := _FOLDER.fullmatch(home.name))}
    unlabelled = sorted(homes.keys() - rows.keys(), key=int)
    if unlabelled:
        raise SteatoscopeError("E_LABEL", path=str(homes[unlabelled[0]]), cause="The patient is not in labels.csv.")
    samples = [
        sample for patient, row in rows.items() for sample in _frames(_home(homes, patient, table), patient, row, boxes)
    ]
    read = TrainingSet("byra2018", folder, tuple(samples), LICENCE, CITATION)
    return audit(read, label="fat_percent")


def _home(homes: Mapping[str, Path], patient: str, table: Path) -> Path:
    if patient not in homes:
        raise SteatoscopeError("E_EMPTY", path=str(table), cause=f"Patient {patient} has a label and no folder.")
    return homes[patient]


def _frames(home: Path, patient: str, row: Labels, boxes: _Boxes) -> Iterable[Sample]:
    files = sorted(home.glob("*.png"), key=natural_key)
    if not files:
        raise SteatoscopeError("E_EMPTY", path=str(home), cause="The patient has no frames.")
    for path in files:
        number = int(re.findall(r"\d+", path.stem)[-1]) if re.search(r"\d", path.stem) else 0
        yield Sample(path, home.name, home.name, "us", row, boxes=boxes.get((patient, number), {}))


def _labels(table: Path) -> dict[str, Labels]:
    found: dict[str, Labels] = {}
    for line, row in enumerate(_rows(table, ("patient_id", "fat_percent")), start=2):
        try:
            patient, fat = str(int(row["patient_id"])), float(row["fat_percent"])
            positive = int(row["class"]) == 1 if row.get("class") else fat >= POSITIVE_PERCENT
        except (TypeError, ValueError) as fault:
            raise _wrong(table, line, "patient_id, fat_percent or class is not a number") from fault
        if not 0 <= fat <= 100:
            raise _wrong(table, line, f"fat_percent is {fat:g}, not in 0-100")
        if positive != (fat >= POSITIVE_PERCENT):
            raise _wrong(table, line, f"class contradicts fat_percent {fat:g}")
        if patient in found:
            raise _wrong(table, line, f"patient {patient} is there twice")
        found[patient] = Labels(fat_percent=fat, scale=SCALE, grade=grade_for(fat, HISTOLOGY_PROFILE)[0])
    return found


def _boxes(table: Path) -> _Boxes:
    if not table.is_file():
        return {}
    columns = ("patient_id", "frame", "liver_x", "liver_y", "kidney_x", "kidney_y", "size")
    found: dict[tuple[str, int], Mapping[str, Box]] = {}
    for line, row in enumerate(_rows(table, columns), start=2):
        try:
            side = float(row["size"])
            corners = {organ: (float(row[f"{organ}_x"]), float(row[f"{organ}_y"])) for organ in ("liver", "kidney")}
            key = str(int(row["patient_id"])), int(row["frame"])
        except (TypeError, ValueError) as fault:
            cause = f"Line {line} holds no numbers."
            raise SteatoscopeError("E_ANNOTATION", path=str(table), cause=cause) from fault
        found[key] = {organ: (x, y, x + side, y + side) for organ, (x, y) in corners.items()}
    return found


def _rows(table: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not table.is_file():
        raise SteatoscopeError("E_ANNOTATION", path=str(table), cause=f"{table.name} was not found.")
    with table.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        lacking = [name for name in columns if name not in (reader.fieldnames or ())]
        if lacking:
            cause = f"{table.name} has no column {', '.join(lacking)}."
            raise SteatoscopeError("E_ANNOTATION", path=str(table), cause=cause)
        return list(reader)


def _wrong(table: Path, line: int, words: str) -> SteatoscopeError:
    return SteatoscopeError("E_LABEL", path=str(table), cause=f"Line {line}: {words}.")
