"""What the API of results takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

MOST_VERSIONS: Final = 1_000_000
Version = Annotated[
    int, Field(ge=1, le=MOST_VERSIONS, description="A version of the result; the newest where left out")
]
StudyId = Annotated[str, Field(min_length=1, max_length=200, description="The study")]
_TEXT: Final = r"^[^\x00]*$"  # PostgreSQL keeps no NUL in a text
Grade = Literal["normal", "mild", "moderate", "severe"]


class StudyPath(BaseModel):
    """The study in an address."""

    study_id: StudyId


class FilePath(StudyPath):
    """A file of a result in an address."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class PlanePath(StudyPath):
    """One plane of one layer of the viewer in an address."""

    layer: str = Field(min_length=1, max_length=40, pattern="^[a-z0-9-]+$")
    index: int = Field(ge=0, le=100_000)


class VersionQuery(BaseModel):
    """Which version of the result."""

    version: Version | None = None


class JobAnswer(BaseModel):
    """The newest job of a study."""

    job_id: str
    kind: str
    state: str
    stage: str
    progress: float
    error: dict[str, Any] | None = None


class ReviewAnswer(BaseModel):
    """A sign-off on one version."""

    review_id: str
    version: int
    decision: str
    grade: str | None
    comment: str
    user: str
    created_at: datetime


class ReviewList(BaseModel):
    """All sign-offs of a study, newest first."""

    study_id: str
    reviews: list[ReviewAnswer]


class VersionAnswer(BaseModel):
    """One version of a result in short."""

    version: int
    kind: Literal["machine", "corrected"]
    status: str
    fat_percent: float | None
    fat_low: float | None
    fat_high: float | None
    scale: str | None
    grade: str | None
    report_digest: str
    created_at: datetime
    correction: CorrectionAnswer | None = None


class CorrectionAnswer(BaseModel):
    """Who corrected the liver outline that a version was measured with, and over which version."""

    user: str | None
    base_version: int | None
    note: str
    created_at: datetime


class VersionList(BaseModel):
    """All versions of a study's result, newest first."""

    study_id: str
    versions: list[VersionAnswer]


class StudyAnswer(BaseModel):
    """A study with its patient's subject code, its newest job, its versions and sign-offs."""

    study_id: str
    subject: str
    identity: dict[str, Any] | None = Field(default=None, description="Only in identity mode and for who may see it")
    modality: str | None
    state: str
    description: str
    acquired_on: str | None
    created_at: datetime
    owner: str | None
    files: int
    job: JobAnswer | None
    current_version: int | None
    versions: list[VersionAnswer]
    reviews: list[ReviewAnswer]


class FileAnswer(BaseModel):
    """One file of a result."""

    name: str
    size: int
    sha256: str
    media_type: str


class FileList(BaseModel):
    """The files of one version."""

    study_id: str
    version: int
    files: list[FileAnswer]


class ReviewBody(BaseModel):
    """A sign-off: agree with a version, or amend its grade."""

    version: Version
    decision: Literal["agree", "amend"]
    grade: Grade | None = Field(default=None, description="The amended grade; needed to amend, left out to agree")
    comment: str = Field(default="", max_length=4000, pattern=_TEXT)


class EditedPlane(BaseModel):
    """The liver on one slice or frame: lengths of runs, row by row in stored order, the first of them outside."""

    index: int = Field(ge=0, le=100_000)
    runs: list[Annotated[int, Field(ge=0, le=1 << 24)]] = Field(min_length=1, max_length=1 << 20)


class MaskBody(BaseModel):
    """A corrected liver outline: the edited slices over the outline of a version; other slices stay as they are."""

    base_version: Version
    scene: str = Field(default="s0", pattern="^s[0-9]{1,3}$")
    planes: list[EditedPlane] = Field(min_length=1, max_length=5000)
    note: str = Field(default="", max_length=1000, pattern=_TEXT)


class MaskAnswer(BaseModel):
    """The job that measures again with the corrected outline."""

    study_id: str
    job_id: str
    base_version: int


VersionAnswer.model_rebuild()
