"""The small commands, wrong usage, and start-up that stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from calling import Steatoscope

from steatoscope.apps.cli.reference import pages

ROOT = Path(__file__).parents[2]


def test_import_is_light() -> None:
    probe = (
        "import sys, steatoscope; print(len([m for m in sys.modules if m.split('.')[0] in ('numpy','torch','scipy')]))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_listing_models_loads_no_heavy_library() -> None:
    probe = (
        "import sys; from steatoscope.apps.cli.main import run; run(['models', 'list', '--json']);"
        "heavy = {'numpy', 'torch', 'scipy', 'pydicom', 'matplotlib', 'numba'} & set(sys.modules); sys.exit(len(heavy))"
    )
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False).returncode == 0


def test_models_are_listed_shown_and_verified(steatoscope: Steatoscope) -> None:
    listed = steatoscope("models", "list").document["models"]
    assert "us-first" in [model["name"] for model in listed]
    assert steatoscope("models", "show", "us-first").document["licence"]
    assert steatoscope("models", "verify").document["ok"] is True


@pytest.mark.parametrize("name", ["report", "clinical", "manifest", "batch_row"])
def test_schemas_are_valid(steatoscope: Steatoscope, name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(steatoscope("schema", name).document)


def test_doctor_is_content(steatoscope: Steatoscope) -> None:
    answer = steatoscope("doctor")
    assert answer.code == 0, answer.document


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze", "x.png"],
        ["analyze", "--out", "o"],
        ["analyze", "x.png", "--out", "o", "--profile", "nobody1999"],
        ["analyze", "x.png", "--out", "o", "--modality", "pet"],
        ["analyze", "x.png", "--out", "o", "--view", "AR"],
        ["analyze", "x.png", "--out", "o", "--model", "no-such-model"],
        ["phantom", "ct", "--fat", "140", "--out", "o"],
        ["models", "show", "no-such-model"],
        ["benchmark", "no-such-benchmark", "--out", "o"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_exits_with_two(
    steatoscope: Steatoscope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = steatoscope(*arguments)
    assert answer.code == 2
    assert answer.document["error"]["code"] == "E_USAGE"
    assert list(tmp_path.iterdir()) == []


def test_results_never_go_into_the_scan_folder_or_nowhere(steatoscope: Steatoscope, tmp_path: Path) -> None:
    assert steatoscope("analyze", tmp_path, "--out", tmp_path).code == 2
    (tmp_path / "file").write_text("x")
    assert steatoscope("analyze", tmp_path / "file", "--out", tmp_path / "file").code == 2
    assert steatoscope("benchmark", "phantom", "--out", tmp_path / "file" / "deep").code == 2


def test_fat_must_be_a_number(steatoscope: Steatoscope, tmp_path: Path) -> None:
    assert steatoscope("phantom", "us", "--fat", "nan", "--out", tmp_path / "x.png").code == 2


def test_reference_pages_are_up_to_date() -> None:
    for name, text in pages().items():
        assert (ROOT / "docs/reference" / name).read_text(encoding="utf-8") == text, f"run make docs ({name})"
