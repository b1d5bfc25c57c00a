"""Equations and fits named in a report as its models are: with a version and a hash of their constants."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.report import ModelPart
from steatoscope.pipeline.ports import Organs
from steatoscope.science.quantify.ct_equations import EQUATIONS


def constants_part(name: str, version: str, constants: Mapping[str, Any], reference: str) -> ModelPart:
    """A named set of constants; the hash is over their sorted JSON."""
    text = json.dumps(constants, sort_keys=True)
    return ModelPart(name=name, version=version, sha256=hashlib.sha256(text.encode()).hexdigest(), card=reference)


def equation_part(name: str) -> ModelPart:
    """A CT equation."""
    equation = EQUATIONS[name]
    constants = {"slope": equation.slope, "intercept": equation.intercept}
    return constants_part(name, "1", constants, equation.reference)


def mask_note(organs: Organs) -> tuple[QualityCode, ...]:
    """``W_MASK`` where a classical method without a network found the liver."""
    if organs.liver is None or organs.model is not None or organs.method == "given mask":
        return ()
    return (warning("W_MASK", f"It was found by a classical method, confidence {organs.confidence:.0%}."),)
