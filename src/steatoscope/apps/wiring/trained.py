"""Whether a model was trained on a file that is being analysed: its training manifest records the files' hashes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from steatoscope.apps.wiring.models import shipped
from steatoscope.core.report import ModelPart
from steatoscope.learning.model_folder import ModelFolder


@dataclass(frozen=True, eq=False)
class TrainingRecords:
    """The port ``trained_on`` over the shipped models and those that were ``named`` for this analysis."""

    named: tuple[ModelFolder, ...] = ()

    def __call__(self, model: ModelPart, files: Collection[str]) -> bool:
        """Whether one of ``files`` (SHA-256) is in the model's training manifest; False where it has none."""
        folder = next((one for one in self.named if one.sha256 == model.sha256), None) or shipped(model.name)
        if folder is None or folder.sha256 != model.sha256:
            return False
        return not _learnt_from(folder).isdisjoint(files)

    def beside(self, folder: ModelFolder) -> TrainingRecords:
        """These records and those of one more model."""
        return TrainingRecords((*self.named, folder))


@lru_cache(maxsize=32)
def _learnt_from(folder: ModelFolder) -> frozenset[str]:
    """The training hashes of a folder, read once a process."""
    return folder.training_sha256
