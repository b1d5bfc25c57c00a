"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real images named by STEATOSCOPE_DATA; skips where it is absent."""
    name = os.environ.get("STEATOSCOPE_DATA")
    if not name or not Path(name).is_dir():
        pytest.skip("real data absent: set STEATOSCOPE_DATA to a folder laid out as the data guide says")
    return Path(name).resolve()
