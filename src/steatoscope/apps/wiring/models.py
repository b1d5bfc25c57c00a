"""Which models stand behind the ports: shipped ones, and the one that a caller names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from steatoscope.core.errors import UsageError
from steatoscope.core.image import Modality
from steatoscope.learning.catalogue import SHIPPED, open_model
from steatoscope.learning.model_folder import ENTRY, ModelFolder

Role = Literal["grader", "first", "regions", "segmenter", "detector", "slices"]
GRAPH_GRADER: Final = "graph_grader"
REGION_GRADER: Final = "region_grader"
SLICE_ANOMALY: Final = "slice_anomaly"
_MODALITIES: Final[dict[str, Modality]] = {"US": "US", "CT": "CT", "MR": "MR"}


@dataclass(frozen=True, eq=False)
class ChosenModel:
    """A model named by the caller, with the port that it can stand behind."""

    folder: ModelFolder
    role: Role
    modality: Modality


@lru_cache(maxsize=32)
def shipped(name: str) -> ModelFolder | None:
    """A shipped model; None where this installation has none of that name.

    Raises WeightsError where it is there but its entry was changed. The folder is read once a process.
    """
    return open_model(name) if (SHIPPED / name / ENTRY).is_file() else None


def chosen_model(name: str) -> ChosenModel:
    """The model of a name or of a folder with a packed model.

    Raises UsageError where there is none, or where it is not one that an analysis can use.
    """
    folder = open_model(name)
    modality = _MODALITIES.get(str(folder.entry["modality"]).upper())
    role = _role(folder)
    if modality is None or role is None or (role in ("grader", "first", "regions") and modality != "US"):
        task = folder.entry["task"]
        raise UsageError(f"the model {folder.name!r} ({task}) cannot be used by analyze; see 'steatoscope models list'")
    return ChosenModel(folder, role, modality)


def _role(folder: ModelFolder) -> Role | None:
    """What a model can do, by what its folder holds."""
    if "heads.json" in folder.files or GRAPH_GRADER in folder.settings:
        return "grader"
    if REGION_GRADER in folder.settings:
        return "regions"
    if "detector" in folder.settings:
        return "detector"
    if SLICE_ANOMALY in folder.settings:
        return "slices"
    if "classes" in folder.settings and "model.onnx" in folder.files and "kind" in folder.settings:
        return "segmenter"
    return "first" if set(folder.files) >= {"model.json"} and "model.onnx" not in folder.files else None
