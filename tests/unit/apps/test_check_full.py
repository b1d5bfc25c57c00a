"""``make check-full`` calls commands that exist, for every published recipe, and says so where it has no data."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from steatoscope.apps.cli.benchmark import BENCHMARKS
from steatoscope.apps.cli.main import cli
from steatoscope.learning.recipes import RECIPES, plan_of

ROOT = Path(__file__).resolve().parents[3]


def _make(*words: str, data: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "STEATOSCOPE_DATA": data}
    command = ["make", "--no-print-directory", *words, "PYTHON=python3"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The words of every ``steatoscope`` command that a run would call."""
    data = tmp_path_factory.mktemp("real data")
    shown = _make("-n", "check-full", f"RESULTS={data}/full".replace(" ", "-"), data=str(data))
    assert shown.returncode == 0, shown.stderr
    lines = [shlex.split(line) for line in shown.stdout.splitlines() if " -m steatoscope " in line]
    return [words[words.index("steatoscope") + 1 :] for words in lines]


def test_every_command_parses(commands: list[list[str]]) -> None:
    for name, *words in commands:
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None, name
        found = command.make_context(name, list(words)).params
        if name == "benchmark" and found["name"] in RECIPES:
            recipe = RECIPES[found["name"]]
            assert plan_of(recipe, found["plan"]) == found["plan"]
            assert found["resume"]
            assert found["data"] is not None or recipe.data is None
        elif name == "benchmark":
            assert found["name"] in BENCHMARKS
            assert not found["quick"]
        if found.get("data") is not None:
            assert "real data" in str(found["data"])


def test_every_recipe_is_repeated_in_full_and_the_page_is_last(commands: list[list[str]]) -> None:
    called = {words[1]: words[words.index("--plan") + 1] for words in commands if "--plan" in words}
    assert called.keys() == set(RECIPES)
    assert all(plan.endswith("full") for plan in called.values())
    assert commands[-1][0] == "lab"


def test_without_data_it_says_what_is_missing() -> None:
    done = _make("full-data", data="")
    assert done.returncode != 0
    assert "STEATOSCOPE_DATA" in done.stderr
