"""Messages between a minder and its warm child: JSON documents, so that neither can run the other's code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from steatoscope.service.jobs.port import Claim, Finished, StoredResult

Message = dict[str, Any]


def send(connection: Connection, kind: str, **content: Any) -> None:
    """Send one message; raises OSError where the other side is gone."""
    connection.send_bytes(json.dumps({"kind": kind, **content}, ensure_ascii=False).encode())


def receive(connection: Connection) -> Message:
    """The next message; raises EOFError or OSError where the other side is gone."""
    message = json.loads(connection.recv_bytes())
    assert isinstance(message, dict)
    return message


def claim_document(claim: Claim) -> Message:
    """A claim as JSON."""
    return {**asdict(claim), "options": dict(claim.options)}


def claim_from(document: Mapping[str, Any]) -> Claim:
    """A claim from its JSON."""
    return Claim(**document)


def finished_document(finished: Finished) -> Message:
    """What an analysis gave, as JSON."""
    return {
        "report": finished.report,
        "error": finished.error,
        "facts": dict(finished.facts),
        "files": [asdict(file) for file in finished.files],
    }


def finished_from(document: Mapping[str, Any]) -> Finished:
    """What an analysis gave, from its JSON."""
    files = tuple(StoredResult(**file) for file in document["files"])
    return Finished(report=document["report"], error=document["error"], facts=document["facts"], files=files)
