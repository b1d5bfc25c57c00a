"""Simulated studies of the benchmark ``refusal``: they are to be measured, and labelled as simulated."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final, Literal

from steatoscope.imaging.phantoms.ct import simulate_ct
from steatoscope.imaging.phantoms.mr import simulate_mr
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.phantoms.write_files import write_phantom
from steatoscope.learning.evaluation.trust_refusal_cases import Case

FAT_PERCENT: Final = (1.0, 4.0, 8.0, 12.0, 18.0, 25.0)


def simulated_cases(n: int, seed: int) -> list[Case]:
    """``n`` simulated livers of every modality, 1 to 25 % fat."""
    cases = []
    for k in range(n):
        fat = FAT_PERCENT[k % len(FAT_PERCENT)]
        for modality, write in (("US", _us), ("CT", _ct), ("MR", _mr)):
            name = f"simulated {k:02d}"
            number = 9000 + 100 * seed + k
            cases.append(
                Case(modality, "simulated liver", name, partial(write, fat, number), subject=f"{modality} {name}")  # type: ignore[arg-type]
            )
    return sorted(cases, key=lambda case: case.modality)


def _us(fat: float, seed: int, folder: Path) -> list[Path]:
    view: Literal["HR", "AR"] = "HR" if seed % 2 else "AR"
    path = folder / "us.png"
    write_phantom(simulate_us(fat, seed, view=view, probe="curvilinear" if seed % 3 else "sector"), path, "png")
    return [path]


def _ct(fat: float, seed: int, folder: Path) -> list[Path]:
    write_phantom(simulate_ct(fat, seed), folder / "ct", "dicom")
    return [folder / "ct"]


def _mr(fat: float, seed: int, folder: Path) -> list[Path]:
    write_phantom(simulate_mr(fat, seed), folder / "mr.mat", "mat")
    return [folder / "mr.mat"]
