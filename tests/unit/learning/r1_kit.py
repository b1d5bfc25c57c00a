"""Simulated patients of a user's own for recipe R1, and its training as a process that a test can kill."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2

from steatoscope.imaging.phantoms.us import simulate_us

FAT = (1.0, 2.0, 3.0, 4.0, 8.0, 11.0, 14.0, 17.0, 19.0, 20.0, 32.0, 40.0)
LIMITS = (5.0, 16.0, 22.0)
GRADES = ("normal", "mild", "moderate", "severe")
COLUMNS = ("path", "subject", "modality", "label_fat_percent", "label_scale", "label_grade")


def own_folder(folder: Path, fat: Sequence[float] = FAT) -> Path:
    """``manifest.csv`` and one simulated frame of a patient for every fat fraction, marked as simulated."""
    rows = []
    for number, value in enumerate(fat, start=1):
        name = f"p{number:02d}"
        frame = simulate_us(value, number, size=(217, 318)).clip.frames[0]
        (folder / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name / "frame_001.png"), frame)
        (folder / f"{name}.truth.json").write_text(json.dumps({"simulated": True, "pdff_percent": value}))
        grade = GRADES[sum(value >= limit for limit in LIMITS)]
        rows.append([name, name, "us", value, "pdff", grade])
    write_rows(folder, rows)
    return folder


def write_rows(folder: Path, rows: Sequence[Sequence[object]]) -> None:
    """The table with these rows."""
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])


def read_rows(folder: Path) -> list[list[str]]:
    """The rows of the table."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))[1:]


if __name__ == "__main__":
    from steatoscope.learning.evaluation.r1_train import train_r1

    train_r1(Path(sys.argv[1]), Path(sys.argv[2]), seed=0, steps=None, resume=True, plan="small")
