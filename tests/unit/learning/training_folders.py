"""Small synthetic training folders, whole ones that tests then break."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def picture(seed: int, shape: tuple[int, int] = (96, 128)) -> NDArray[np.uint8]:
    """A smooth random picture, another one for every seed."""
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    soft = cv2.GaussianBlur(values, (0, 0), 2)
    return np.asarray(np.clip(120 + 300 * soft, 1, 255), dtype=np.uint8)


def write(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Write a picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)
    return path


def disc(shape: tuple[int, int] = (96, 128), radius: int = 25) -> NDArray[np.uint8]:
    """A filled disc, 0 or 255."""
    mask = np.zeros(shape, np.uint8)
    cv2.circle(mask, (shape[1] // 2, shape[0] // 2), radius, 255, -1)
    return mask


def aul_folder(folder: Path, classes: Sequence[str] = ("normal", "benign", "malignant") * 2) -> dict[str, Any]:
    """Images and annotations as ``us/aul``; returns the entries, which :func:`annotate` writes again."""
    square = [[10.0, 10.0], [110.0, 10.0], [110.0, 85.0], [10.0, 85.0]]
    entries: dict[str, Any] = {}
    for number, name in enumerate(classes):
        stem = f"{name}_{number:03d}"
        write(folder / "images" / f"{stem}.jpg", picture(number))
        entries[stem] = {"width": 128, "height": 96, "class": name, "outline": square, "liver": square[:3]}
        if name != "normal":
            entries[stem]["mass"] = [[40.0, 40.0], [60.0, 40.0], [60.0, 60.0]]
    annotate(folder, entries)
    return entries


def annotate(folder: Path, entries: Mapping[str, Any]) -> None:
    """Write ``annotations.json``."""
    (folder / "annotations.json").write_text(json.dumps(entries), encoding="utf-8")


def byra_folder(folder: Path, fat: Sequence[float] = (2, 20, 40, 70)) -> None:
    """Two frames a patient and ``labels.csv`` with one patient for every fat percentage."""
    for number, _ in enumerate(fat, start=1):
        for frame in (1, 2):
            write(folder / f"patient_{number:02d}" / f"frame_{frame:02d}.png", picture(10 * number + frame))
    rows = [{"patient_id": n, "fat_percent": value, "class": int(value >= 5)} for n, value in enumerate(fat, start=1)]
    table(folder / "labels.csv", rows)


def table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as CSV with the first row's columns."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def manifest_rows(folder: Path, count: int = 4) -> list[dict[str, Any]]:
    """Rows of a whole manifest, an image and a mask a subject, two views by turns, two grades."""
    rows = []
    for number in range(count):
        write(folder / f"image_{number}.png", picture(50 + number))
        write(folder / f"mask_{number}.png", disc())
        rows.append(
            {
                "path": f"image_{number}.png",
                "subject": f"s{number // 2 if count > 4 else number}",
                "view": ("AR", "HR")[number % 2],
                "label_fat_percent": 3 + 20 * (number % 2),
                "label_scale": "pdff",
                "label_grade": ("normal", "severe")[number % 2],
                "mask_path": f"mask_{number}.png",
            }
        )
    return rows
