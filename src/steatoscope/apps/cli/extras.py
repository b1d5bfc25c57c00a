"""The optional ``train`` extra, said clearly where it is missing, and the progress of what needs it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

from steatoscope.core.errors import UsageError

TRAIN_EXTRA: Final = ("torch", "sklearn")


def require_train(what: str) -> None:
    """Raise UsageError where ``what`` cannot run because torch or scikit-learn is not installed."""
    missing = [name for name in TRAIN_EXTRA if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what} needs the train extra ({', '.join(missing)} not installed): pip install 'steatoscope[train]'"
        )


@contextmanager
def progress_told() -> Iterator[None]:
    """Show on stderr what training and evaluation say about their progress."""
    log = logging.getLogger("steatoscope.learning")
    handler, before = logging.StreamHandler(sys.stderr), log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
