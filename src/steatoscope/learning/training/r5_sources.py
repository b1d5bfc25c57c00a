"""The sets of recipe R5 that a data folder holds: simulated CT foci always, ``aul`` where it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.training.grading_data import MANIFEST
from steatoscope.learning.training.r5_aul import aul_pictures
from steatoscope.learning.training.r5_ct import simulated_ct
from steatoscope.learning.training.r5_pictures import FindingSet
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_liver_png import load_msd_liver

AUL: Final = (".", "aul", "us/aul")
CT: Final = (".", "msd_liver_jpg", "ct/msd_liver_jpg", "../../ct/msd_liver_jpg")


class Size(Protocol):
    """What of a plan the sets depend on."""

    @property
    def side(self) -> int:
        """Side of a picture in pixels."""

    @property
    def phantoms(self) -> int:
        """Simulated livers."""

    @property
    def each(self) -> int:
        """Slices of each simulated liver."""

    @property
    def most(self) -> int | None:
        """Most images of each class of ``aul``."""

    @property
    def real_ct(self) -> bool:
        """Whether real slices are painted in."""


def found_sets(data: Path | None, plan: Size, seed: int, *, ct_only: bool = False) -> list[FindingSet]:
    """Simulated CT foci, and ``aul`` where ``data`` holds it.

    Raises UsageError for a folder with a user's own table, E_PATH for one that holds neither set.
    """
    check_folder(data)
    real = _real_slices(data) if plan.real_ct else None
    sets = [simulated_ct(real, phantoms=plan.phantoms, each=plan.each, side=plan.side, seed=seed)]
    folder = _found(data, AUL, "annotations.json")
    if folder is not None and not ct_only:
        sets.append(aul_pictures(folder, side=plan.side, seed=seed, most=plan.most))
    return sets


def check_folder(data: Path | None) -> None:
    """Raises UsageError for a folder with a user's own table, E_PATH for one that holds neither set."""
    if data is None:
        return
    if (data / MANIFEST).is_file():
        raise UsageError(f"recipe R5 reads us/aul and ct/msd_liver_jpg, no {MANIFEST}: {data} cannot be learnt from")
    if _found(data, AUL, "annotations.json") is None and _found(data, CT, "masks") is None:
        cause = "The folder holds neither us/aul (annotations.json) nor ct/msd_liver_jpg (masks/)."
        raise SteatoscopeError("E_PATH", path=str(data), cause=cause)


def _real_slices(data: Path | None) -> TrainingSet | None:
    folder = _found(data, CT, "masks")
    return None if folder is None else load_msd_liver(folder)


def _found(data: Path | None, places: tuple[str, ...], mark: str) -> Path | None:
    if data is None:
        return None
    return next((data / place for place in places if (data / place / mark).exists()), None)
