"""The optional ``train`` extra: said clearly where it is missing."""

from __future__ import annotations

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
