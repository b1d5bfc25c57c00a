"""The systemd units: systemd's own check, the hardening, and that what they start exists."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from deploy_kit import DEPLOY, tool

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
each = pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
WANTED = {
    "User": "steatoscope",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "CapabilityBoundingSet": "",
    "RestrictSUIDSGID": "yes",
    "StateDirectory": "steatoscope",
    "UMask": "0077",
}


def entries(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def commands(path: Path) -> list[list[str]]:
    told = entries(path)
    return [shlex.split(text) for text in told["ExecStart"] + told.get("ExecStartPre", [])]


@each
def test_systemd_accepts_the_unit(path, tmp_path):
    text = path.read_text().replace("/opt/steatoscope/bin/", f"{Path(sys.executable).parent}/")
    unit = tmp_path / path.name
    unit.write_text(text)
    done = subprocess.run([tool("systemd-analyze"), "verify", str(unit)], capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if path.stem.rstrip("@") in line]
    assert told == []


@each
def test_is_hardened(path):
    told = entries(path)
    assert {name: told.get(name, [None])[-1] for name in WANTED} == WANTED


@each
def test_exposure_is_small(path, tmp_path):
    done = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rating = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout + done.stderr)
    assert rating is not None
    assert float(rating.group(1)) <= 2.0


def options_of(words: list[str]) -> set[str]:
    """Options of the subcommand that these words name."""
    import click

    from steatoscope.apps.cli.main import cli

    command, context = cli, click.Context(cli)
    for word in words:
        command = command.get_command(context, word)
        assert command is not None, f"there is no command {word}"
    return {option for parameter in command.params for option in parameter.opts}


@each
def test_starts_commands_that_exist(path):
    for command in commands(path):
        program = Path(command[0]).name
        assert command[0].startswith("/opt/steatoscope/bin/")
        assert tool(program)
        if program != "steatoscope":
            assert command[-1] == "steatoscope.apps.web.wsgi:create()"
            continue
        words = list(itertools.takewhile(lambda word: not word.startswith("-"), command[1:]))
        assert {word for word in command if word.startswith("--")} <= options_of(words)
