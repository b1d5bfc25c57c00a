"""The viewer's bundle of a result, opened for reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from steatoscope.apps.web.context import service
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results.find import the_file
from steatoscope.service.report.viewer_bundle import NAME, ViewerBundle
from steatoscope.service.storage.tables import Result


def bundle_hash(session: Session, result: Result) -> str:
    """The content hash of a result's bundle; 404 where it has none."""
    return the_file(session, result, NAME).sha256


@contextmanager
def open_bundle(sha256: str) -> Iterator[ViewerBundle]:
    """A bundle by its content hash; 404 where the content is missing."""
    try:
        stream = service().blobs.open(sha256)
    except KeyError:
        raise Problem.of("E_NOTFOUND", cause="The images of this result are missing.") from None
    with stream:
        yield ViewerBundle(stream)
