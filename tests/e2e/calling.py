"""What a call of the command line answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Exit code, the JSON document on stdout (None where there is none), and stderr."""

    code: int
    document: Any
    errors: str


Steatoscope = Callable[..., Answer]
