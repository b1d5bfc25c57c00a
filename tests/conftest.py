"""Shared fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from service_kit import Bench


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real images named by STEATOSCOPE_DATA; skips where it is absent."""
    name = os.environ.get("STEATOSCOPE_DATA")
    if not name or not Path(name).is_dir():
        pytest.skip("real data absent: set STEATOSCOPE_DATA to a folder laid out as the data guide says")
    return Path(name).resolve()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An installation of the service on SQLite in a temporary folder, with a user for each role."""
    from service_kit import make_bench

    made = make_bench(tmp_path / "data")
    yield made
    made.service.database.dispose()


@pytest.fixture(scope="session")
def analysed_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``analyze`` writes for one simulated CT."""
    from steatoscope.apps.cli.main import run

    folder = tmp_path_factory.mktemp("analysed")
    run(["phantom", "ct", "--fat", "18", "--seed", "3", "--out", str(folder / "ct")])
    run(["analyze", str(folder / "ct"), "--out", str(folder / "out"), "--subject", "S-1"])
    return folder / "out"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name skipped tests as failures where STEATOSCOPE_NO_SKIP is set (continuous integration)."""
    if os.environ.get("STEATOSCOPE_NO_SKIP") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("STEATOSCOPE_NO_SKIP is set and tests were skipped", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session where STEATOSCOPE_NO_SKIP is set and a test was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("STEATOSCOPE_NO_SKIP") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
