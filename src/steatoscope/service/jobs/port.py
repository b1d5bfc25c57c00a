"""What a worker needs of the queue: the port behind which the job table stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class States(StrEnum):
    """States of a job; the last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds until its lease runs out; ``attempt`` counts from 1."""

    job_id: str
    study_id: str
    kind: str
    options: Mapping[str, Any]
    lease_token: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Word:
    """What the table says about a claim: whether the lease is held, and whether the job is to be cancelled."""

    held: bool
    cancel: bool


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A file of a result whose content is stored already."""

    name: str
    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Finished:
    """What one analysis gave: a report with its files, or an error document that ends the job.

    ``facts`` are what the files say of the study: ``acquired_on`` (ISO date), ``series`` (rows).
    """

    report: Mapping[str, Any] | None = None
    files: tuple[StoredResult, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None


class JobStore(Protocol):
    """The durable queue. Methods that take a claim do nothing and answer False where its lease is lost."""

    def claim(self, owner: str, job_id: str | None = None) -> Claim | None:
        """Take the next job, or this one; None where there is none to take."""

    def heartbeat(self, claim: Claim, stage: str | None = None, progress: float | None = None) -> bool:
        """Prolong the lease, with news of the analysis."""

    def ask(self, claim: Claim) -> Word:
        """Whether the lease is held and the job still wanted; reads only."""

    def finish(self, claim: Claim, finished: Finished) -> bool:
        """End the job with a result or an error, in one transaction."""

    def fail(self, claim: Claim, reason: str) -> bool:
        """Count a failed attempt: the job is queued again, or ends as failed after its last attempt."""

    def cancelled(self, claim: Claim) -> bool:
        """End the job as cancelled."""

    def release(self, claim: Claim) -> bool:
        """Give the job back without counting the attempt."""

    def sweep(self) -> int:
        """Take back jobs whose lease has run out; returns how many."""

    def undispatched(self) -> list[str]:
        """Queued jobs for which a message has to be sent now; they count as sent."""

    def sign(self, owner: str) -> None:
        """Leave a sign of life of an idle worker; often called, seldom written."""

    def tokens(self) -> set[str]:
        """Tokens of all leases that may still be held."""


class Tell(Protocol):
    """Takes news of an analysis."""

    def __call__(self, stage: str, progress: float) -> None:
        """A stage begins; ``progress`` is the share done (0-1)."""


class Runner(Protocol):
    """Runs in the warm child: one analysis, told by stages."""

    def __call__(self, claim: Claim, folder: Path, tell: Tell, cancelled: Callable[[], bool]) -> Finished | None:
        """Analyse with ``folder`` as working space; None where it stopped because it was asked to.

        Raises whatever went wrong unexpectedly: that is one failed attempt.
        """
