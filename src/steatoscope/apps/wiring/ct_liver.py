"""CT organs: the liver from the network, its neighbours and the cross-check from the classical finder.

A network answers on any image: a bladder or a colon may look like liver to it. Its outline is measured only where the
classical finder agrees, or where it is large, sure and no darker than unenhanced liver usually is; a wrong image thus
ends as "no liver was found".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from steatoscope.apps.wiring.agreement import disagreement, overlap, rejected, unconfirmed
from steatoscope.apps.wiring.classical import CLASSICAL_CT, classical_ct, mask_notes
from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Mask, Volume
from steatoscope.learning.inference.organ_volume import FoundOrgan
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import Organs

if TYPE_CHECKING:
    from steatoscope.science.segment.ct import CTOrgans

CLASSICAL = "the classical finder"
CONFIRMED_DICE = 0.5
SURE_CONFIRMED, SURE_ALONE, SURE_CLASSICAL = 0.75, 0.9, 0.7
LARGE_ML, LARGE_CM2 = 250.0, 60.0
FEW_SLICES, FEW_CM2, FEW_DICE, FEW_DARK_CM2 = 5, 30.0, 0.75, 90.0
SMALL_ML, TALL_MM = 400.0, 90.0
DARK_HU = 20.0
SHARED_AT_MOST = 0.3
TURNS = ((True, False), (True, True), (False, True))

Find = Callable[[Volume], FoundOrgan]


@dataclass(frozen=True, eq=False)
class NetworkCT:
    """The CT segmenter's port with a network behind it."""

    model: ModelFolder

    def __call__(self, volume: Volume) -> Organs:
        """Organs of a volume in HU."""
        from steatoscope.learning.inference.liver_segmenter import segment_liver
        from steatoscope.science.segment.ct import find_ct_organs

        return ct_organs(volume, lambda seen: segment_liver(seen, self.model), find_ct_organs(volume), self.model)


def ct_organs(volume: Volume, find: Find, classical: CTOrgans, model: ModelFolder) -> Organs:
    """The network's liver where it stands up to the cross-check, else a large and sure classical one, else none."""
    found, turned = _either_way(volume, find, classical)
    agreed = overlap(found.mask, classical.liver)
    if found.mask is None or not credible(volume, found, agreed):
        return _without_network(volume, found, classical)
    spleen, kidney = (_beside(organ, found.mask) for organ in (classical.spleen, classical.kidney))
    portal = classical.hu["portal"] if (agreed or 0.0) >= CONFIRMED_DICE else None
    return Organs(
        liver=found.mask,
        spleen=spleen,
        kidney=kidney,
        method=f"{model.name} {model.version}",
        hu={
            "aorta": classical.hu["aorta"],
            "spleen": None if spleen is None else classical.hu["spleen"],
            "kidney": None if kidney is None else classical.hu["kidney"],
            "portal": portal,
            "liver": float(np.median(volume.data[found.mask])),
        },
        confidence=found.confidence,
        notes=(
            *disagreement(agreed, CLASSICAL),
            *_small(found.mask, volume),
            *(mask_notes(classical.notes) if turned else ()),
        ),
        model=model.part(),
        neighbours=CLASSICAL_CT,
    )


def _either_way(volume: Volume, find: Find, classical: CTOrgans) -> tuple[FoundOrgan, bool]:
    """The network's liver, its ends of another level cut off; sought anew on the image turned over in its plane where
    the classical finder, which looks for the spine, says that it is stored upside down.
    """
    best = _level(find(volume), volume)
    if classical.liver is None or not classical.notes:
        return best, False
    ways = [(best, False)]
    for rows, columns in TURNS:
        flip = np.s_[:, :: -1 if rows else 1, :: -1 if columns else 1]
        seen = find(replace(volume, data=np.ascontiguousarray(volume.data[flip])))
        mask = None if seen.mask is None else np.ascontiguousarray(seen.mask[flip])
        ways.append((_level(replace(seen, mask=mask), volume), True))
    return max(ways, key=lambda way: overlap(way[0].mask, classical.liver) or 0.0)


def _level(found: FoundOrgan, volume: Volume) -> FoundOrgan:
    from steatoscope.science.segment.ct_level import of_one_level

    return found if found.mask is None else replace(found, mask=of_one_level(found.mask, volume.data))


def credible(volume: Volume, found: FoundOrgan, agreed: float | None) -> bool:
    """Whether an outline may be measured on: confirmed by the other method, or large and sure by itself.

    On fewer than five slices bowel, bladder or muscle may pass for liver to both methods, so more is asked.
    """
    assert found.mask is not None
    usual = float(np.median(volume.data[found.mask])) >= DARK_HU
    few = volume.data.shape[0] < FEW_SLICES and volume.geometry.known
    if few and _largest_cm2(found.mask, volume) < (FEW_CM2 if usual else FEW_DARK_CM2):
        return False
    if (agreed or 0.0) >= (FEW_DICE if few else CONFIRMED_DICE):
        return found.confidence >= SURE_CONFIRMED
    return usual and found.confidence >= SURE_ALONE and _large(found.mask, volume)


def _small(mask: Mask, volume: Volume) -> tuple[QualityCode, ...]:
    """``W_MASK`` where a tall stack shows less liver than an adult has: the spleen of a mirrored image, for example."""
    geometry = volume.geometry
    size = float(mask.sum()) * geometry.voxel_ml
    if not geometry.known or mask.shape[0] * geometry.spacing[0] < TALL_MM or size >= SMALL_ML:
        return ()
    return (warning("W_MASK", f"{size:.0f} mL is small for a liver."),)


def _largest_cm2(mask: Mask, volume: Volume) -> float:
    _, row, column = volume.geometry.spacing
    return float(mask.reshape(mask.shape[0], -1).sum(axis=1).max()) * row * column / 100.0


def _large(mask: Mask, volume: Volume) -> bool:
    if not volume.geometry.known:
        return False
    if volume.data.shape[0] < FEW_SLICES:
        return _largest_cm2(mask, volume) >= LARGE_CM2
    return float(mask.sum()) * volume.geometry.voxel_ml >= LARGE_ML


def _without_network(volume: Volume, found: FoundOrgan, classical: CTOrgans) -> Organs:
    """The classical organs with a remark; no liver where that outline is small or unsure, or both contradict."""
    organs = classical_ct(classical)
    if classical.liver is None:
        alone = () if found.mask is None else (unconfirmed(found.confidence, CLASSICAL),)
        return replace(organs, notes=(*alone, *organs.notes))
    sure = organs.confidence >= SURE_CLASSICAL and _large(classical.liver, volume)
    said = f"Only {CLASSICAL} found a liver, the network did not confirm it"
    if sure:
        return replace(organs, notes=(warning("W_MASK", f"{said}."), *organs.notes))
    note = rejected(f"{said}; it is too small or too unsure to measure on.")
    return replace(organs, liver=None, hu={**organs.hu, "liver": None, "portal": None}, notes=(note, *organs.notes))


def _beside(organ: Mask | None, liver: Mask) -> Mask | None:
    """An organ without the liver's voxels; None where the liver takes much of it: then it was the liver."""
    if organ is None or not organ.any():
        return None
    rest = organ & ~liver
    return rest if rest.sum() >= (1.0 - SHARED_AT_MOST) * organ.sum() else None
