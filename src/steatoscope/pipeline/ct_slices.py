"""CT slices of eight bits: regions on the liver by a model that needs no HU; nothing is measured on them."""

from __future__ import annotations

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan
from steatoscope.pipeline.display import volume_pictures
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.organs import mask_files, volume_segmentation
from steatoscope.pipeline.ports import FocalFindings, Organs, Ports
from steatoscope.pipeline.progress import Tracker

GREY = (0.0, 255.0)


def analyse_slices(scan: CTScan, organs: Organs, ports: Ports, tracker: Tracker) -> Findings:
    """Findings without fat: eight-bit slices hold no HU. Refused where no liver was found."""
    volume = scan.volume
    with tracker.stage("localise"):
        focal = FocalFindings() if organs.liver is None else ports.ct_focal(volume, organs)
    return Findings(
        fat=None,
        segmentation=volume_segmentation(organs, volume.geometry, whole=False),
        notes=organs.notes,
        refusal=SteatoscopeError("E_NOLIVER") if organs.liver is None else None,
        regions=focal.regions,
        lesion=focal.lesion,
        models=tuple(part for part in (organs.model, focal.model) if part is not None),
        pictures=volume_pictures(volume, organs, GREY, regions=focal.regions, lesions=focal.masks),
        geometry=volume.geometry,
        masks=mask_files(organs, focal.masks),
    )
