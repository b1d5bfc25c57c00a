"""A cohort: tables, resume, and one failed study that does not stop the rest."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
from calling import Steatoscope


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def cohort(steatoscope: Steatoscope, folder: Path) -> Path:
    for number, fat in enumerate((3.0, 22.0)):
        steatoscope("phantom", "ct", "--fat", fat, "--seed", number, "--out", folder / f"scan{number}")
    (folder / "broken.dcm").write_bytes(b"not a scan at all")
    manifest = folder / "cohort.csv"
    manifest.write_text("path,subject,age\nscan0,P0,40\nbroken.dcm,P1,41\nscan1,P2,12\nmissing,P3,50\n")
    return manifest


def test_cohort_ends_with_tables_and_resumes(steatoscope: Steatoscope, tmp_path: Path) -> None:
    manifest, out = cohort(steatoscope, tmp_path), tmp_path / "out"
    answer = steatoscope("batch", manifest, "--out", out, "--workers", 2)
    assert answer.code == 0
    assert (answer.document["n"], answer.document["failed"], answer.document["refused"]) == (4, 2, 1)
    results = {row["subject"]: row for row in rows(out / "results.csv")}
    assert abs(float(results["P0"]["fat_percent"]) - 3.0) < 3.0
    assert results["P2"]["fat_percent"] == ""
    assert results["P2"]["error_code"] == "E_AGE"
    failures = {row["path"].rsplit("/", 1)[-1]: row["code"] for row in rows(out / "failures.csv")}
    assert failures == {"broken.dcm": "E_FORMAT", "missing": "E_PATH", "scan1": "E_AGE"}
    columns = [row["column"] for row in rows(out / "data_dictionary.csv")]
    assert columns == list(rows(out / "results.csv")[0])
    assert pq.read_table(out / "results.parquet").column_names == columns
    again = steatoscope("batch", manifest, "--out", out, "--workers", 1, "--resume")
    assert again.document["resumed"] == 2


def test_parts_together_are_the_cohort(steatoscope: Steatoscope, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.dcm").write_bytes(b"not a scan at all")
    (tmp_path / "m.csv").write_text("path\na.dcm\nb.dcm\nc.dcm\n")
    out, seen = tmp_path / "out", []
    for part in (1, 2):
        answer = steatoscope("batch", tmp_path / "m.csv", "--out", out, "--workers", 1, "--shard", f"{part}/2")
        seen.append(answer.document["n"])
        assert len(rows(out / "shards" / f"{part}-of-2" / "failures.csv")) == seen[-1]
    assert seen == [2, 1]
    for wrong in ("0/2", "3/2", "2", "a/b", "1/"):
        assert steatoscope("batch", tmp_path / "m.csv", "--out", out, "--shard", wrong).code == 2


def test_doubled_study_is_wrong_usage(steatoscope: Steatoscope, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path\na.dcm\na.dcm\n")
    assert steatoscope("batch", tmp_path / "m.csv", "--out", tmp_path / "out").code == 2
