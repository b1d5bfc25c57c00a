"""What a detector's ``entry.json`` settings say, as one typed value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How a detector's graphs belong together.

    ``canvas`` is (rows, columns); ``kind`` says how a picture is prepared. ``labels`` name the regions and
    ``label_segments`` the segment of each label (None: it has none). ``anchors`` are root areas in canvas pixels for
    each stride, ``ratios`` heights over widths, ``canonical`` the size pooled from the coarsest map. ``candidates``
    per map survive to ``proposals`` per view at ``proposal_nms``. ``components`` are limits at which connected parts
    of a segment become proposals too; ``rescore`` holds the logistic weights of a region's evidence and the intercept
    (empty: box scores stay), ``organ`` the segment of the organ.
    Regions below ``score`` are dropped, ``nms`` and ``most`` limit the rest; ``operating`` is the score from which a
    region is reported.
    """

    kind: str
    canvas: tuple[int, int]
    labels: tuple[str, ...]
    label_segments: tuple[int | None, ...]
    segments: tuple[str, ...]
    strides: tuple[int, ...]
    anchors: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...]
    canonical: float
    candidates: int
    proposals: int
    proposal_nms: float
    nms: float
    most: int
    score: float
    operating: float
    components: tuple[float, ...] = ()
    rescore: tuple[float, ...] = ()
    organ: int | None = None
    flip: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> DetectorSettings:
        """The ``detector`` part of a model's settings; raises KeyError or TypeError where it is incomplete."""
        return cls(**{name: _frozen(value) for name, value in settings["detector"].items()})

    def document(self) -> dict[str, Any]:
        """JSON-ready, the inverse of :meth:`of`."""
        return {"detector": asdict(self)}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
