"""The border to third-party decoders: whatever they raise on damaged bytes becomes a coded error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steatoscope.core.errors import SteatoscopeError, UsageError


@contextmanager
def decoding(path: Path, what: str) -> Iterator[None]:
    """Turn any fault of a decoder inside the block into a :class:`SteatoscopeError` that names ``path``.

    Decoders raise anything from ``struct.error`` to ``RecursionError`` on damaged content, so every exception counts
    as damage here; keep the block to the decoder's own calls. Content that ends early gives E_TRUNCATED, a size
    beyond the memory E_BOMB, all else E_FORMAT. Warnings of the decoder are dropped.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (SteatoscopeError, UsageError):
        raise
    except EOFError as fault:
        raise SteatoscopeError("E_TRUNCATED", path=str(path)) from fault
    except MemoryError as fault:
        raise SteatoscopeError("E_BOMB", path=str(path)) from fault
    except PermissionError as fault:
        raise unreadable(path) from fault
    except Exception as fault:
        cause = f"It starts like {what}, but its content is damaged or of an unsupported kind ({type(fault).__name__})."
        raise SteatoscopeError(
            "E_FORMAT", path=str(path), message="The content cannot be decoded.", cause=cause
        ) from fault


def unreadable(path: Path) -> SteatoscopeError:
    """The error for a path that exists but may not be opened."""
    return SteatoscopeError(
        "E_PATH",
        path=str(path),
        message="The path cannot be opened.",
        cause="Reading it is not permitted.",
        remedy="Check the permissions of the file.",
    )


def cut_short(path: Path, cause: str | None = None) -> SteatoscopeError:
    """The error for content that ends before the image does."""
    return SteatoscopeError("E_TRUNCATED", path=str(path), cause=cause)


def too_large(path: Path, cause: str) -> SteatoscopeError:
    """The error for an image or archive beyond the limits of size."""
    return SteatoscopeError("E_BOMB", path=str(path), cause=cause)
