"""The liver on MR: from the network on the magnitude, cross-checked by the classical finder, which sees the fat map.

A network answers on any image, a neck or a knee too; the classical finder asks for an axial section of a trunk first.
So the network's outline is measured where both agree, or where it is very sure; where they differ the classical one.
Where the network sees no liver at all, none is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steatoscope.apps.wiring.agreement import AGREED_DICE, disagreement, overlap, rejected, unconfirmed
from steatoscope.apps.wiring.classical import CLASSICAL_MR, mask_notes
from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Volume
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import Organs

if TYPE_CHECKING:
    from steatoscope.learning.inference.organ_volume import FoundOrgan
    from steatoscope.science.segment.mr import MRLiver

CLASSICAL = "the classical finder"
SURE_NETWORK = 0.9
LARGE_ML = 250.0


@dataclass(frozen=True, eq=False)
class NetworkMR:
    """The MR segmenter's port with a network behind it."""

    model: ModelFolder

    def __call__(self, anatomy: Volume, pdff: Volume | None) -> Organs:
        """The liver on a magnitude volume, with the fat map (percent) where there is one."""
        from steatoscope.learning.inference.liver_segmenter import segment_liver
        from steatoscope.science.segment.mr import find_mr_liver

        return mr_organs(anatomy, segment_liver(anatomy, self.model), find_mr_liver(anatomy, pdff), self.model)


def mr_organs(anatomy: Volume, found: FoundOrgan, classical: MRLiver, model: ModelFolder) -> Organs:
    """The network's liver where both agree or it is very sure; else the classical one, with a remark, or none."""
    agreed = overlap(found.mask, classical.mask)
    if found.mask is None or not credible(anatomy, found, agreed):
        return _fallback(found, classical, agreed)
    return Organs(
        liver=found.mask,
        method=f"{model.name} {model.version}",
        confidence=found.confidence,
        notes=disagreement(agreed, CLASSICAL),
        model=model.part(),
    )


def credible(anatomy: Volume, found: FoundOrgan, agreed: float | None) -> bool:
    """Whether the network's outline may be measured on; ``agreed`` is its Dice with the classical one, if any."""
    if agreed is not None:
        return agreed >= AGREED_DICE or found.confidence >= SURE_NETWORK
    assert found.mask is not None
    large = anatomy.geometry.known and float(found.mask.sum()) * anatomy.geometry.voxel_ml >= LARGE_ML
    return large and found.confidence >= SURE_NETWORK


def _fallback(found: FoundOrgan, classical: MRLiver, agreed: float | None) -> Organs:
    said: tuple[QualityCode, ...] = ()
    if found.mask is None and classical.mask is not None:
        # Muscle of a pelvis or chest wall passes for liver to the classical finder; of livers the network sees a part.
        words = "The classical finder outlined something in which the network sees no liver."
        return Organs(liver=None, method=CLASSICAL_MR, notes=(rejected(words), *mask_notes(classical.notes)))
    if found.mask is not None and classical.mask is None:
        said = (unconfirmed(found.confidence, CLASSICAL),)
    elif found.mask is not None:
        said = (*disagreement(agreed, CLASSICAL), warning("W_MASK", f"That of {CLASSICAL} was measured."))
    return Organs(
        liver=classical.mask,
        method=CLASSICAL_MR,
        confidence=classical.confidence,
        notes=(*said, *mask_notes(classical.notes)),
    )
