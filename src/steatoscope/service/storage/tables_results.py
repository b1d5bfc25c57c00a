"""Tables of jobs, results (immutable versions), their files, sign-offs and mask corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from steatoscope.service.storage.base import Base, new_id, now


class Job(Base):
    """One analysis to be done: the durable queue. The table is the truth, whatever carries the message.

    ``lease_token`` fences a worker: only who holds it may finish the job. ``kind`` is "analyse" or "remeasure" (with a
    corrected mask, ``options["liver_mask"]`` = hash of a stored file).
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state_priority_created_at", "state", "priority", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(12), default="analyse")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(12), default="queued")
    priority: Mapped[int] = mapped_column(default=0)
    stage: Mapped[str] = mapped_column(String(20), default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_owner: Mapped[str] = mapped_column(String(120), default="")
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


def _is_simulated(context: Any) -> bool:
    """Whether the quality codes of the report that is being stored say that its images are simulated."""
    codes = (context.get_current_parameters()["report"].get("quality") or {}).get("codes") or []
    return any(code.get("code") == "W_SIMULATED" for code in codes)


class Result(Base):
    """One version of a study's result; never changed once written. The figures are copies for lists and sorting."""

    __tablename__ = "results"
    __table_args__ = (
        UniqueConstraint("study_id", "version"),
        Index("ix_results_figures", "study_id", "id", "fat_percent", "grade", "status", "scale", "simulated"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[str] = mapped_column(String(32), unique=True)
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12), default="machine")
    report_digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(12))
    scale: Mapped[str | None] = mapped_column(String(20))
    fat_percent: Mapped[float | None]
    fat_low: Mapped[float | None]
    fat_high: Mapped[float | None]
    grade: Mapped[str | None] = mapped_column(String(12))
    probability: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    report: Mapped[dict[str, Any]]  # behind the small columns: SQLite reads a row from its start
    simulated: Mapped[bool] = mapped_column(default=_is_simulated, server_default=false())

    files: Mapped[list[ResultFile]] = relationship(back_populates="result", cascade="all, delete-orphan")
    reviews: Mapped[list[Review]] = relationship(back_populates="result", cascade="all, delete-orphan")


class ResultFile(Base):
    """One file of a result (report.pdf, overlay.png, mask-liver.nii.gz, viewer.zip, ...)."""

    __tablename__ = "result_files"
    __table_args__ = (UniqueConstraint("result_id", "name"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    result_id: Mapped[str] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(80))

    result: Mapped[Result] = relationship(back_populates="files")


class Review(Base):
    """A clinician's sign-off on one version: agree, or amend the grade; it stands beside the machine's result."""

    __tablename__ = "reviews"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    result_id: Mapped[str] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    user_name: Mapped[str] = mapped_column(String(80))
    decision: Mapped[str] = mapped_column(String(12))
    grade: Mapped[str | None] = mapped_column(String(12))
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)

    result: Mapped[Result] = relationship(back_populates="reviews")


class Correction(Base):
    """A corrected liver mask: which version it started from, who drew it, and the job that re-measures with it."""

    __tablename__ = "corrections"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    base_result_id: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(32), unique=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    mask_sha256: Mapped[str] = mapped_column(String(64), index=True)
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
