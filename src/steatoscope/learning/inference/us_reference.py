"""What a value of the ultrasound steatosis model is held against: its healthy set and its repeatability.

A folder of its own beside the model that it belongs to, so that the model stays as it was sealed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from steatoscope.learning.model_folder import ModelFolder
from steatoscope.science.clinical.normality import Normality
from steatoscope.science.clinical.repeatability import Repeatability

NAME: Final = "us-reference"
HEALTHY: Final = "healthy.json"


def belongs_to(reference: ModelFolder, model: ModelFolder) -> bool:
    """Whether the reference was measured with a model of this name and version."""
    of: Mapping[str, Any] = reference.settings.get("of", {})
    return (of.get("name"), of.get("version")) == (model.name, model.version)


def healthy_set(reference: ModelFolder) -> Normality:
    """The healthy set in robust scores of readings; raises WeightsError where its file was changed."""
    return Normality.read(json.loads(reference.file(HEALTHY)))


def repeatability(settings: Mapping[str, Any]) -> Repeatability | None:
    """The repeatability that settings of a model or of its reference name; None where they name none."""
    found = settings.get("repeatability")
    if not isinstance(found, Mapping):
        return None
    return Repeatability(float(found["rc_points"]), str(found["basis"]), bool(found["lower_bound"]))
