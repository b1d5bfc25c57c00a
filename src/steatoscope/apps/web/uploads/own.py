"""The uploads of who asks: found, checked, described."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import require_owner
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.uploads.schemas_parts import FileState, UploadState
from steatoscope.apps.wiring import uploads
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables import Upload

_TOUCH: Final = timedelta(minutes=1)


def own_upload(session: Session, upload_id: str) -> Upload:
    """An upload of the current user: 404 where there is none, 403 where it is somebody else's."""
    upload = session.get(Upload, upload_id)
    if upload is None:
        raise Problem.of("E_NOTFOUND")
    require_owner(upload.owner_id)
    return upload


def check_open(upload: Upload) -> None:
    """Refuse with 409 what is a study already."""
    if upload.state != uploads.OPEN:
        raise Problem.of("E_CONFLICT", cause="The upload is a study already.", remedy="Announce a new one.")


def state_of(upload: Upload) -> UploadState:
    """The upload as its owner sees it."""
    done = upload.state != uploads.OPEN
    files = [
        FileState(
            number=number,
            name=file.name,
            size=file.size,
            received=file.size if done else uploads.received(service(), upload.id, number),
        )
        for number, file in enumerate(uploads.files_of(upload))
    ]
    return UploadState(
        upload_id=upload.id,
        state=upload.state,
        part_bytes=service().settings.part_bytes,
        files=files,
        study_id=upload.study_id,
    )


def touch(session: Session, upload_id: str) -> None:
    """Note that an upload is in use, at most once a minute."""
    upload = session.get(Upload, upload_id)
    if upload is not None and now() - upload.touched_at > _TOUCH:
        upload.touched_at = now()
