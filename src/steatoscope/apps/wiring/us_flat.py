"""Why the fat model cannot read a picture: too little speckle or structure, with the number and the limit."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.remedies import FLAT_MESSAGE, GAIN_REMEDY

if TYPE_CHECKING:
    from steatoscope.learning.inference.us_steatosis_reading import Readings


def flat_picture(readings: Readings) -> SteatoscopeError:
    """``E_OOD`` with the reading (grey levels) that lies below its limit; general words where none of them does."""
    from steatoscope.learning.inference.us_first import LEAST_SPECKLE, LEAST_STRUCTURE
    from steatoscope.learning.inference.us_steatosis import plain_scalars

    found = plain_scalars(readings)
    speckle, structure = (found.get(name, nan) for name in ("speckle_sd", "contrast_spread"))
    if speckle < LEAST_SPECKLE:
        cause = f"The speckle varies by {speckle:.2f} of 255 grey levels (at least {LEAST_SPECKLE:.0f})."
    elif structure < LEAST_STRUCTURE:
        cause = f"The tissue varies by {structure:.2f} of 255 grey levels (at least {LEAST_STRUCTURE:.0f})."
    else:
        return SteatoscopeError("E_OOD")
    return SteatoscopeError("E_OOD", message=FLAT_MESSAGE, cause=cause, remedy=GAIN_REMEDY)
