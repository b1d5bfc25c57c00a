"""Cohort manifests: paths beside the manifest, named faults."""

from pathlib import Path

import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.manifest import read_manifest


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cohort.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_relative_paths_start_at_the_manifest(tmp_path: Path) -> None:
    rows = read_manifest(write(tmp_path, "path,subject,modality,age\nscans/a.dcm,P1,CT,44\n/abs/b.png,,,\n"))
    assert rows[0].path == str(tmp_path / "scans/a.dcm")
    assert (rows[0].subject, rows[0].modality, rows[0].age) == ("P1", "ct", 44)
    assert (rows[1].path, rows[1].subject) == ("/abs/b.png", None)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("subject\nA\n", "E_FORMAT", "path"),
        ("path\n", "E_EMPTY", "rows"),
        ("path,modality\na,pet\n", "E_FORMAT", "Line 2"),
        ("path,age\na,300\n", "E_FORMAT", "age"),
        ("path,subject\n,P1\n", "E_FORMAT", "path"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, code: str, words: str) -> None:
    with pytest.raises(SteatoscopeError) as caught:
        read_manifest(write(tmp_path, text))
    assert caught.value.code == code
    assert words in caught.value.cause
