from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from steatoscope.apps.cli.arguments import chosen_baseline, read_report
from steatoscope.apps.cli.main import run
from steatoscope.core.report import SCHEMA


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = [f"{np.exp(rng.normal(0.7, 0.5)):.2f},{'FM'[k % 2]}" for k in range(50)]
    path = tmp_path / "cohort.csv"
    path.write_text("\n".join(["fat_percent,sex", *rows]) + "\n", encoding="utf-8")
    return path


def test_fit_and_show_tell_the_same(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = cohort.with_name("baseline.json")
    words = ["baseline", "fit", str(cohort), "--out", str(out), "--scale", "pdff", "--who", "volunteers", "--json"]
    assert run(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(out.read_text(encoding="utf-8"))
    assert document["facts"]["who"] == "volunteers"
    assert run(["baseline", "show", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["quantities"] == document["quantities"]
    assert run(["baseline", "show", str(out)]) == 0
    assert "fewer than 120 people" in capsys.readouterr().out
    assert run(words) == 2


def test_a_cohort_without_a_scale_is_refused(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = cohort.with_name("baseline.json")
    assert run(["baseline", "fit", str(cohort), "--out", str(out), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E_SCALE"
    assert not out.exists()


def test_the_variable_names_the_reference_where_the_option_does_not(
    cohort: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = cohort.with_name("baseline.json")
    run(["baseline", "fit", str(cohort), "--out", str(out), "--scale", "pdff", "--name", "Site X"])
    capsys.readouterr()
    monkeypatch.delenv("STEATOSCOPE_BASELINE", raising=False)
    assert chosen_baseline(None) is None
    monkeypatch.setenv("STEATOSCOPE_BASELINE", str(out))
    found = chosen_baseline(None)
    assert found is not None
    assert found.name == "Site X"


@pytest.mark.parametrize(("digest", "day"), [("a" * 64, "2025-03-01"), ("b" * 64, None)])
def test_the_day_of_an_earlier_report_comes_from_the_manifest_that_belongs_to_it(
    tmp_path: Path, digest: str, day: str | None
) -> None:
    report = {"schema": SCHEMA, "provenance": {"report_digest": "a" * 64}}
    (tmp_path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    manifest = {"report_digest": digest, "source": {"acquired": "2025-03-01"}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert read_report(tmp_path / "report.json").get("acquired") == day


def test_a_cohort_that_is_not_healthy_is_told_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "fat.csv", tmp_path / "fat.json"
    path.write_text("\n".join(["fat_percent", *(f"{15 + k / 2:.1f}" for k in range(50))]) + "\n", encoding="utf-8")
    assert run(["baseline", "fit", str(path), "--out", str(out), "--scale", "pdff", "--json"]) == 0
    told = capsys.readouterr()
    assert "no healthy reference" in json.loads(told.out)["facts"]["caution"]
    assert "no healthy reference" in told.err
    assert run(["baseline", "show", str(out)]) == 0
    assert "no healthy reference" in capsys.readouterr().out
