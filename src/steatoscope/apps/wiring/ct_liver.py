"""CT organs: the liver from the network, its neighbours and the cross-check from the classical finder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steatoscope.apps.wiring.agreement import disagreement, overlap
from steatoscope.apps.wiring.classical import CLASSICAL_CT, mask_notes
from steatoscope.core.errors import warning
from steatoscope.core.image import Mask, Volume
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import Organs

if TYPE_CHECKING:
    from steatoscope.learning.inference.organ_volume import FoundOrgan
    from steatoscope.science.segment.ct import CTOrgans

CLASSICAL = "the classical finder"
FALLBACK_CONFIDENCE = 0.7
SHARED_AT_MOST = 0.3


@dataclass(frozen=True, eq=False)
class NetworkCT:
    """The CT segmenter's port with a network behind it."""

    model: ModelFolder

    def __call__(self, volume: Volume) -> Organs:
        """Organs of a volume in HU."""
        from steatoscope.learning.inference.ct_segmenter import segment_ct
        from steatoscope.science.segment.ct import find_ct_organs

        return ct_organs(volume, segment_ct(volume, self.model), find_ct_organs(volume), self.model)


def ct_organs(volume: Volume, found: FoundOrgan, classical: CTOrgans, model: ModelFolder) -> Organs:
    """The network's liver beside the classical neighbours; the classical liver where the network found none."""
    if found.mask is None:
        return _fallback(classical)
    spleen = _beside(classical.spleen, found.mask)
    kidney = _beside(classical.kidney, found.mask)
    agreed = overlap(found.mask, classical.liver)
    return Organs(
        liver=found.mask,
        spleen=spleen,
        kidney=kidney,
        method=f"{model.name} {model.version}",
        hu=_attenuations(volume, found.mask, classical, spleen=spleen, kidney=kidney, agreed=agreed),
        confidence=found.confidence,
        notes=(*disagreement(agreed, CLASSICAL), *mask_notes(classical.notes if agreed is None else ())),
        model=model.part(),
        neighbours=CLASSICAL_CT,
    )


def _fallback(classical: CTOrgans) -> Organs:
    """The classical organs with a remark; no liver where the classical finder alone is not sure of it."""
    confidence = classical.confidence.get("liver", 0.0)
    sure = classical.liver is not None and confidence >= FALLBACK_CONFIDENCE
    rest = "." if sure else f", and not surely (confidence {confidence:.0%}): nothing is measured on it."
    said = f"The network found no liver; only {CLASSICAL} did{rest}"
    notes = (warning("W_MASK", said),) if classical.liver is not None else ()
    return Organs(
        liver=classical.liver if sure else None,
        spleen=classical.spleen,
        kidney=classical.kidney,
        method=CLASSICAL_CT,
        hu=classical.hu,
        confidence=confidence,
        notes=(*notes, *mask_notes(classical.notes)),
    )


def _beside(organ: Mask | None, liver: Mask) -> Mask | None:
    """An organ without the liver's voxels; None where the liver takes much of it: then it was the liver."""
    if organ is None or not organ.any():
        return None
    rest = organ & ~liver
    return rest if rest.sum() >= (1.0 - SHARED_AT_MOST) * organ.sum() else None


def _attenuations(
    volume: Volume, liver: Mask, classical: CTOrgans, *, spleen: Mask | None, kidney: Mask | None, agreed: float | None
) -> Mapping[str, float | None]:
    """HU for the contrast gate: the network's liver, the classical neighbours that still stand, its liver's vessels."""
    return {
        "aorta": classical.hu["aorta"],
        "spleen": None if spleen is None else classical.hu["spleen"],
        "kidney": None if kidney is None else classical.hu["kidney"],
        "portal": classical.hu["portal"] if agreed else None,
        "liver": float(np.median(volume.data[liver])),
    }
