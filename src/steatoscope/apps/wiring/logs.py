"""Logs as JSON lines on stderr, made so that no patient's name, subject code or secret gets into them.

A fault is logged by its type and where it happened, never by its words: these may quote what was sent. Addresses are
logged without their query.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from steatoscope.service.access.passwords import TOKEN_PREFIX

_SECRETS: Final = re.compile(rf"(?i)\b{TOKEN_PREFIX}[\w-]+|\bbearer\s+\S+")
_QUERY: Final = re.compile(r"\?\S*")
_MOST_FRAMES: Final = 12


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what ``extra={"fields": {...}}`` adds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _QUERY.sub("?", _SECRETS.sub("[secret]", record.getMessage())),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0] is not None:
            line["fault"] = record.exc_info[0].__name__
            line["where"] = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])[-_MOST_FRAMES:]
            ]
        return json.dumps(line, ensure_ascii=False)


def start_logging(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs of this process to stderr as JSON lines; the command line calls this once."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for loud in ("sqlalchemy", "alembic", "matplotlib", "PIL", "numba", "celery", "kombu", "werkzeug"):
        logging.getLogger(loud).setLevel(logging.WARNING)
