"""What a run was made with: versions of this project, Python and the libraries that took part."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from steatoscope import __version__


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Versions of Steatoscope, Python and those of the libraries that are installed."""
    found = {"steatoscope": __version__, "python": platform.python_version()}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
