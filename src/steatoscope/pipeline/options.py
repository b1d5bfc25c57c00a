"""What a caller may choose for one analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steatoscope.core.image import Modality


@dataclass(frozen=True, slots=True)
class AnalyseOptions:
    """Choices for one study; the defaults are those of the command line.

    ``profile`` names the grade limits (None: the default of the scale). ``clinical`` holds validated clinical values,
    ``previous`` earlier report documents of the same patient. ``spectrum`` names the fat spectrum of MR fits.
    """

    subject: str | None = None
    modality: Modality | None = None
    views: Mapping[str, Path] = field(default_factory=dict)
    series: str | None = None
    profile: str | None = None
    liver_mask: Path | None = None
    model: str | None = None
    clinical: Mapping[str, Any] = field(default_factory=dict)
    previous: tuple[Mapping[str, Any], ...] = ()
    spectrum: str = "hamilton2011_6"
    level: float = 0.9
    seed: int = 0
