"""Previews: what files will be taken for, from their first bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flask import request

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.uploads import fields
from steatoscope.apps.web.uploads.api_studies import api
from steatoscope.apps.web.uploads.own import check_open, own_upload
from steatoscope.apps.web.uploads.parts import path_of
from steatoscope.apps.web.uploads.schemas_parts import UploadPath
from steatoscope.apps.web.uploads.schemas_preview import PreviewAnswer, PreviewForm, PreviewQuery
from steatoscope.apps.web.uploads.summary import summarise
from steatoscope.apps.wiring import uploads
from steatoscope.apps.wiring.intake import similar_subject
from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Modality
from steatoscope.imaging.io.preview import Preview, preview_bytes
from steatoscope.imaging.io.preview_whole import preview_part
from steatoscope.service.access.rights import Right


@api.post("/preview", summary="Preview files by their first bytes", responses={200: PreviewAnswer})
@allow(Right.UPLOAD)
def preview_files(form: PreviewForm) -> dict[str, Any]:
    """Nothing is kept. Names and numbers of patients are shown only where identity is kept, to who may see it."""
    sizes = _sizes(request.form.get("sizes"))
    modality = fields.options_field(request.form.get("modality"), None, None).get("modality")
    found = []
    for number, storage in enumerate(request.files.getlist("files")):
        size = sizes[number] if number < len(sizes) else None
        found.append((storage.filename or "file", _preview(path_of(storage), size, modality)))
    if not found:
        raise SteatoscopeError(
            "E_EMPTY",
            message="There are no files.",
            cause="No files were sent.",
            remedy="Choose at least one file and send again.",
        )
    return _answer(found, fields.text_field("subject", request.form.get("subject")))


@api.post("/uploads/<upload_id>/preview", summary="Preview the files of an upload", responses={200: PreviewAnswer})
@allow(Right.UPLOAD)
def preview_upload(path: UploadPath, query: PreviewQuery) -> dict[str, Any]:
    """The same from what has arrived of the files of an upload."""
    modality = fields.options_field(query.modality, None, None).get("modality")
    with service().database.reading() as session:
        upload = own_upload(session, path.upload_id)
        check_open(upload)
        files = [(number, file.name, file.size) for number, file in enumerate(uploads.files_of(upload))]
    found = []
    for number, name, size in files:
        place = uploads.part_path(service(), path.upload_id, number)
        if size and not uploads.received(service(), path.upload_id, number):
            continue
        found.append((name, _preview(place, size, modality) if size else preview_bytes(b"", size=0)))
    return _answer(found)


def _preview(place: Path, size: int | None, modality: str | None) -> Preview:
    wanted = cast(Modality, modality) if modality else None
    return preview_part(place, size=size, modality=wanted, within=service().settings.inbox)


def _answer(found: Sequence[tuple[str, Preview]], subject: str = "") -> dict[str, Any]:
    settings = service().settings
    shows = settings.identity_mode and principal().may(Right.IDENTITY)
    answer = summarise(found, secret=service().secret, keeps=settings.identity_mode, shows=shows)
    with service().database.reading() as session:
        answer.similar_subject = similar_subject(session, subject)
    return answer.model_dump(exclude_none=True)


def _sizes(given: str | None) -> list[int | None]:
    if not given:
        return []
    try:
        found = json.loads(given)
    except (ValueError, RecursionError) as fault:
        raise Problem.of("E_INPUT", cause="sizes: a JSON array of whole numbers.") from fault
    if not isinstance(found, list) or not all(isinstance(one, int) for one in found):
        raise Problem.of("E_INPUT", cause="sizes: a JSON array of whole numbers.")
    return list(found)
