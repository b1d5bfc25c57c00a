"""One study from paths to a folder of results: what ``analyze`` and ``batch`` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steatoscope.apps.wiring.artifacts import write_outcome
from steatoscope.core.errors import EXIT_REFUSED
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.progress import Tracker


def run_study(
    paths: Sequence[Path],
    out: Path,
    options: AnalyseOptions,
    *,
    tracker: Tracker | None = None,
    command: Sequence[str] = (),
) -> tuple[int, dict[str, Any]]:
    """Analyse one study and write its results into ``out``; returns the exit code (0 or 4) and the report document.

    Raises SteatoscopeError for invalid input; then nothing is written.
    """
    from steatoscope.apps.wiring.ports import default_ports
    from steatoscope.pipeline.analyse import analyse

    outcome = analyse(paths, options, default_ports(options), tracker or Tracker())
    document = write_outcome(outcome, out, command=command)
    return (EXIT_REFUSED if "error" in document else 0), document
