"""The liver on MR: from the network on the magnitude, cross-checked by the classical finder, which sees the fat map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steatoscope.apps.wiring.agreement import AGREED_DICE, disagreement, overlap
from steatoscope.apps.wiring.classical import CLASSICAL_MR, mask_notes
from steatoscope.core.errors import warning
from steatoscope.core.image import Volume
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import Organs

if TYPE_CHECKING:
    from steatoscope.learning.inference.organ_volume import FoundOrgan
    from steatoscope.science.segment.mr import MRLiver

CLASSICAL = "the classical finder"
SURE_NETWORK = 0.8


@dataclass(frozen=True, eq=False)
class NetworkMR:
    """The MR segmenter's port with a network behind it."""

    model: ModelFolder

    def __call__(self, anatomy: Volume, pdff: Volume | None) -> Organs:
        """The liver on a magnitude volume, with the fat map (percent) where there is one."""
        from steatoscope.learning.inference.mr_segmenter import segment_mr
        from steatoscope.science.segment.mr import find_mr_liver

        return mr_organs(segment_mr(anatomy, self.model), find_mr_liver(anatomy, pdff), self.model)


def mr_organs(found: FoundOrgan, classical: MRLiver, model: ModelFolder) -> Organs:
    """The network's liver where both agree or it is sure; else the classical one, with a remark."""
    agreed = overlap(found.mask, classical.mask)
    trusted = found.mask is not None and (
        classical.mask is None or (agreed or 0.0) >= AGREED_DICE or found.confidence >= SURE_NETWORK
    )
    if not trusted:
        return _fallback(found, classical, agreed)
    return Organs(
        liver=found.mask,
        method=f"{model.name} {model.version}",
        confidence=found.confidence,
        notes=disagreement(agreed, CLASSICAL),
        model=model.part(),
    )


def _fallback(found: FoundOrgan, classical: MRLiver, agreed: float | None) -> Organs:
    if classical.mask is None:
        said = ()
    elif found.mask is None:
        said = (warning("W_MASK", f"The network found no liver; only {CLASSICAL} did."),)
    else:
        said = disagreement(agreed, CLASSICAL)
    return Organs(
        liver=classical.mask,
        method=CLASSICAL_MR,
        confidence=classical.confidence,
        notes=(*said, *mask_notes(classical.notes)),
    )
