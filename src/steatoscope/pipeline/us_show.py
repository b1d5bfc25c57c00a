"""What an ultrasound report shows: outlines with their sizes, mask files, and one picture of every view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.core.report import SegmentationPart, SegmentPart
from steatoscope.pipeline.outcome import Picture, ViewFindings
from steatoscope.pipeline.ports import SECTOR_METHOD, FocalFindings, Organs, PreparedView, ViewReading

HEAT_TITLE = "Where the estimate comes from, points of fat"
STEPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
MOST_SHOWN_PERCENTILE = 99.0


@dataclass(frozen=True, eq=False)
class ShownView:
    """One view with all that was found on it; ``reading`` is None where the fat value is refused."""

    view: PreparedView
    organs: Organs
    focal: FocalFindings
    reading: ViewReading | None

    @property
    def frame(self) -> int:
        """The place, in the view's frames, of the frame to show: that of the surest focal region, else the first."""
        if not self.focal.regions:
            return 0
        best = max(self.focal.regions, key=lambda region: region.score)
        return self.view.chosen.index(best.box[4])


def segmentation(views: Sequence[ShownView]) -> SegmentationPart:
    """Liver and kidney of the first view."""
    if not views:
        return SegmentationPart()
    first = views[0]
    organs = {"liver": first.organs.liver, "kidney": first.organs.kidney}
    return SegmentationPart(**{name: _part(first, name, mask) for name, mask in organs.items()})


def _part(shown: ShownView, name: str, mask: Mask | None) -> SegmentPart | None:
    if mask is None or not mask.any():
        return None
    size, pixel = float(mask.sum()), shown.view.pixel_mm
    return SegmentPart(
        mask=f"mask-{name}.png",
        area_mm2=None if pixel is None else size * pixel[0] * pixel[1],
        fraction_of_view=round(size / float(max(shown.view.sector.mask.sum(), 1)), 6),
        method=_method(shown.organs, name),
    )


def _method(organs: Organs, name: str) -> str:
    """How an organ was found; where the sector stands in for the liver, the kidney is still the network's."""
    if name == "liver":
        return organs.method
    if organs.model is None:
        return organs.neighbours or organs.method
    return f"{organs.model.name} {organs.model.version}"


def mask_files(views: Sequence[ShownView]) -> dict[str, Mask]:
    """Masks (1, rows, columns) to write: organs, and focal regions by frame; names carry the view from the second."""
    files: dict[str, Mask] = {}
    for number, shown in enumerate(views):
        tail = "" if number == 0 else f"-{(shown.view.name or str(number)).lower()}"
        for name, mask in (("liver", shown.organs.liver), ("kidney", shown.organs.kidney)):
            if mask is not None and mask.any():
                files[f"{name}{tail}"] = mask
        for frame, plane in shown.focal.masks.items():
            files[f"lesion{tail}-frame{frame + 1}"] = plane[None]
    return files


def pictures(views: Sequence[ShownView]) -> tuple[Picture, ...]:
    """One picture a view."""
    return tuple(_picture(shown) for shown in views)


def _picture(shown: ShownView) -> Picture:
    view, organs, reading, place = shown.view, shown.organs, shown.reading, shown.frame
    outlined = organs.method != SECTOR_METHOD
    rows, columns = view.pixel_mm or (1.0, 1.0)
    number = view.chosen[place]
    title = f"View {view.name}, frame {number + 1}" if view.name else f"Frame {number + 1}"
    heat = None if reading is None else reading.heat
    sites = () if reading is None else tuple((site.name, site.box) for site in reading.sites if site.frame == place)
    regions = [region for region in shown.focal.regions if region.box[4] == number]
    return Picture(
        title=title,
        grey=np.where(view.sector.mask, view.frames[place], 0).astype(np.uint8),
        liver=organs.liver[0] if outlined and organs.liver is not None else None,
        kidney=None if organs.kidney is None else organs.kidney[0],
        sector=None if outlined else view.sector.mask,
        lesions=shown.focal.masks.get(number),
        heat=heat,
        heat_title=_heat_title(reading),
        heat_range=symmetric_range(heat),
        boxes=tuple((region.kind, region.box[:4], region.score) for region in regions),
        sites=sites,
        pixel_aspect=rows / columns,
    )


def view_findings(views: Sequence[ShownView]) -> tuple[ViewFindings, ...]:
    """What was found on every view, for a viewer of all of its frames."""
    return tuple(_view_findings(shown) for shown in views)


def _view_findings(shown: ShownView) -> ViewFindings:
    view, organs, reading = shown.view, shown.organs, shown.reading
    heat = None if reading is None else reading.heat
    sites = () if reading is None else reading.sites
    return ViewFindings(
        view=view.number,
        frames=view.chosen,
        area=view.sector.mask,
        outlined=organs.method != SECTOR_METHOD,
        liver=None if organs.liver is None else organs.liver[0],
        kidney=None if organs.kidney is None else organs.kidney[0],
        heat=heat,
        heat_title=_heat_title(reading),
        heat_range=symmetric_range(heat),
        regions=shown.focal.regions,
        focal=shown.focal.masks,
        sites=tuple((view.chosen[site.frame], site.name, site.box) for site in sites),
        shown=view.chosen[shown.frame],
    )


def _heat_title(reading: ViewReading | None) -> str:
    return (reading.heat_title if reading is not None else "") or HEAT_TITLE


def symmetric_range(heat: NDArray[np.float32] | None) -> tuple[float, float]:
    """Limits of the colour scale around 0: a round number that 99 of 100 places do not pass."""
    if heat is None or not np.isfinite(heat).any():
        return -STEPS[0], STEPS[0]
    most = float(np.nanpercentile(np.abs(heat), MOST_SHOWN_PERCENTILE))
    reach = next((step for step in STEPS if step >= most), STEPS[-1])
    return -reach, reach
