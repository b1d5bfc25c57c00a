"""Multipart bodies straight to the inbox: each file part is written to disk as it arrives, few are open at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from flask import Flask, Request, g, has_request_context
from werkzeug.datastructures import FileStorage

from steatoscope.apps.web.context import service

PREFIX: Final = "form-"


class PartFile:
    """A file part on disk. Werkzeug writes it and seeks to its start; then it is closed until somebody reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._stream: IO[bytes] | None = path.open("w+b")

    def _opened(self) -> IO[bytes]:
        if self._stream is None:
            self._stream = self.path.open("r+b")
        return self._stream

    def write(self, content: bytes) -> int:
        """Append what has arrived."""
        return self._opened().write(content)

    def seek(self, place: int, whence: int = 0) -> int:
        """Move; to the start means that the part is complete."""
        if (place, whence) == (0, 0):
            self.close()
            return 0
        return self._opened().seek(place, whence)

    def read(self, count: int = -1) -> bytes:
        """Read like a file."""
        return self._opened().read(count)

    def close(self) -> None:
        """Close the handle; the file stays."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class InboxRequest(Request):
    """A request whose file parts go to a folder of the inbox, which is removed when the request ends."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if not has_request_context():
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        if "upload_folder" not in g:
            g.upload_folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=service().settings.inbox))
            g.upload_parts = 0
        g.upload_parts += 1
        part: Any = PartFile(g.upload_folder / f"{g.upload_parts:06d}")
        return part  # type: ignore[no-any-return]


def path_of(storage: FileStorage) -> Path:
    """Where the bytes of a file part lie."""
    stream: Any = storage.stream
    stream.close()
    return Path(stream.name)


def register_parts(app: Flask) -> None:
    """Make the application's requests write their file parts to the inbox, and clear up after each."""
    app.request_class = InboxRequest
    clear: Callable[[BaseException | None], None] = _clear
    app.teardown_request(clear)


def _clear(_fault: BaseException | None) -> None:
    folder = g.pop("upload_folder", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
