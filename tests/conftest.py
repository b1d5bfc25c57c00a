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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name skipped tests as failures where STEATOSCOPE_NO_SKIP is set (continuous integration)."""
    if os.environ.get("STEATOSCOPE_NO_SKIP") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("STEATOSCOPE_NO_SKIP is set and tests were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session where STEATOSCOPE_NO_SKIP is set and a test was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("STEATOSCOPE_NO_SKIP") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
