"""What the upload addresses take and answer."""

from __future__ import annotations

from typing import Any, Final

from flask_openapi3 import FileStorage
from pydantic import BaseModel, ConfigDict, Field

_TEXT: Final[dict[str, Any]] = {"type": "string"}


class StudyForm(BaseModel):
    """One study. Views and clinical values are JSON texts; everything but the files may be left out."""

    model_config = ConfigDict(arbitrary_types_allowed=True, json_schema_extra={"required": ["files"]})

    files: list[FileStorage] = Field(
        default_factory=list,
        json_schema_extra={"minItems": 1},
        description="The files; names may carry folders. A zip is unpacked.",
    )
    subject: Any = Field(default=None, json_schema_extra=_TEXT, description="Subject code, at most 80 characters.")
    views: Any = Field(
        default=None, json_schema_extra=_TEXT, description='{"a.png": "AR"}, or repeated texts such as AR=a.png.'
    )
    clinical: Any = Field(
        default=None,
        json_schema_extra=_TEXT,
        description="Clinical values: a JSON object, a FHIR R4 Bundle or CSV of one row.",
    )
    modality: Any = Field(default=None, json_schema_extra=_TEXT, description="us, ct or mr; needed for NIfTI.")
    profile: Any = Field(default=None, json_schema_extra=_TEXT, description="Grade profile.")
    series: Any = Field(default=None, json_schema_extra=_TEXT, description="SeriesInstanceUID to measure.")
    description: Any = Field(default=None, json_schema_extra=_TEXT, description="At most 200 characters.")
    force: Any = Field(default=None, json_schema_extra=_TEXT, description="true: take equal content again.")


class LeftOutFile(BaseModel):
    """A file that is not part of the study, and why."""

    name: str
    reason: str


class Accepted(BaseModel):
    """The study and the job that analyses it; ``duplicate`` where both were there already.

    ``similar_subject`` names another patient, whose code differs from the one sent in capital letters only.
    """

    study_id: str
    job_id: str
    subject: str
    duplicate: bool = False
    duplicate_of: str | None = None
    similar_subject: str | None = None
    left_out: list[LeftOutFile] = Field(default_factory=list)
    status_url: str
    page_url: str
