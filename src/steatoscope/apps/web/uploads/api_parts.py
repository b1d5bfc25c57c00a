"""Resumable uploads: announce, send parts, ask what has arrived, commit, or give up."""

from __future__ import annotations

import shutil
from typing import Any, Final

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.accounts.identify import in_force
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.uploads.accept import note_refusal, owner_id
from steatoscope.apps.web.uploads.api_studies import api
from steatoscope.apps.web.uploads.own import check_open, own_upload, state_of, touch
from steatoscope.apps.web.uploads.schemas_parts import (
    Announcement,
    Discarded,
    PartBody,
    PartPath,
    PartQuery,
    PartTaken,
    UploadList,
    UploadPath,
    UploadState,
)
from steatoscope.apps.wiring import uploads
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.tables import Upload

_SPARE: Final = 256 * 1024**2


@api.post("/uploads", summary="Announce the files of a study", responses={201: UploadState})
@allow(Right.UPLOAD)
def announce_upload(body: Announcement) -> tuple[dict[str, Any], int]:
    """Open an upload; its files are then sent in parts of at most ``part_bytes``. It is kept for a day."""
    uploads.sweep(service())
    total = sum(file.size for file in body.files)
    if total > in_force().most_upload_bytes:
        note_refusal("E_TOOLARGE", len(body.files))
        raise Problem.of("E_TOOLARGE")
    if shutil.disk_usage(service().settings.inbox).free < 3 * total + _SPARE:
        raise Problem.of("E_BUSY", cause="The server has no room for these files.", remedy="Tell the administrator.")
    with service().database.writing() as session:
        try:
            files = [(file.name, file.size) for file in body.files]
            upload = uploads.announce(session, service(), owner_id(), files)
        except uploads.Busy as fault:
            raise Problem.of("E_CONFLICT", cause=f"{fault}.", remedy="Finish or discard one of them.") from fault
        return state_of(upload).model_dump(exclude_none=True), 201


@api.get("/uploads", summary="One's own open uploads", responses={200: UploadList})
@allow(Right.UPLOAD)
def list_uploads() -> dict[str, Any]:
    """Open uploads, so that one can be continued after a restart of the browser."""
    with service().database.reading() as session:
        query = select(Upload).where(Upload.owner_id == owner_id(), Upload.state == uploads.OPEN)
        found = [state_of(upload) for upload in session.scalars(query.order_by(Upload.created_at.desc()))]
    return UploadList(uploads=found).model_dump(exclude_none=True)


@api.get("/uploads/<upload_id>", summary="What has arrived", responses={200: UploadState})
@allow(Right.UPLOAD)
def get_upload(path: UploadPath) -> dict[str, Any]:
    """State of an upload and the bytes that have arrived of each file."""
    with service().database.reading() as session:
        return state_of(own_upload(session, path.upload_id)).model_dump(exclude_none=True)


@api.put("/uploads/<upload_id>/files/<int:number>", summary="Send a part of a file", responses={200: PartTaken})
@allow(Right.UPLOAD)
def send_part(path: PartPath, query: PartQuery, raw: PartBody) -> tuple[dict[str, Any], int]:
    """Append bytes. Where the file does not end at ``offset``: 409 with ``received``, where to go on."""
    size = _announced_size(path)
    most = service().settings.part_bytes
    if (request.content_length or 0) > most:
        raise Problem.of("E_TOOLARGE", cause=f"A part has at most {most} bytes.", remedy="Send smaller parts.")
    target = uploads.part_path(service(), path.upload_id, path.number)
    try:
        arrived = uploads.append_part(target, request.stream, offset=query.offset, size=size, most=most)
    except uploads.WrongOffset as fault:
        words = Problem.of("E_CONFLICT", cause=f"The file goes on at {fault.received}.", remedy="Send from there.")
        return {"error": words.document, "received": fault.received}, 409
    except uploads.TooMuch as fault:
        raise Problem.of("E_INPUT", cause="The part goes beyond the announced size.") from fault
    except uploads.Busy as fault:
        raise Problem.of("E_CONFLICT", cause="Another part of this file is being sent.") from fault
    with service().database.writing() as session:
        touch(session, path.upload_id)
    return PartTaken(number=path.number, received=arrived, size=size).model_dump(), 200


def _announced_size(path: PartPath) -> int:
    with service().database.reading() as session:
        upload = own_upload(session, path.upload_id)
        check_open(upload)
        files = uploads.files_of(upload)
        if path.number >= len(files):
            raise Problem.of("E_NOTFOUND")
        return files[path.number].size


@api.delete("/uploads/<upload_id>", summary="Give an upload up", responses={200: Discarded})
@allow(Right.UPLOAD)
def discard_upload(path: UploadPath) -> dict[str, Any]:
    """Remove an upload that is no study yet; a study that it became stays."""
    with service().database.writing() as session:
        _discard(session, path.upload_id)
    uploads.discard_bytes(service(), path.upload_id)
    return Discarded(upload_id=path.upload_id).model_dump()


def _discard(session: Session, upload_id: str) -> None:
    upload = own_upload(session, upload_id)
    try:
        with uploads.locked(service(), upload_id):
            session.delete(upload)
    except uploads.Busy as fault:
        raise Problem.of("E_CONFLICT", cause="The upload is being made a study.") from fault
