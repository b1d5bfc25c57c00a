"""What a caller may ask of the readers: which modality, which series, which views, and how much memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from steatoscope.core.image import Modality

MAX_SIDE = 4096
MAX_BYTES = 2 * 1024**3


def _no_views() -> Mapping[str, Path]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options of one reading.

    ``modality`` settles what headers leave open; ``series`` names the series to measure by its SeriesInstanceUID.
    ``views`` maps ultrasound view names (``AR``, ``HR``) to paths. Images of more than ``max_side`` pixels a side, or
    of more than ``max_bytes`` bytes once unpacked, are refused before they are decoded. ``allow_eight_bit`` accepts
    eight-bit CT and MR, which hold no Hounsfield units or signal, for classifiers that need none.
    """

    modality: Modality | None = None
    series: str | None = None
    views: Mapping[str, Path] = field(default_factory=_no_views)
    max_side: int = MAX_SIDE
    max_bytes: int = MAX_BYTES
    allow_eight_bit: bool = False
