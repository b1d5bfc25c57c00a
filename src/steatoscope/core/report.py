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


class ErrorSourcePart(_Part):
    """One known error of a fat value as an SD in points of fat.

    Sources of ``squares`` add up as squares, those of ``plain`` are bounds added to that sum.
    """

    source: str
    sd_points: float
    added: Literal["squares", "plain"] = "squares"


class FatPart(_Part):
    """The measured fat content in percent, on a named scale.

    ``error_budget`` names the errors whose sum makes the interval; null where a model learnt its interval as a whole.
    """

    value_percent: float
    scale: FatScale
    interval: IntervalPart
    method: str
    statistic: str
    pdff_equivalent: PdffEquivalent | None = None
    error_budget: list[ErrorSourcePart] | None = None


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


class BaselineItem(_Part):
    """One quantity beside its own reference, on its own scale.

    ``percentile`` (0-100) counts the people of the reference with a lower value, ``z`` is the standard (or robust)
    score; either is None where the reference cannot give it. ``quantiles`` are (percentile, value) pairs of the
    reference, for a picture; 0 and 100 are the ends of a published range, 50 its middle. ``upper_limit`` is the end of
    the healthy range in ``unit``, with its source in words; ``limits`` are all published limits, with theirs.
    """

    quantity: str
    value: float
    unit: str
    reference: str
    percentile: float | None = None
    z: float | None = None
    upper_limit: float | None = None
    upper_limit_source: str | None = None
    limits: list[tuple[float, str]] = []
    quantiles: list[tuple[float, float]] = []
    text: str


class BaselinePart(_Part):
    """Comparison with a healthy or general population; ``items`` are the single quantities."""

    reference: str
    percentile: float | None
    z: float | None
    healthy_upper_limit: float | None
    text: str
    items: list[BaselineItem] = []


class SlopePart(_Part):
    """The trend over three or more visits in points of fat a year; times are years since the first visit."""

    points_per_year: float
    interval: IntervalPart
    visits: int
    verdict: str
    years: list[float]
    values_percent: list[float]


class ChangePart(_Part):
    """Comparison with an earlier report of the same patient, scale and method.

    ``repeatability_points`` is what differs by chance in 95 % of repeats; where it is only a lower bound,
    ``certain_points`` is the change from which the verdict calls it real. ``basis`` says where both come from,
    ``cautions`` what else differs between the visits.
    """

    previous: str
    delta_points: float | None
    relative_percent: float | None
    repeatability_points: float | None
    verdict: str
    certain_points: float | None = None
    basis: str | None = None
    cautions: list[str] = []
    slope: SlopePart | None = None


class LeftOutPart(_Part):
    """A clinical score that was not computed: the missing values by key, or the reason why it does not hold."""

    key: str
    name: str
    missing: list[str]
    reason: str


class CombinedPart(_Part):
    """An estimate from the image and clinical values together, beside the measured value and never in its place.

    ``clinical_percent`` is what clinical values alone expect. ``effects`` (points of fat) add up to ``value_percent``
    minus ``base_percent``, the expectation without any input.
    """

    value_percent: float
    interval: IntervalPart
    clinical_percent: float
    clinical_interval: IntervalPart
    base_percent: float
    scale: FatScale
    model: str
    source: str
    simulated: bool
    used: list[str]
    missing: list[str]
    effects: dict[str, float]


class ClinicalPart(_Part):
    """Clinical scores, those left out, criteria of steatotic liver disease, and the combined estimate."""

    scores: list[dict[str, Any]]
    masld: dict[str, Any] | None
    omitted: list[LeftOutPart] = Field(default_factory=list)
    combined: CombinedPart | None = None


class Contribution(_Part):
    """How many points of fat a feature added."""

    feature: str
    value: float
    effect_points: float


class StartPart(_Part):
    """Where the contributions start: a value in percent of fat, and in words what it is the value of."""

    value_percent: float
    text: str


class ExplanationPart(_Part):
    """Why the value is what it is; ``heatmap`` is a file name.

    Where there is a ``start``, the contributions and it add up to the fat value.
    """

    heatmap: str | None
    contributions: list[Contribution]
    start: StartPart | None = None


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
