"""Refusals of CT and MR that are no image of a body, and of those without a liver: with the reason that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan, MRScan
from steatoscope.pipeline.ports import Organs
from steatoscope.pipeline.remedies import CT_MESSAGE, CT_REMEDY, MR_MESSAGE, MR_REMEDY
from steatoscope.science.quantify.plausible import bone_fault, ct_fault, mr_fault

if TYPE_CHECKING:
    from steatoscope.pipeline.mr_fat import FatSource

NOTHING: Final = Organs(liver=None, method="not sought")
NOT_ACCEPTED: Final = "No liver outline was accepted."


def foreign_ct(scan: CTScan) -> SteatoscopeError | None:
    """``E_OOD`` where the HU cannot be those of a body."""
    cause = ct_fault(scan.volume)
    return SteatoscopeError("E_OOD", message=CT_MESSAGE, cause=cause, remedy=CT_REMEDY) if cause else None


def boneless_ct(scan: CTScan, organs: Organs, contrast: SteatoscopeError | None) -> SteatoscopeError | None:
    """``E_OOD`` where something like a liver was found on a CT without bone; contrast is refused before."""
    if organs.liver is None or (contrast is not None and contrast.code == "E_CONTRAST"):
        return None
    cause = bone_fault(scan.volume)
    return SteatoscopeError("E_OOD", message=CT_MESSAGE, cause=cause, remedy=CT_REMEDY) if cause else None


def foreign_mr(scan: MRScan, source: FatSource) -> SteatoscopeError | None:
    """``E_OOD`` where a fat map fitted here has no fat under any skin; maps of other origin may be masked."""
    if source.fit is None or source.scale != "pdff":
        return None
    cause = mr_fault(scan.anatomy, source.percent)
    return SteatoscopeError("E_OOD", message=MR_MESSAGE, cause=cause, remedy=MR_REMEDY) if cause else None


def no_liver(organs: Organs) -> SteatoscopeError:
    """``E_NOLIVER`` with what the finders said, where they said something."""
    said = [note.message.removeprefix(NOT_ACCEPTED).strip() for note in organs.notes if NOT_ACCEPTED in note.message]
    return SteatoscopeError("E_NOLIVER", cause=" ".join(dict.fromkeys(said)) or None)
