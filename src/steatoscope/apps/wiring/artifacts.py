"""Writes an outcome into a folder: all of it or nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steatoscope.core.errors import UsageError
from steatoscope.pipeline.outcome import Outcome


def write_outcome(outcome: Outcome, out: Path, *, command: Sequence[str] = ()) -> dict[str, Any]:
    """Write report (JSON, PDF, HTML), overlay, masks, maps and manifest into ``out``; returns the report document.

    Everything is made in a hidden folder beside ``out`` first, so that a fault or a stop leaves nothing half-written.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is not a folder")
    staging = _staging(out)
    try:
        document = _fill(outcome, staging, command)
        _move(staging, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return document


def _staging(out: Path) -> Path:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as fault:
        raise UsageError(f"--out {out} cannot be written: {fault.strerror}") from fault


def _fill(outcome: Outcome, folder: Path, command: Sequence[str]) -> dict[str, Any]:
    from steatoscope.service.report.html import render_html
    from steatoscope.service.report.illustrations import charts
    from steatoscope.service.report.overlay import render_overlay
    from steatoscope.service.report.pdf import render_pdf

    document = outcome.report.document()
    (folder / "report.json").write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    drawn = charts(outcome.report)
    (folder / "report.pdf").write_bytes(render_pdf(outcome, drawn))
    (folder / "report.html").write_text(render_html(outcome, drawn), encoding="utf-8")
    (folder / "overlay.png").write_bytes(render_overlay(outcome.pictures))
    _write_images(outcome, folder)
    names = sorted(path.name for path in folder.iterdir())
    manifest = {**outcome.manifest, "command": list(command), "files": [*names, "manifest.json"]}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
    return document


def _write_images(outcome: Outcome, folder: Path) -> None:
    from steatoscope.imaging.io.write import write_nifti, write_png

    for name, mask in outcome.masks.items():
        if outcome.geometry is None:
            write_png(folder / f"mask-{name}.png", mask[0])
        else:
            write_nifti(folder / f"mask-{name}.nii.gz", mask, outcome.geometry)
    for name, volume in outcome.maps.items():
        write_nifti(folder / f"map-{name}.nii.gz", volume.data, volume.geometry)


def _move(staging: Path, out: Path) -> None:
    staging.chmod(0o755)
    if not out.exists():
        staging.rename(out)
        return
    fresh = {path.name for path in staging.iterdir()}
    for name in _earlier_files(out) - fresh:
        (out / name).unlink(missing_ok=True)
    for path in staging.iterdir():
        path.replace(out / path.name)


def _earlier_files(out: Path) -> set[str]:
    """Files that an earlier analysis wrote here, so that no stale mask or map stays beside a new report."""
    try:
        names = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if isinstance(name, str) and Path(name).name == name}
