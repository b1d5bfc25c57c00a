"""Reader tables: whole ones are read, broken ones are named by code and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.lab_readers import read_readings, study_document, study_table
from steatoscope.science.metrics.readers import NONE

_HEAD = "case,subject,reader,grade,truth"


def _table(path: Path, *lines: str, head: str = _HEAD) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_table_is_read_by_names_and_numbers(tmp_path: Path) -> None:
    path = _table(tmp_path / "r.csv", "c1,s1,ann,normal,0", "c1,s1,bob,1,normal", "c2,s2,ann,severe,")
    found = read_readings(path)
    assert found.readers == ("ann", "bob")
    assert found.grades.tolist() == [[0, 1], [3, NONE]]
    assert found.truth is not None
    assert found.truth.tolist() == [0, NONE]


def test_a_study_has_a_row_for_every_pair(tmp_path: Path) -> None:
    lines = [f"c{n},s{n % 5},{who},{n % 4},{n % 4}" for n in range(10) for who in ("ann", "bob", "net")]
    study = study_document(_table(tmp_path / "r.csv", *lines), model="net", resamples=50)
    assert (study["cases"], study["subjects"]) == (10, 5)
    names = [name for name, _ in study_table(study)]
    readers = ["ann and bob", "ann and truth", "bob and truth", "consensus and truth"]
    assert names == [*readers, "net and ann", "net and bob", "net and consensus", "net and truth"]
    assert study["all"]["fleiss_kappa"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("code", "words", "lines", "head"),
    [
        ("E_ANNOTATION", "no column reader", ["c1,s1,0"], "case,subject,grade"),
        ("E_ANNOTATION", "Line 2: The grade is empty", ["c1,s1,ann,,0"], _HEAD),
        ("E_ANNOTATION", "two subjects", ["c1,s1,ann,0,", "c1,s2,bob,0,"], _HEAD),
        ("E_ANNOTATION", "twice", ["c1,s1,ann,0,", "c1,s1,ann,1,"], _HEAD),
        ("E_LABEL", "Line 3: 'huge' is none of normal", ["c1,s1,ann,0,", "c1,s1,bob,huge,"], _HEAD),
        ("E_LABEL", "'4' is none of", ["c1,s1,ann,4,"], _HEAD),
        ("E_LABEL", "two truths", ["c1,s1,ann,0,1", "c1,s1,bob,0,2"], _HEAD),
        ("E_EMPTY", "no rows", [], _HEAD),
    ],
)
def test_broken_tables_are_named(tmp_path: Path, code: str, words: str, lines: list[str], head: str) -> None:
    with pytest.raises(SteatoscopeError, match=code) as told:
        read_readings(_table(tmp_path / "r.csv", *lines, head=head))
    assert words in told.value.cause
    assert code == "E_EMPTY" or "reader table" in told.value.message
    assert "training" not in f"{told.value.message} {told.value.remedy}"


def test_missing_files_and_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        read_readings(tmp_path / "none.csv")
    with pytest.raises(SteatoscopeError, match="E_ANNOTATION"):
        study_document(_table(tmp_path / "r.csv", "c1,s1,ann,0,"), model="net")
    (tmp_path / "r.csv").write_bytes(b"\xff\xfe\x00case")
    with pytest.raises(SteatoscopeError, match="E_FORMAT"):
        read_readings(tmp_path / "r.csv")


def test_a_table_in_another_encoding_is_told_without_the_words_of_a_codec(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes("case,subject,reader,grade\nc1,s1,J\u00f6rg,0\n".encode("latin-1"))
    with pytest.raises(SteatoscopeError, match="E_FORMAT") as told:
        read_readings(path)
    assert told.value.cause == "It is not a CSV table in UTF-8 text."
    assert "UTF-8" in told.value.remedy
