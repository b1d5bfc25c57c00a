"""Stored contents as HTTP answers: fixed types, no sniffing, attachments unless a browser shows them safely."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from flask import Response, request

from steatoscope.apps.web.context import service
from steatoscope.apps.web.problems import Problem
from steatoscope.service.storage.tables import ResultFile

_TYPES: Final[Mapping[str, str]] = {
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
    ".nii.gz": "application/gzip",
    ".nii": "application/octet-stream",
}
_SHOWN: Final = (".json", ".pdf", ".png")
_HTML_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_CHUNK: Final = 256 * 1024


def content_of(media: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How the API's document describes an answer that is a file, or JSON of another schema."""
    binary = {"type": "string", "format": "binary"}
    return {"description": "The content", "content": {media: {"schema": dict(schema or binary)}}}


def type_of(name: str) -> str:
    """The media type by the ending of a name, whatever was stored."""
    return next((media for ending, media in _TYPES.items() if name.endswith(ending)), "application/octet-stream")


def json_answer(document: Any, status: int = 200) -> Response:
    """A JSON document in its own order of keys."""
    return Response(json.dumps(document, ensure_ascii=False), status=status, mimetype="application/json")


def stored_answer(file: ResultFile, download: str) -> Response:
    """A stored file; ``download`` is the name to save it under. Its hash is its ETag; ranges are not served."""
    if request.if_none_match.contains(file.sha256):
        return tagged(Response(status=304), file.sha256)
    try:
        stream = service().blobs.open(file.sha256)
    except KeyError:
        raise Problem.of("E_NOTFOUND", cause="The content is missing.", remedy="Restore a backup.") from None
    response = Response(_parts(stream), content_type=type_of(file.name))
    response.call_on_close(stream.close)
    response.headers["Content-Length"] = str(file.size)
    return tagged(named(response, download), file.sha256)


def _parts(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        yield from iter(lambda: stream.read(_CHUNK), b"")


def content_answer(content: bytes, download: str) -> Response:
    """Bytes made for this request, saved under the name ``download``."""
    return named(Response(content, content_type=type_of(download)), download)


def named(response: Response, download: str) -> Response:
    """Say under which name to save, and keep browsers from running what was stored."""
    kind = "inline" if download.endswith(_SHOWN) else "attachment"
    response.headers["Content-Disposition"] = f'{kind}; filename="{download}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    if download.endswith(".html"):
        response.headers["Content-Security-Policy"] = _HTML_POLICY
    if download.endswith(".pdf"):
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    return response


def tagged(response: Response, digest: str) -> Response:
    """Give an ETag and answer 304 where the client has it; ask again each time, as rights may have changed."""
    response.set_etag(digest)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
