"""The command line called from inside, with its exit code and what it printed."""

from __future__ import annotations

import json

import pytest
from calling import Answer, Steatoscope

from steatoscope.apps.cli.main import run


@pytest.fixture
def steatoscope(capsys: pytest.CaptureFixture[str]) -> Steatoscope:
    """Call a command with ``--json``; stdout must hold one JSON document and nothing else."""

    def call(*arguments: object) -> Answer:
        code = run([str(argument) for argument in (*arguments, "--json")])
        captured = capsys.readouterr()
        document = json.loads(captured.out) if captured.out.strip() else None
        return Answer(code, document, captured.err)

    return call
