"""The benchmark ``refusal`` over the analysis as it is wired: evaluation may not reach the composition root itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.outcome import Outcome


def run_refusal(data: Path | None, *, seed: int, out: Path, quick: bool) -> dict[str, Any]:
    """The benchmark's document; ``data`` is the folder of all sets or None, ``out`` is not used."""
    from steatoscope.learning.evaluation.trust_refusal import run_refusal as run

    del out
    return run(data, wired_analysis, seed=seed, quick=quick)


def wired_analysis(paths: Sequence[Path], options: AnalyseOptions) -> Outcome:
    """One study as ``analyze`` analyses it, in memory; raises SteatoscopeError for invalid input."""
    from steatoscope.apps.wiring.ports import default_ports
    from steatoscope.pipeline.analyse import analyse
    from steatoscope.pipeline.progress import Tracker

    return analyse(paths, options, default_ports(options), Tracker())
