"""The laboratory page and its checklists: what documents say is shown, what they do not say is said to be missing."""

from __future__ import annotations

import json
import re
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
from steatoscope.learning.evaluation.report_rows import words


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
    for told in ("0.800", "0.700 to 0.900", "A. Author", "75 s", "812 MB", "4 folds by subject", "2 left out"):
        assert told in page
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


def test_the_chart_shows_what_models_share_with_most_of_what_stands_beside() -> None:
    rows = {
        "first": {"rmse_percent": 4.0, "accuracy_4": 0.7, "mae_percent": 3.0},
        "second": {"rmse_percent": 5.0, "accuracy_4": 0.6, "mae_percent": 4.0},
        "baseline: SVM": {"accuracy_4": 0.5, "mae_percent": 5.0, "auc": 0.7},
        "baseline: forest": {"accuracy_4": 0.5, "mae_percent": 5.0, "auc": 0.6},
        "published: theirs": {"accuracy_4": 0.94, "auc": 0.9},
    }
    chart = chart_of(_document() | {"results": rows})
    assert chart is not None
    assert (chart.metric, len(chart.dots)) == ("accuracy_4", 5)
    alone = chart_of(_document() | {"results": {name: rows[name] for name in ("first", "second")}})
    assert alone is not None
    assert alone.metric == "rmse_percent"


def test_the_checklists_are_whole_and_filled_only_from_the_run() -> None:
    claim = [item.number for item in ITEMS if item.guideline == "CLAIM 2024"]
    tripod = [item.number for item in ITEMS if item.guideline == "TRIPOD+AI"]
    assert claim == [str(number) for number in range(1, 45)]
    assert sorted({int(number.rstrip("abcdefg")) for number in tripod}) == list(range(1, 28))
    assert {item.fact for item in ITEMS if item.fact} <= set(FACTS)
    bare, whole = fill(_document()), fill(_simulated())
    assert counted(bare, "CLAIM 2024")[0] < counted(whole, "CLAIM 2024")[0] < 44
    assert all((one.words == UNFILLED) != one.filled for one in (*bare, *whole))
    items = {(one.item.guideline, one.item.number): one for one in whole}
    assert items["CLAIM 2024", "44"].words == UNFILLED
    assert items["CLAIM 2024", "24"].words == "random"
    assert "simulated" in items["CLAIM 2024", "7"].words
    assert items["TRIPOD+AI", "18f"].words == "repeated by: steatoscope benchmark x"


def test_the_checklists_tell_the_tested_from_the_excluded_and_the_runs_own_comparability() -> None:
    def words(document: dict[str, Any]) -> dict[tuple[str, str], str]:
        return {(one.item.guideline, one.item.number): one.words for one in fill(document)}

    old = _simulated() | {"left_out": 0}
    told = words(old | {"n_subjects": 20, "n_images": 40, "n_tested": 2, "comparability": "Here: 20 simulated."})
    for item in (("CLAIM 2024", "35"), ("TRIPOD+AI", "20a"), ("TRIPOD+AI", "21")):
        assert told[item] == "20 subjects with 40 images in the set, 2 of the subjects were tested, 0 left out"
        assert words(old)[item] == "3 subjects with 9 images were scored, 0 left out"
    for item in (("CLAIM 2024", "8"), ("TRIPOD+AI", "6b")):
        assert told[item] == "0 left out of the folder"
    for item in (("CLAIM 2024", "40"), ("TRIPOD+AI", "25"), ("TRIPOD+AI", "26")):
        assert told[item] == "Here: 20 simulated."
        assert words(old)[item] == "None."


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
    text = (tmp_path / "out" / "laboratory.md").read_text(encoding="utf-8")
    html = (tmp_path / "out" / "laboratory.html").read_text(encoding="utf-8")
    low, high = printed["readers"]["all"]["fleiss_kappa_ci"]
    fleiss = f"cases: {words(printed['readers']['all']['fleiss_kappa'])} ({words(low)} to {words(high)})"
    assert fleiss in text
    assert fleiss in html.replace("\n", " ")
    assert "| cases | agreement | kappa | linear kappa | quadratic kappa |" in text
    assert "Linear kappa" in html
    linear = printed["readers"]["pairs"]["ann and bob"]["kappa_linear"]
    assert f"{words(linear)} (" in text


def test_a_reader_model_without_readers_is_wrong_usage(folder: Path, tmp_path: Path) -> None:
    assert run(["lab", str(folder), "--out", str(tmp_path / "out"), "--reader-model", "net"]) == 2
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_ran_twice_has_two_headings_and_a_file_given_twice_one(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "results" / "again" / "benchmark.json"
    again.parent.mkdir()
    again.write_text(json.dumps(_document()), encoding="utf-8")
    entries, begun = gather([folder, again, folder / "one"])
    assert [entry.label for entry in entries] == ["toy (again)", "toy (one)", "sim"]
    write_laboratory(entries, begun, tmp_path / "out", command="steatoscope lab")
    page = (tmp_path / "out" / "laboratory.html").read_text(encoding="utf-8")
    anchors = re.findall(r' id="([^"]*)"', page)
    assert anchors == ["toy-again", "toy-one", "sim"]
    assert re.findall(r'<li><a href="#([^"]*)"', page) == anchors
    text = (tmp_path / "out" / "laboratory.md").read_text(encoding="utf-8")
    assert "| [toy (one)](#toy-one) |" in text
    assert "\n## toy (again)\n" in text


def test_no_table_hides_rows_in_a_box_of_fixed_height(folder: Path, tmp_path: Path) -> None:
    entries, begun = gather([folder])
    write_laboratory(entries, begun, tmp_path / "out", command="steatoscope lab")
    assert "max-height" not in (tmp_path / "out" / "laboratory.html").read_text(encoding="utf-8")


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
