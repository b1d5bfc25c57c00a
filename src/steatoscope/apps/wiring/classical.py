"""Classical adapters: organs by intensity, position and morphology; ultrasound by its scan sector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Mask, Volume
from steatoscope.core.report import RegionPart
from steatoscope.pipeline.ports import SECTOR_METHOD, Organs, PreparedView

if TYPE_CHECKING:
    from steatoscope.science.segment.ct import CTOrgans

CLASSICAL_CT = "classical: attenuation, position and morphology"
CLASSICAL_MR = "classical: signal, fat map, position and morphology"


def ct_segmenter(volume: Volume) -> Organs:
    """Organs on CT by :func:`steatoscope.science.segment.ct.find_ct_organs`."""
    from steatoscope.science.segment.ct import find_ct_organs

    return classical_ct(find_ct_organs(volume))


def classical_ct(found: CTOrgans) -> Organs:
    """What the classical finder found, as the port tells it."""
    return Organs(
        liver=found.liver,
        spleen=found.spleen,
        kidney=found.kidney,
        method=CLASSICAL_CT,
        hu=found.hu,
        confidence=found.confidence.get("liver", 0.0),
        notes=mask_notes(found.notes),
    )


def mr_segmenter(anatomy: Volume, pdff: Volume | None) -> Organs:
    """The liver on MR by :func:`steatoscope.science.segment.mr.find_mr_liver`."""
    from steatoscope.science.segment.mr import find_mr_liver

    found = find_mr_liver(anatomy, pdff)
    return Organs(
        liver=found.mask,
        method=CLASSICAL_MR,
        confidence=found.confidence,
        notes=mask_notes(found.notes),
    )


def mask_notes(notes: Sequence[str]) -> tuple[QualityCode, ...]:
    """A segmenter's remarks as ``W_MASK``."""
    return tuple(warning("W_MASK", note) for note in notes)


def us_segmenter(view: PreparedView) -> Organs:
    """The whole scan sector stands for the liver: nothing is delineated within it."""
    return Organs(liver=view.tissue[None], method=SECTOR_METHOD, confidence=float(view.sector.confidence))


def localiser(fat_map: Volume, liver: Mask, threshold_percent: float) -> Sequence[RegionPart]:
    """Fatty and spared regions of a local fat map, by their departure from the liver's median."""
    from steatoscope.science.segment.regions import fatty_regions

    return fatty_regions(fat_map, liver, threshold_percent)
