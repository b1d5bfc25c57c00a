"""From files that arrived to a study in the database with a job in the queue: all of it or nothing."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.apps.wiring.intake_views import views_of_files
from steatoscope.apps.wiring.service import Service
from steatoscope.pipeline.submit import LeftOut, Rules, Staged, Submission, prepare
from steatoscope.service.storage.job_table import add_job
from steatoscope.service.storage.patients import patient_for
from steatoscope.service.storage.studies import NewFile, add_study, content_digest, same_content
from steatoscope.service.storage.tables import Job, Patient, Series, Study

_RANDOM: Final = re.compile(r"P-[0-9a-f]{10}")
Note = Callable[[Session, Study, bool], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What a sender says of a study; ``views`` maps a file or folder name to a view, ``force`` takes a copy again."""

    owner_id: str
    subject: str | None = None
    views: Mapping[str, str] = field(default_factory=dict)
    clinical: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The study and its newest job; ``duplicate`` where it was there already, ``duplicate_of`` names an equal one.

    ``similar_subject`` is the code of another patient that differs from the stated one in capital letters only.
    """

    study_id: str
    job_id: str
    subject: str
    duplicate: bool = False
    duplicate_of: str | None = None
    similar_subject: str | None = None
    left_out: tuple[LeftOut, ...] = ()


def pseudonym_of(secret: str, patient_id: str) -> str:
    """The subject code of a PatientID in this installation: the same patient has the same code."""
    return f"P-{identity_key_of(secret, patient_id)[:10]}"


def identity_key_of(secret: str, patient_id: str) -> str:
    """HMAC-SHA256 of a PatientID under the installation's secret."""
    return hmac.new(secret.encode(), patient_id.strip().encode(), hashlib.sha256).hexdigest()


def take_in(service: Service, staged: Sequence[Staged], order: Order, note: Note) -> Taken:
    """Judge, clean and store the files and queue the analysis; ``note`` records it in the same transaction.

    Files of the same content for the same subject, views, values and options are the study that is there already,
    unless ``order.force``. Where nobody says whose they are, only the sender's own studies count as the same.
    Raises SteatoscopeError where the files are no readable scan (nothing is kept then), ValueError for views or
    subjects that do not fit.
    """
    with ExitStack() as stack:
        work = tempfile.TemporaryDirectory(prefix="intake-", dir=service.settings.inbox, ignore_cleanup_errors=True)
        scratch = Path(stack.enter_context(work))
        made = prepare(staged, _rules(service, order, scratch), stack)
        views = views_of_files(order.views, made)
        if "nifti" in made.kinds and not {"dicom", "mat"} & made.kinds and "modality" not in order.options:
            raise ValueError("NIfTI does not say what it holds: state the modality, CT or MR.")
        files = _stored(service, made, views)
    with service.database.writing() as session:
        return replace(_enter(session, service, made, files, replace(order, views=views), note), left_out=made.left_out)


def _rules(service: Service, order: Order, scratch: Path) -> Rules:
    keeps = service.settings.identity_mode
    return Rules(
        scratch,
        order.options.get("modality"),
        None if keeps else lambda patient_id: pseudonym_of(service.secret, patient_id),
    )


def _stored(service: Service, made: Submission, views: Mapping[str, str]) -> list[NewFile]:
    files = []
    for file in made.files:
        sha256, size = service.blobs.put_file(file.path)
        files.append(NewFile(file.name, sha256, size, views.get(file.name)))
    return files


def _enter(
    session: Session, service: Service, made: Submission, files: Sequence[NewFile], order: Order, note: Note
) -> Taken:
    similar = similar_subject(session, order.subject)
    equal = _equal_studies(session, service, made, files, order)
    if equal and not order.force and (known := _same_order(equal, order)) is not None:
        job = _newest_job(session, known)
        if job is not None:
            note(session, known, True)
            return Taken(known.id, job.id, known.patient.subject, True, known.id, similar)
    study = _new_study(session, service, made, files, order)
    job = add_job(session, study, owner_id=order.owner_id, max_attempts=service.settings.most_attempts)
    note(session, study, False)
    return Taken(study.id, job.id, study.patient.subject, False, equal[0].id if equal else None, similar)


def similar_subject(session: Session, subject: str | None) -> str | None:
    """The code of a patient that differs from ``subject`` in capital letters only; None where there is none."""
    if not subject:
        return None
    query = select(Patient.subject).where(func.lower(Patient.subject) == func.lower(subject))
    return session.scalars(query.where(Patient.subject != subject).order_by(Patient.subject).limit(1)).first()


def _equal_studies(
    session: Session, service: Service, made: Submission, files: Sequence[NewFile], order: Order
) -> list[Study]:
    """Studies of the same content of the same patient: a stated subject, or the header's, must agree.

    Where neither is there, they are the sender's own ones under a random code.
    """
    subject = order.subject or _header_subject(service, made)
    number = None if order.subject else made.person.patient_id
    key = identity_key_of(service.secret, number) if number else None
    found = same_content(session, content_digest(file.sha256 for file in files))
    if subject is None:
        own = [study for study in found if study.owner_id == order.owner_id]
        return [study for study in own if _RANDOM.fullmatch(study.patient.subject)]
    return [study for study in found if study.patient.subject == subject or (key and study.patient.identity_key == key)]


def _header_subject(service: Service, made: Submission) -> str | None:
    number = made.person.patient_id
    return pseudonym_of(service.secret, number) if number else None


def _same_order(equal: Sequence[Study], order: Order) -> Study | None:
    wanted = (dict(order.views), dict(order.clinical), dict(order.options))
    return next((study for study in equal if (study.views, study.clinical, study.options) == wanted), None)


def _newest_job(session: Session, study: Study) -> Job | None:
    query = select(Job).where(Job.study_id == study.id).order_by(Job.created_at.desc()).limit(1)
    return session.scalars(query).first()


def _new_study(session: Session, service: Service, made: Submission, files: Sequence[NewFile], order: Order) -> Study:
    study = add_study(
        session,
        patient=_patient(session, service, made, order),
        owner_id=order.owner_id,
        files=files,
        views=order.views,
        clinical=order.clinical,
        options=order.options,
        description=order.description,
        modality=made.modality,
        acquired_on=made.acquired_on,
    )
    keeps = service.settings.identity_mode
    for one in made.series:
        uid = one.uid if keeps or not one.uid else identity_key_of(service.secret, one.uid)
        study.series.append(
            Series(uid=uid, modality=one.modality, description=one.description, files=one.files, measured=False)
        )
    session.flush()
    return study


def _patient(session: Session, service: Service, made: Submission, order: Order) -> Patient:
    person = made.person
    subject = order.subject or _header_subject(service, made) or f"P-{secrets.token_hex(5)}"
    if not service.settings.identity_mode or person.patient_id is None:
        return patient_for(session, subject, sex=person.sex)
    identity = {"name": person.name, "patient_id": person.patient_id, "birth_date": person.birth_date}
    key = identity_key_of(service.secret, person.patient_id)
    return patient_for(session, subject, identity=identity, identity_key=key, sex=person.sex)
