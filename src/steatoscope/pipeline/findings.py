"""What the modality-specific stages found, before it becomes a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask, Volume
from steatoscope.core.measurement import Measurement
from steatoscope.core.report import (
    BaselineItem,
    BaselinePart,
    CategoryPart,
    ExplanationPart,
    FattyAreaPart,
    LesionPart,
    ModelPart,
    PdffEquivalent,
    RegionPart,
    SegmentationPart,
    SteatosisPart,
)
from steatoscope.pipeline.outcome import Picture, ViewFindings
from steatoscope.science.uncertainty.budget import ErrorBudget


@dataclass(frozen=True, slots=True)
class FatEstimate:
    """A fat value in percent on ``scale`` with its interval bounds at ``level`` and a Normal ``sd`` in points.

    ``probabilities`` are the four grade probabilities where a model gives its own; None means Normal error around the
    value. ``steatosis`` and ``grade_set`` (labels that together hold at ``level``) likewise. ``budget`` names the
    errors behind ``sd`` where they are known one by one.
    """

    value_percent: float
    scale: str
    low: float
    high: float
    level: float
    sd: float
    method: str
    statistic: str
    pdff_equivalent: PdffEquivalent | None = None
    probabilities: Mapping[str, float] | None = None
    steatosis: SteatosisPart | None = None
    grade_set: tuple[str, ...] | None = None
    budget: ErrorBudget | None = None


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything measured on one study; ``refusal`` withholds ``fat`` from the report but keeps the rest."""

    fat: FatEstimate | None
    measurements: tuple[Measurement, ...] = ()
    segmentation: SegmentationPart = field(default_factory=SegmentationPart)
    fatty_area: FattyAreaPart | None = None
    regions: tuple[RegionPart, ...] = ()
    lesion: LesionPart | None = None
    notes: tuple[QualityCode, ...] = ()
    refusal: SteatoscopeError | None = None
    category: CategoryPart | None = None
    baseline: BaselinePart | None = None
    baseline_items: tuple[BaselineItem, ...] = ()
    explanation: ExplanationPart | None = None
    models: tuple[ModelPart, ...] = ()
    pictures: tuple[Picture, ...] = ()
    views: tuple[ViewFindings, ...] = ()
    geometry: Geometry | None = None
    masks: Mapping[str, Mask] = field(default_factory=dict)
    maps: Mapping[str, Volume] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    transforms: tuple[Mapping[str, object], ...] = ()
