"""What a preview takes and answers."""

from __future__ import annotations

from typing import Any

from flask_openapi3 import FileStorage
from pydantic import BaseModel, ConfigDict, Field

from steatoscope.apps.web.uploads.schemas_parts import MODALITY


class PreviewForm(BaseModel):
    """The first bytes of files (up to 256 KiB of each) under their names."""

    model_config = ConfigDict(arbitrary_types_allowed=True, json_schema_extra={"required": ["files"]})

    files: list[FileStorage] = Field(default_factory=list, json_schema_extra={"minItems": 1})
    sizes: Any = Field(
        default=None,
        json_schema_extra={"type": "string"},
        description="The whole sizes in bytes, a JSON array in the order of the files.",
    )
    modality: Any = Field(default=None, json_schema_extra={"type": "string"}, description="us, ct or mr.")
    subject: Any = Field(
        default=None, json_schema_extra={"type": "string"}, description="The subject code that will be sent."
    )


class PreviewQuery(BaseModel):
    """The modality that the sender states."""

    modality: str | None = Field(default=None, pattern=MODALITY)


class RemarkOut(BaseModel):
    """A thing to know of a file; ``refused`` where the file will not be taken."""

    code: str
    words: str
    refused: bool = False


class FilePreview(BaseModel):
    """One file. Sizes in pixels and mm; times in ms."""

    name: str
    kind: str
    refused: bool
    modality: str | None = None
    series: str | None = None
    series_uid: str | None = None
    study_date: str | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int | None = None
    pixel_mm: list[float] | None = None
    slice_mm: float | None = None
    maker: str | None = None
    model: str | None = None
    kvp: float | None = None
    contrast: str | None = None
    echo_ms: float | None = None
    field_t: float | None = None
    remarks: list[RemarkOut] = Field(default_factory=list)


class SeriesPreview(BaseModel):
    """One DICOM series among the files."""

    uid: str
    modality: str | None = None
    description: str | None = None
    files: int
    echo_times_ms: list[float] = Field(default_factory=list)


class WhoPreview(BaseModel):
    """The patient: the code that will be used, and name, number and birth date only where identity is kept."""

    subject: str | None = None
    kept: bool = False
    name: str | None = None
    patient_id: str | None = None
    birth_date: str | None = None
    words: str = ""


class PreviewAnswer(BaseModel):
    """Files, series, the patient, and remarks on the study as a whole.

    ``similar_subject`` names a patient whose code differs from the given one in capital letters only.
    """

    files: list[FilePreview]
    series: list[SeriesPreview]
    patient: WhoPreview
    remarks: list[RemarkOut]
    similar_subject: str | None = None
