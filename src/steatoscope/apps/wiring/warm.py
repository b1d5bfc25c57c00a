"""``python -m steatoscope.apps.wiring.warm FD PARENT``: the warm child of a worker."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from steatoscope.apps.wiring.settings import ServiceSettings
from steatoscope.service.jobs.child import WarmChild
from steatoscope.service.jobs.port import Runner
from steatoscope.service.jobs.warm_loop import run_child

_HEAVY = (
    "steatoscope.apps.wiring.artifacts",
    "steatoscope.apps.wiring.ports",
    "steatoscope.imaging.io.load",
    "steatoscope.pipeline.analyse",
    "steatoscope.pipeline.us",
    "steatoscope.pipeline.ct",
    "steatoscope.pipeline.mr",
    "steatoscope.service.report.html",
    "steatoscope.service.report.overlay",
    "steatoscope.service.report.pdf",
)


def warm_child(settings: ServiceSettings) -> WarmChild:
    """A child for this installation, not yet started; its settings travel by the socket, never on the command line."""
    hello = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(settings).items()}
    return WarmChild([sys.executable, "-m", "steatoscope.apps.wiring.warm"], hello)


def make_runner(hello: dict[str, Any]) -> Runner:
    """Open the installation named in the greeting and load what every analysis needs."""
    import importlib

    from steatoscope.apps.wiring.jobs import JobRunner
    from steatoscope.apps.wiring.service import open_service

    settings = ServiceSettings(**{**hello, "data_dir": Path(hello["data_dir"])})
    service = open_service(settings, migrate=False)
    for name in _HEAVY:
        importlib.import_module(name)
    return JobRunner(service)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    run_child(int(sys.argv[1]), int(sys.argv[2]), make_runner)
