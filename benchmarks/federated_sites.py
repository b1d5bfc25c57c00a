"""Two sites to show federated training on: one set split in two, or two simulated centres.

    python benchmarks/federated_sites.py split us/byra2018 OUT      # two artificial sites of real patients
    python benchmarks/federated_sites.py simulate OUT               # two simulated centres with different scanners

Each leaves ``OUT/north`` and ``OUT/south`` for ``steatoscope federate --site north=OUT/north --site south=OUT/south``.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.phantoms.us_acoustics import USSettings
from steatoscope.learning.training.hmrs_cohort import LIMITS, draw_subjects
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.splits import k_fold
from steatoscope.science.clinical.grades import LABELS

SITES = ("north", "south")
SUBJECTS, FRAMES = 56, 3


def split(folder: Path, out: Path, seed: int = 0) -> None:
    """Halve the patients of a folder laid out as Byra 2018, grades alike; the images are copied."""
    data = load_byra2018(folder)
    halves = k_fold(data, 2, strata=[str(sample.labels.grade) for sample in data.samples], seed=seed)
    with (folder / "labels.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for site, half in zip(SITES, halves, strict=True):
        homes = sorted({data.samples[int(index)].path.parent for index in half.test})
        for home in homes:
            shutil.copytree(home, out / site / home.name)
        numbers = {int(home.name.rsplit("_", 1)[1]) for home in homes}
        _table(out / site / "labels.csv", [row for row in rows if int(row["patient_id"]) in numbers])


def simulate(out: Path, seed: int = 0) -> None:
    """Half of a simulated cohort at each centre; the second has another frequency, gain and dynamic range."""
    base = USSettings()
    scanners = (base, replace(base, frequency_mhz=3.0, gain_db=base.gain_db + 4.0, dynamic_range_db=50.0))
    subjects = draw_subjects(SUBJECTS, seed)
    for number, (site, scanner) in enumerate(zip(SITES, scanners, strict=True)):
        rows = []
        for subject in subjects[number::2]:
            clip = simulate_us(
                subject.fat_percent, subject.seed, view="AR", frames=FRAMES, settings=scanner
            ).clip.frames
            home = out / site / subject.name
            home.mkdir(parents=True)
            for frame, pixels in enumerate(clip):
                cv2.imwrite(str(home / f"frame_{frame:02d}.png"), pixels)
            truth = {"simulated": True, "pdff_percent": subject.fat_percent}
            home.with_name(f"{home.name}.truth.json").write_text(json.dumps(truth), encoding="utf-8")
            rows.append({
                "path": home.name, "subject": subject.name, "modality": "us", "label_scale": "mrs_pdff",
                "label_fat_percent": round(subject.fat_percent, 3),
                "label_grade": LABELS[int(np.digitize(subject.fat_percent, LIMITS, right=True))],
            })  # fmt: skip
        _table(out / site / "manifest.csv", rows)


def _table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    if sys.argv[1] == "split":
        split(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        simulate(Path(sys.argv[2]))
