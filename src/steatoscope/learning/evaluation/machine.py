"""What a run was made with: versions of this project, Python and the libraries that took part, and the machine."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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


def hardware() -> dict[str, Any]:
    """The machine, as far as it matters for speed; device and threads are those of torch, where a run has loaded it."""
    found = {"machine": platform.machine(), "processor": platform.processor() or "unknown", "cores": os.cpu_count()}
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return found
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {**found, "device": device, "threads": torch.get_num_threads()}
