"""What the addresses of resumable uploads take and answer."""

from __future__ import annotations

from typing import Annotated, Any, Final

from flask_openapi3 import RawModel
from pydantic import BaseModel, Field, StrictBool, StrictInt, StringConstraints

from steatoscope.science.clinical.grades import PROFILES

_Name = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
MODALITY: Final = r"^([uU][sS]|[cC][tT]|[mM][rR])?$"
_Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class AnnouncedFile(BaseModel):
    """A file that will be sent: its name, which may carry folders, and its size in bytes."""

    name: _Name
    size: StrictInt = Field(ge=0, le=1 << 40)


class Announcement(BaseModel):
    """The files of one study."""

    files: list[AnnouncedFile] = Field(min_length=1, max_length=20_000)


class UploadPath(BaseModel):
    """An upload."""

    upload_id: _Id


class PartPath(UploadPath):
    """One file of an upload by its number in the announcement, from 0."""

    number: int = Field(ge=0, lt=20_000)


class PartQuery(BaseModel):
    """Where in the file the part starts."""

    offset: int = Field(ge=0, le=1 << 40)


class PartBody(RawModel):
    """The bytes of a part."""

    mimetypes = ["application/octet-stream"]  # noqa: RUF012


class FileState(BaseModel):
    """One file and the bytes of it that have arrived; ``name`` is the safe name that views refer to."""

    number: int
    name: str
    size: int
    received: int


class UploadState(BaseModel):
    """An upload: ``open`` until it is a study (``done``), the largest part it takes, and its files."""

    upload_id: str
    state: str
    part_bytes: int
    files: list[FileState]
    study_id: str | None = None


class UploadList(BaseModel):
    """One's own open uploads, newest first."""

    uploads: list[UploadState]


class PartTaken(BaseModel):
    """What has arrived of a file."""

    number: int
    received: int
    size: int


class CommitBody(BaseModel):
    """What is said of the study; everything may be left out."""

    subject: str | None = Field(default=None, max_length=80)
    views: dict[_Name, Annotated[str, StringConstraints(min_length=1, max_length=2000)]] | None = None
    clinical: dict[str, Any] | None = None
    modality: str | None = Field(default=None, pattern=MODALITY)
    profile: str | None = Field(default=None, pattern=f"^({'|'.join(sorted(PROFILES))})?$")
    series: str | None = Field(default=None, max_length=64, pattern=r"^[0-9.]*$")
    description: str | None = Field(default=None, max_length=200)
    force: StrictBool = False


class Discarded(BaseModel):
    """An upload that is no longer there."""

    upload_id: str
