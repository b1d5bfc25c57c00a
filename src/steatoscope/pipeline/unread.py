"""A study that is valid but whose reading already shows that no fat can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, InputFile, MRScan, Scan, Study, USScan, Volume
from steatoscope.imaging.io.hashing import sha256_file, sha256_group
from steatoscope.pipeline.findings import Findings
from steatoscope.pipeline.options import AnalyseOptions


def unread_study(paths: Sequence[Path], options: AnalyseOptions) -> Study:
    """A study without pixels that still names what was given: the hash of each path, and the modality asked for."""
    empty = Volume(np.zeros((0, 0, 0), dtype=np.float32), Geometry(np.eye(4), known=False), "au")
    scans: dict[str, Scan] = {"CT": CTScan(empty), "MR": MRScan(empty), "US": USScan(())}
    given = [*paths, *options.views.values()]
    return Study(scan=scans[options.modality or "MR"], inputs=tuple(_input(path) for path in given))


def refused_findings(fault: SteatoscopeError) -> Findings:
    """Findings that hold the refusal and nothing else."""
    return Findings(fat=None, refusal=fault)


def _input(path: Path) -> InputFile:
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    return InputFile(str(path), sha256_group(map(sha256_file, files)), "unread", 0)
