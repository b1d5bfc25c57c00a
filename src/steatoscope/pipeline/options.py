"""What a caller may choose for one analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steatoscope.core.image import Modality

if TYPE_CHECKING:
    from steatoscope.science.clinical.combined import CombinedModel
    from steatoscope.science.clinical.site_reference import SiteReference


@dataclass(frozen=True, slots=True)
class AnalyseOptions:
    """Choices for one study; the defaults are those of the command line.

    ``profile`` names the grade limits (None: the default of the scale). ``clinical`` holds validated clinical values,
    ``clinical_remarks`` what could not be taken, ``clinical_days`` the ISO day of each reading (None: not known),
    ``previous`` earlier report documents of the same patient, where it is known with the day of acquisition (ISO) under
    ``acquired``. ``reference`` is a site's own healthy reference, ``clinical_model`` its own combined
    model. ``spectrum`` names the fat spectrum of MR fits.
    """

    subject: str | None = None
    modality: Modality | None = None
    views: Mapping[str, Path] = field(default_factory=dict)
    series: str | None = None
    profile: str | None = None
    liver_mask: Path | None = None
    model: str | None = None
    clinical: Mapping[str, Any] = field(default_factory=dict)
    clinical_remarks: tuple[str, ...] = ()
    clinical_days: Mapping[str, str | None] = field(default_factory=dict)
    previous: tuple[Mapping[str, Any], ...] = ()
    reference: SiteReference | None = None
    clinical_model: CombinedModel | None = None
    spectrum: str = "hamilton2011_6"
    level: float = 0.9
    seed: int = 0
