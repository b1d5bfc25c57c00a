"""The Dockerfiles: hadolint, and what hadolint does not ask."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from deploy_kit import DEPLOY, ROOT, instructions, pinned, tool

FILES = [DEPLOY / "docker" / name for name in ("Dockerfile", "Dockerfile.cuda")]
each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


@each
def test_hadolint_finds_nothing(path):
    done = subprocess.run([tool("hadolint"), "--no-color", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nADD https://example.org/x /x\nRUN apt-get install curl\nCMD python\n")
    done = subprocess.run([tool("hadolint"), "-f", "json", str(bad)], capture_output=True, text=True, check=False)
    assert {"DL3007", "DL3015", "DL3025"} <= {found["code"] for found in json.loads(done.stdout)}


@each
def test_bases_are_pinned_by_an_argument(path):
    arguments = dict(rest.split("=", 1) for word, rest in instructions(path) if word == "ARG" and "=" in rest)
    bases = [rest.split()[0] for word, rest in instructions(path) if word == "FROM"]
    assert len(bases) == 2, "wheels are built in a first stage that is left behind"
    for base in bases:
        assert pinned(arguments[re.fullmatch(r"\$\{(\w+)\}", base).group(1)])


@each
def test_runs_as_an_unprivileged_number_in_exec_form_with_a_health_check(path):
    last = instructions(path)
    last = last[max(index for index, (word, _) in enumerate(last) if word == "FROM") :]
    words = [word for word, _ in last]
    user = dict(last)["USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert words.index("USER") > max(index for index, word in enumerate(words) if word == "RUN")
    assert json.loads(dict(last)["CMD"])[0] == "gunicorn"
    health = dict(last)["HEALTHCHECK"]
    assert "/healthz" in json.loads(health.partition("CMD ")[2])[-1]


@each
def test_holds_no_secret_and_fetches_nothing_by_address(path):
    for word, rest in instructions(path):
        assert word != "ADD"
        assert "http://" not in rest.replace("http://127.0.0.1", "")
        assert "https://" not in rest
        if word in {"ARG", "ENV"}:
            assert not re.search(r"PASSWORD|SECRET|TOKEN|_KEY", rest, re.IGNORECASE)


@each
def test_writes_only_to_the_data_folder_and_tmp(path):
    last = instructions(path)
    environment = " ".join(rest for word, rest in last if word == "ENV")
    values = dict(part.split("=", 1) for part in environment.split())
    for name in ("HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
        assert values[name].startswith("/tmp")
    assert values["PYTHONDONTWRITEBYTECODE"] == "1"
    assert values["STEATOSCOPE_DATA_DIR"] in next(rest for word, rest in last if word == "VOLUME")


@each
def test_everything_that_is_copied_is_sent_to_the_build(path):
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, rest in instructions(path):
        if word != "COPY" or "--from" in rest:
            continue
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists()
            assert source.removeprefix("./") in sent


def test_secrets_and_data_stay_outside_the_build():
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in rules
    assert not any(".env" in rule or rule == "!." for rule in rules if rule.startswith("!"))
