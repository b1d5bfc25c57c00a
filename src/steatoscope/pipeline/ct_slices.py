"""CT slices of eight bits: regions on the liver by a model that needs no HU; nothing is measured on them."""

from __future__ import annotations

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan, Volume
from steatoscope.core.report import ExplanationPart
from steatoscope.pipeline.display import volume_pictures
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.organs import mask_files, volume_segmentation
from steatoscope.pipeline.ports import FocalFindings, Organs, Ports
from steatoscope.pipeline.progress import Tracker

GREY = (0.0, 255.0)
SURE = (0.0, 1.0)
FOCAL = "focal"


def analyse_slices(scan: CTScan, organs: Organs, ports: Ports, tracker: Tracker) -> Findings:
    """Findings without fat: eight-bit slices hold no HU. Refused where no liver was found."""
    volume = scan.volume
    with tracker.stage("localise"):
        focal = FocalFindings() if organs.liver is None else ports.ct_focal(volume, organs)
    volume_map, explanation = focal_map(volume, focal)
    return Findings(
        fat=None,
        segmentation=volume_segmentation(organs, volume.geometry, whole=False),
        notes=organs.notes,
        refusal=SteatoscopeError("E_NOLIVER") if organs.liver is None else None,
        regions=focal.regions,
        lesion=focal.lesion,
        explanation=explanation,
        models=tuple(part for part in (organs.model, focal.model) if part is not None),
        pictures=volume_pictures(
            volume,
            organs,
            GREY,
            heat=focal.heat,
            heat_title=focal.heat_title,
            heat_range=SURE,
            regions=focal.regions,
            lesions=focal.masks,
        ),
        geometry=volume.geometry,
        masks=mask_files(organs, focal.masks),
        maps=volume_map,
    )


def focal_map(volume: Volume, focal: FocalFindings) -> tuple[dict[str, Volume], ExplanationPart | None]:
    """The map of focal regions as a volume to write, and the explanation that names its file; nothing without one."""
    if focal.heat is None:
        return {}, None
    heat = Volume(np.nan_to_num(focal.heat), volume.geometry, "au")
    return {FOCAL: heat}, ExplanationPart(heatmap=f"map-{FOCAL}.nii.gz", contributions=[])
