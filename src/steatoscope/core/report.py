"""The report (``steatoscope.report/1``): the product's result as typed, validated JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = "steatoscope.report/1"
INTENDED_USE = (
    "Research and decision-support software that estimates the amount of fat in the liver from ultrasound, CT or MR "
    "images of adults, shows where and how it measured, and states its uncertainty. It does not diagnose. A qualified "
    "clinician must review the images and every result. Not for children, pregnancy, acute care, donor selection, "
    "treatment decisions on its own, or any use where an erroneous value could by itself cause harm. Not a medical "
    "device; not cleared or certified by any authority."
)

FatScale = Literal["histology", "pdff", "mrs_pdff", "dixon_sff", "ct_pdff_equiv", "us_model"]
GradeLabel = Literal["normal", "mild", "moderate", "severe"]
Status = Literal["ok", "warn", "refused"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class IntervalPart(_Part):
    """A two-sided interval at ``level`` (0-1)."""

    low: float
    high: float
    level: float


class InputPart(_Part):
    """A file, folder or series that was read."""

    path: str
    sha256: str
    kind: str
    frames: int
    view: str | None = None


class PdffEquivalent(_Part):
    """An approximate conversion to the PDFF scale, for display only."""

    value_percent: float
    interval: IntervalPart | None
    conversion: str


class FatPart(_Part):
    """The measured fat content in percent, on a named scale."""

    value_percent: float
    scale: FatScale
    interval: IntervalPart
    method: str
    statistic: str
    pdff_equivalent: PdffEquivalent | None = None


class SteatosisPart(_Part):
    """The probability of any steatosis (at or above the first limit of the grade profile)."""

    probability: float
    threshold: float
    positive: bool


class GradePart(_Part):
    """The grade with the limits that it comes from.

    ``set`` holds the labels that reach ``level`` together, or a model's calibrated set that holds the true grade in
    ``level`` of cases.
    """

    label: GradeLabel
    index: int
    profile: str
    limits: list[float]
    probabilities: dict[str, float]
    set: list[str]
    level: float


class FattyAreaPart(_Part):
    """The share of the liver whose local fat lies above a threshold (percent of fat)."""

    percent_of_liver: float
    threshold: float
    method: str


class SegmentPart(_Part):
    """One organ mask; ``mask`` is the file name in the output folder."""

    mask: str
    area_mm2: float | None = None
    volume_ml: float | None = None
    fraction_of_view: float | None = None
    method: str


class SegmentationPart(_Part):
    """Masks that the measurement used."""

    liver: SegmentPart | None = None
    spleen: SegmentPart | None = None
    kidney: SegmentPart | None = None


class RegionPart(_Part):
    """A region on the liver; ``box`` is (x0, y0, x1, y1, slice or frame) in pixels."""

    kind: Literal["fatty", "spared", "lesion"]
    box: tuple[int, int, int, int, int]
    score: float
    size_mm2: float | None = None
    size_ml: float | None = None
    size_px: int | None = None
    detector: str


class LesionPart(_Part):
    """Class of a focal lesion, where a claim is made at all."""

    label: Literal["normal", "benign", "malignant"]
    probabilities: dict[str, float]


class MeasurementPart(_Part):
    """A further measured value."""

    name: str
    value: float | None
    unit: str
    interval: IntervalPart | None = None
    method: str
    quality: str


class BaselinePart(_Part):
    """Comparison with a healthy or general population."""

    reference: str
    percentile: float | None
    z: float | None
    healthy_upper_limit: float | None
    text: str


class ChangePart(_Part):
    """Comparison with an earlier report of the same patient, scale and method."""

    previous: str
    delta_points: float | None
    relative_percent: float | None
    repeatability_points: float | None
    verdict: str


class ClinicalPart(_Part):
    """Clinical scores and classification criteria."""

    scores: list[dict[str, Any]]
    masld: dict[str, Any] | None


class Contribution(_Part):
    """How many points of fat a feature added."""

    feature: str
    value: float
    effect_points: float


class ExplanationPart(_Part):
    """Why the value is what it is; ``heatmap`` is a file name."""

    heatmap: str | None
    contributions: list[Contribution]


class CodePart(_Part):
    """A quality remark."""

    code: str
    message: str


class QualityPart(_Part):
    """Whether the result may be used."""

    status: Status
    codes: list[CodePart]


class ModelPart(_Part):
    """A model or equation set that took part."""

    name: str
    version: str
    sha256: str
    card: str


class ProvenancePart(_Part):
    """Versions, configuration, seeds and the digest of the report."""

    version: str
    config: dict[str, Any]
    seeds: dict[str, int]
    report_digest: str
    created: str


class CategoryPart(_Part):
    """What may still be said of a refused CT."""

    label: Literal["likely_moderate_or_more", "indeterminate", "unlikely"]
    rule: str


class ErrorPart(_Part):
    """The coded error of a refused report."""

    code: str
    message: str
    cause: str
    remedy: str
    path: str | None = None


class Report(_Part):
    """One study's result."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    schema_: Literal["steatoscope.report/1"] = Field(default="steatoscope.report/1", alias="schema")
    subject: str
    modality: Literal["US", "CT", "MR"]
    inputs: list[InputPart]
    error: ErrorPart | None = None
    category: CategoryPart | None = None
    fat: FatPart | None
    steatosis: SteatosisPart | None
    grade: GradePart | None
    fatty_area: FattyAreaPart | None
    segmentation: SegmentationPart
    regions: list[RegionPart]
    lesion: LesionPart | None
    measurements: list[MeasurementPart]
    baseline: BaselinePart | None
    change: ChangePart | None
    clinical: ClinicalPart | None
    explanation: ExplanationPart | None
    quality: QualityPart
    models: list[ModelPart]
    provenance: ProvenancePart
    timings_ms: dict[str, float]
    intended_use: str = INTENDED_USE

    def document(self) -> dict[str, Any]:
        """The report as JSON-ready data; ``error`` and ``category`` are left out where they do not apply."""
        data = self.model_dump(mode="json", by_alias=True)
        for name in ("error", "category"):
            if data[name] is None:
                del data[name]
        return data


def report_digest(document: dict[str, Any]) -> str:
    """SHA-256 of a report as sorted JSON, without its digest, paths, timings and dates.

    The same input on the same kind of machine gives the same digest.
    """
    data = json.loads(json.dumps(document))
    data.pop("timings_ms", None)
    for name in ("report_digest", "created"):
        data.get("provenance", {}).pop(name, None)
    _drop_paths(data)
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _drop_paths(node: Any) -> None:
    if isinstance(node, dict):
        node.pop("path", None)
        for value in node.values():
            _drop_paths(value)
    elif isinstance(node, list):
        for value in node:
            _drop_paths(value)
