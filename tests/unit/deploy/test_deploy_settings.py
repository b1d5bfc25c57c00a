"""The reference of settings names each variable that the code reads, and none else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from deploy_kit import DEPLOY, ROOT

PAGE = ROOT / "docs" / "reference" / "settings.md"
ROW = re.compile(r"^\| `(STEATOSCOPE_[A-Z_]+)` \| (.+?) \| .+ \|$", re.MULTILINE)


class Recorder(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def asked_by_the_service() -> set[str]:
    from steatoscope.apps.wiring.settings import service_settings

    recorder = Recorder()
    service_settings(Path("unused"), recorder)
    return recorder.asked


def named_in_code() -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    return {name for text in texts for name in re.findall(r"STEATOSCOPE_[A-Z]+(?:_[A-Z]+)*\b(?!_)", text)}


def documented() -> dict[str, str]:
    return dict(ROW.findall(PAGE.read_text(encoding="utf-8")))


def test_every_variable_of_the_code_is_documented_and_none_else():
    assert set(documented()) == asked_by_the_service() | named_in_code()


def test_the_recorder_sees_the_variables_that_are_put_together():
    assert {"STEATOSCOPE_LEASE_S", "STEATOSCOPE_WORKERS", "STEATOSCOPE_DATABASE_URL"} <= asked_by_the_service()
    assert len(asked_by_the_service()) >= 17


def test_defaults_are_those_of_the_code():
    from steatoscope.apps.wiring.settings import ServiceSettings

    defaults = {f"STEATOSCOPE_{field.name.upper()}": field.default for field in fields(ServiceSettings)}
    for name, text in documented().items():
        value = defaults.get(name)
        if isinstance(value, bool):
            assert (text, value) == ("off", False), name
        elif isinstance(value, (int, float)):
            assert float(text) == value, name


def test_threads_of_a_network_are_those_of_the_code():
    from steatoscope.learning.inference.session import DEFAULT_THREADS

    assert documented()["STEATOSCOPE_THREADS"] == str(DEFAULT_THREADS)


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*")), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_deployment_files_use_only_settings_that_exist(path):
    if not path.is_file() or "__pycache__" in path.parts:
        return
    images = {"STEATOSCOPE_IMAGE", "STEATOSCOPE_CUDA_IMAGE"}
    used = set(re.findall(r"\bSTEATOSCOPE_[A-Z]+(?:_[A-Z]+)*\b(?!_)", path.read_text(encoding="utf-8")))
    assert used - images <= set(documented())
