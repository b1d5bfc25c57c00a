"""Patients, timelines and agreement as the API shows them."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from steatoscope.apps.web.worklist.cohort import IntervalItem
from steatoscope.apps.web.worklist.listing import Identity, StudyItem
from steatoscope.apps.web.worklist.query import Identifier, Text

Modality = Literal["US", "CT", "MR"]


class PatientsQuery(BaseModel):
    """A page of patients."""

    q: Text | None = Field(default=None, description="Part of a subject code; with identity also of a name")
    page: int = Field(default=1, ge=1, le=1_000_000)
    per_page: int = Field(default=25, ge=1, le=200)


class PatientPath(BaseModel):
    """Which patient."""

    patient_id: Identifier


class PatientItem(BaseModel):
    """One patient of the list."""

    patient_id: str
    subject: str
    identity: Identity | None
    sex: str | None
    studies: int
    latest: date | None


class PatientPage(BaseModel):
    """One page of patients."""

    items: list[PatientItem]
    page: int
    per_page: int
    total: int


class PatientDocument(BaseModel):
    """A patient with all studies, the newest first."""

    patient_id: str
    subject: str
    identity: Identity | None
    sex: str | None
    studies: list[StudyItem]


class VisitItem(BaseModel):
    """One measured study."""

    study_id: str
    on: date
    uploaded: bool = Field(description="true where the images name no day, so that `on` is the day of upload")
    modality: str
    scale: str
    method: str
    value: float
    low: float
    high: float
    level: float
    grade: str | None
    scanner: str | None
    models: list[str]
    simulated: bool


class ChangeItem(BaseModel):
    """A change with its verdict; differences are null where the visits may not be compared."""

    delta_points: float | None
    relative_percent: float | None
    repeatability_points: float | None
    verdict: str
    certain_points: float | None = Field(
        default=None, description="where the repeatability is a lower bound: called a change only above it"
    )
    basis: str | None = None


class VisitReference(BaseModel):
    """One end of a step."""

    study_id: str


class StepItem(BaseModel):
    """The change from one visit to a later one; ``same_scanner`` is null where a scanner is not known."""

    earlier: VisitReference
    later: VisitReference
    change: ChangeItem
    same_scanner: bool | None


class SlopeItem(BaseModel):
    """Points of fat a year with a 95 % interval, and the verdict: rising, falling or no measurable trend."""

    points_per_year: float
    interval: IntervalItem
    visits: int
    verdict: str
    cautious: bool = Field(description="the interval takes the model's error: its repeatability is only a lower bound")


class TrackItem(BaseModel):
    """All visits on one scale."""

    scale: str
    simulated: bool
    visits: list[VisitItem]
    steps: list[StepItem]
    since_first: StepItem | None
    slope: SlopeItem | None
    cautions: list[str]


class TimelineAnswer(BaseModel):
    """A patient's visits over time; scales and simulated images stand apart."""

    patient_id: str
    subject: str
    tracks: list[TrackItem]
    cautions: list[str]


class AgreementQuery(BaseModel):
    """Which two modalities, and how many days may lie between the measurements of a patient."""

    x: Modality = "CT"
    y: Modality = "MR"
    days: int = Field(default=90, ge=0, le=3650)


class PairItem(BaseModel):
    """One patient's pair; values in percent of fat."""

    subject: str
    days: int
    x: VisitItem
    y: VisitItem


class LimitsItem(BaseModel):
    """Bland-Altman figures of x minus y in percentage points, with 95 % intervals."""

    n: int
    bias: float
    bias_interval: IntervalItem
    sd: float
    low: float
    low_interval: IntervalItem
    high: float
    high_interval: IntervalItem
    concordance: float


class AgreementItem(BaseModel):
    """All pairs on one pair of scales; ``obstacle`` says why they may not be compared."""

    scale_x: str
    scale_y: str
    simulated: bool
    pairs: list[PairItem]
    conversion: str
    obstacle: str
    limits: LimitsItem | None


class AgreementAnswer(BaseModel):
    """Agreement of two modalities."""

    x: Modality
    y: Modality
    days: int
    groups: list[AgreementItem]
