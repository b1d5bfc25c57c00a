"""Tables of patients, studies, series, files and resumable uploads."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from steatoscope.service.storage.base import Base, new_id, now


class Patient(Base):
    """A patient under a subject code. ``identity`` (name, patient_id, birth_date) is kept only in identity mode."""

    __tablename__ = "patients"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    subject: Mapped[str] = mapped_column(String(80), unique=True)
    identity: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    identity_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    sex: Mapped[str | None] = mapped_column(String(1))
    created_at: Mapped[datetime] = mapped_column(default=now)

    studies: Mapped[list[Study]] = relationship(back_populates="patient", cascade="all, delete-orphan")


class Study(Base):
    """One uploaded study. ``state`` is that of its newest job; ``current_result_id`` the newest version of its result.

    ``content_digest`` is the SHA-256 of the sorted hashes of its files: the same files give the same digest.
    """

    __tablename__ = "studies"
    __table_args__ = (
        Index("ix_studies_state_created_at", "state", "created_at"),
        Index("ix_studies_patient_id_acquired_on", "patient_id", "acquired_on"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.id", ondelete="CASCADE"))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    description: Mapped[str] = mapped_column(String(200), default="")
    modality: Mapped[str | None] = mapped_column(String(4), index=True)
    state: Mapped[str] = mapped_column(String(12), default="queued")
    content_digest: Mapped[str] = mapped_column(String(64), index=True)
    acquired_on: Mapped[date | None]
    views: Mapped[dict[str, Any]] = mapped_column(default=dict)
    clinical: Mapped[dict[str, Any]] = mapped_column(default=dict)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    current_result_id: Mapped[str | None] = mapped_column(String(32), index=True)

    patient: Mapped[Patient] = relationship(back_populates="studies")
    files: Mapped[list[StoredFile]] = relationship(back_populates="study", cascade="all, delete-orphan")
    series: Mapped[list[Series]] = relationship(back_populates="study", cascade="all, delete-orphan")


class Series(Base):
    """One series that was seen in the files of a study; ``uid`` is hashed in pseudonym mode."""

    __tablename__ = "series"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    uid: Mapped[str] = mapped_column(String(64), default="")
    modality: Mapped[str] = mapped_column(String(4), default="")
    description: Mapped[str] = mapped_column(String(200), default="")
    files: Mapped[int] = mapped_column(default=0)
    measured: Mapped[bool] = mapped_column(default=False)

    study: Mapped[Study] = relationship(back_populates="series")


class StoredFile(Base):
    """One input file of a study: its name inside the study (relative, safe) and the hash of its content."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("study_id", "name"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(400))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    view: Mapped[str | None] = mapped_column(String(16))

    study: Mapped[Study] = relationship(back_populates="files")


class Upload(Base):
    """A resumable upload that is not yet a study; its parts lie in the inbox folder until it is committed."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    touched_at: Mapped[datetime] = mapped_column(default=now)
    state: Mapped[str] = mapped_column(String(12), default="open")
    study_id: Mapped[str | None] = mapped_column(String(32))

    files: Mapped[list[UploadFile]] = relationship(back_populates="upload", cascade="all, delete-orphan")


class UploadFile(Base):
    """One file of a resumable upload: the announced size and the bytes that have arrived."""

    __tablename__ = "upload_files"
    __table_args__ = (UniqueConstraint("upload_id", "name"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(400))
    size: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    view: Mapped[str | None] = mapped_column(String(16))

    upload: Mapped[Upload] = relationship(back_populates="files")
