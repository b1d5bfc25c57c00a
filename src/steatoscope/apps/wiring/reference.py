"""The healthy reference and the combined model of an installation: read once, again when their files have changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steatoscope.science.clinical.combined import CombinedModel
    from steatoscope.science.clinical.site_reference import SiteReference


def site_reference(name: str) -> SiteReference | None:
    """The reference of a file; None for no name. Raises E_PATH or E_FORMAT where the file is not one."""
    if not name:
        return None
    return _read(name, _changed(name))


def site_clinical_model(name: str) -> CombinedModel | None:
    """The combined model of a file; None for no name. Raises E_PATH or E_FORMAT where the file is not one."""
    return _read_model(name, _changed(name)) if name else None


def _changed(name: str) -> int:
    path = Path(name)
    return path.stat().st_mtime_ns if path.is_file() else 0


@lru_cache(maxsize=2)
def _read(name: str, changed: int) -> SiteReference:
    del changed
    from steatoscope.pipeline.baseline_file import read_baseline

    return read_baseline(Path(name))


@lru_cache(maxsize=2)
def _read_model(name: str, changed: int) -> CombinedModel:
    del changed
    from steatoscope.pipeline.clinical_model import read_model

    return read_model(Path(name))
