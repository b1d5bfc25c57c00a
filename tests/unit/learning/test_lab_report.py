"""The laboratory page and its checklists: what documents say is shown, what they do not say is said to be missing."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from steatoscope.apps.cli.main import run
from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.checklist import ITEMS, UNFILLED, counted, fill
from steatoscope.learning.evaluation.checklist_facts import FACTS
from steatoscope.learning.evaluation.lab import gather, write_laboratory
from steatoscope.learning.evaluation.lab_charts import chart_of


def _document(name: str = "toy", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "data": "toy <folder> | of 3",
        "n_subjects": 3,
        "n_images": 9,
        "left_out": 2,
        "results": {
            "model": {"auc": 0.8, "auc_ci": [0.7, 0.9], "mae_percent": 4.0},
            "baseline: SVM": {"auc": 0.6, "auc_ci": [0.5, 0.7]},
            "published: theirs": {"auc": 0.99},
        },
        **more,
    }


def _simulated() -> dict[str, Any]:
    recipe = {"title": "Simulated recipe", "publication": "A. Author", "comparability": "None.", "simulated": True}
    taken = {"command": "steatoscope benchmark x", "seconds": 75.0, "peak_memory_mb": 812, "seed": 3}
    manifest = {"split": [{"train": ["a"], "test": ["b"]}] * 4, "weights": "random", "versions": {"torch": "2"}}
    plan = {"plan": "small", "plan_words": "2 epochs"}
    return _document("sim", recipe=recipe | plan, run=taken, manifest=manifest, notes=["Read."])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, document in (("one", _document()), ("two/deep", _simulated())):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "benchmark.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path / "results"


class _Tags(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "line", "circle", "img"):
            self.open.append(tag)
        assert not any(name in ("src", "href") and str(value).startswith("http") for name, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "circle"):
            assert self.open.pop() == tag


def test_the_page_holds_all_benchmarks_with_their_marks(folder: Path, tmp_path: Path) -> None:
    entries, begun = gather([folder])
    assert [entry.name for entry in entries] == ["toy", "sim"], "real data come first"
    write_laboratory(entries, begun, tmp_path / "out", command="steatoscope lab")
    page = (tmp_path / "out" / "laboratory.html").read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert "toy &lt;folder&gt;" in page
    assert page.count('<p class="simulated">') == 1
    for words in ("0.800", "0.700 to 0.900", "A. Author", "75 s", "812 MB", "4 folds by subject", "2 left out"):
        assert words in page
    assert "not recorded" in page


def test_the_markdown_has_whole_tables(folder: Path, tmp_path: Path) -> None:
    entries, begun = gather([folder])
    write_laboratory(entries, begun, tmp_path / "out", command="steatoscope lab")
    text = (tmp_path / "out" / "laboratory.md").read_text(encoding="utf-8")
    assert "SIMULATED DATA" in text
    assert text.count("Small plan: shows that it runs, not how good it is.") == 1
    assert "| published: theirs | 0.990 | – |" in text
    tables: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    for table in filter(None, tables):
        assert len({line.count("|") for line in table}) == 1, table[0]
        assert len(table) > 2
        assert set(table[1]) == {"|", "-"}


def test_results_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        gather([tmp_path / "missing"])
    with pytest.raises(SteatoscopeError, match="E_EMPTY"):
        gather([tmp_path])
    bad = tmp_path / "benchmark.json"
    for text in ("{", "[]", '{"name": "x"}'):
        bad.write_text(text)
        with pytest.raises(SteatoscopeError, match="E_FORMAT"):
            gather([bad])


def test_a_run_that_was_begun_is_told_as_unfinished(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    entries, begun = gather([folder, tmp_path / "half"])
    assert len(entries) == 2
    assert begun == ["half: begun, but it holds no benchmark.json"]


def test_the_chart_has_every_row_with_its_interval_in_order() -> None:
    chart = chart_of(_document())
    assert chart is not None
    assert (chart.metric, len(chart.dots)) == ("auc", 3)
    model, _, published = chart.dots
    assert model.low is not None
    assert model.high is not None
    assert chart.left < model.low < model.x < model.high < published.x < chart.width
    assert (published.role, published.low) == ("published", None)
    assert chart_of(_document() | {"results": {"a": {"x": 1.0}}}) is None


def test_the_checklists_are_whole_and_filled_only_from_the_run() -> None:
    claim = [item.number for item in ITEMS if item.guideline == "CLAIM 2024"]
    tripod = [item.number for item in ITEMS if item.guideline == "TRIPOD+AI"]
    assert claim == [str(number) for number in range(1, 45)]
    assert sorted({int(number.rstrip("abcdefg")) for number in tripod}) == list(range(1, 28))
    assert {item.fact for item in ITEMS if item.fact} <= set(FACTS)
    bare, whole = fill(_document()), fill(_simulated())
    assert counted(bare, "CLAIM 2024")[0] < counted(whole, "CLAIM 2024")[0] < 44
    assert all((one.words == UNFILLED) != one.filled for one in (*bare, *whole))
    words = {(one.item.guideline, one.item.number): one for one in whole}
    assert words["CLAIM 2024", "44"].words == UNFILLED
    assert words["CLAIM 2024", "24"].words == "random"
    assert "simulated" in words["CLAIM 2024", "7"].words
    assert words["TRIPOD+AI", "18f"].words == "repeated by: steatoscope benchmark x"


def test_lab_as_a_command_with_a_reader_study(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "readers.csv"
    lines = [f"c{n},s{n},{who},{(n + (who == 'bob')) % 4}" for n in range(8) for who in ("ann", "bob", "net")]
    table.write_text("\n".join(["case,subject,reader,grade", *lines]), encoding="utf-8")
    arguments = ["lab", str(folder), "--out", str(tmp_path / "out"), "--readers", str(table), "--json"]
    assert run([*arguments, "--reader-model", "net"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["readers"]["model"]["net and ann"]["kappa"] == 1.0
    assert "net and consensus" in (tmp_path / "out" / "laboratory.html").read_text(encoding="utf-8")
    assert "| net and ann | 8 | 1.00" in (tmp_path / "out" / "laboratory.md").read_text(encoding="utf-8")
    assert run([*arguments, "--reader-model", "nobody"]) == 3


def test_the_page_is_not_laid_among_other_files_but_over_itself(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["lab", str(folder), "--out", str(out)]) == 0
    assert run(["lab", str(folder), "--out", str(out)]) == 0
    (out / "thesis.txt").write_text("mine", encoding="utf-8")
    (out / "laboratory.md").unlink()
    assert run(["lab", str(folder), "--out", str(out)]) == 2
    assert not (out / "laboratory.md").exists()


def test_a_benchmark_of_both_kinds_is_marked_as_partly_simulated(folder: Path, tmp_path: Path) -> None:
    both = _document("both")
    both["results"]["model on phantoms (simulated)"] = {"auc": 0.9}
    (folder / "both").mkdir()
    (folder / "both" / "benchmark.json").write_text(json.dumps(both), encoding="utf-8")
    entries, begun = gather([folder])
    assert [entry.mark for entry in entries] == ["partly simulated", "", "simulated"]
    write_laboratory(entries, begun, tmp_path / "out", command="steatoscope lab")
    assert "PARTLY SIMULATED DATA" in (tmp_path / "out" / "laboratory.md").read_text(encoding="utf-8")
