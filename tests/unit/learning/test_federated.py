"""Federated averaging by NVIDIA FLARE is the weighted mean that it should be, and wrong sites are named."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from grading_kit import painted_folder  # noqa: E402

from steatoscope.apps.cli.main import run  # noqa: E402
from steatoscope.core.errors import SteatoscopeError  # noqa: E402
from steatoscope.learning.evaluation import federated, grading_scores  # noqa: E402
from steatoscope.learning.evaluation.federated import read_sites, run_federated  # noqa: E402
from steatoscope.learning.training import federation  # noqa: E402
from steatoscope.learning.training.federated_site import (  # noqa: E402
    FederatedPlan,
    left_out,
    local_round,
    site_bank,
    start_vectors,
)
from steatoscope.learning.training.grading_data import read_grading  # noqa: E402

FAT = (1, 3, 10, 30, 40, 60, 70, 80)
PLAN = FederatedPlan(rounds=2, epochs=1, folds=2)
needs_flare = pytest.mark.skipif(
    find_spec("nvflare") is None, reason="needs the federated extra: pip install 'steatoscope[federated]'"
)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two sites of eight painted patients, the second with twice the frames; one folder has a blank in its name."""
    folder = tmp_path_factory.mktemp("two sites")
    other = [value + 0.5 for value in FAT]
    return {
        "north": painted_folder(folder / "north clinic", FAT, frames=1),
        "south": painted_folder(folder / "south", other, frames=2),
    }


@needs_flare
def test_the_command_averages_by_frames_and_compares_by_patient(
    sites: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))
    for module in (federated, grading_scores):
        monkeypatch.setattr(module, "RESAMPLES", 50)
    out = tmp_path / "out"
    words = [f"--site={name}={folder}" for name, folder in sites.items()]
    assert run(["federate", *words, "--out", str(out), "--rounds", "2", "--epochs", "1", "--folds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {"federated averaging", "pooled in one place", "alone: north", "alone: south"}
    assert set(found["results"]) == rows
    assert found["results"]["federated averaging"]["auc_ci"]
    assert found["n_subjects"] == 2 * len(FAT)
    assert len(found["differences"]) == 3
    page = (out / "benchmark.md").read_text(encoding="utf-8")
    assert "federated averaging minus pooled in one place, paired: auc" in page

    heads = start_vectors(PLAN)
    data = [read_grading(folder) for folder in sites.values()]
    banks, without = [site_bank(one, PLAN) for one in data], [left_out(one, PLAN) for one in data]
    share = np.array([len(one) for one in data]) / sum(len(one) for one in data)
    assert share == pytest.approx([1 / 3, 2 / 3])
    for number in range(PLAN.rounds):
        each = [local_round(heads, bank, left, PLAN, number) for bank, left in zip(banks, without, strict=True)]
        heads = np.average(np.stack(each).astype(np.float64), axis=0, weights=share).astype(np.float32)
    theirs = np.load(out / "federation" / federation.RESULT)
    # The rounds move weights by up to 2 epochs of 3e-4; the rest is float32.
    assert np.abs(heads - start_vectors(PLAN)).max() > 1e-4
    np.testing.assert_allclose(theirs, heads, rtol=0.0, atol=2e-6)

    state = torch.load(out / "head.pt", weights_only=True)
    flat = torch.cat([part.flatten() for part in state.values()]).numpy()
    np.testing.assert_array_equal(flat, theirs[-1].astype(np.float32))
    assert run(["federate", *words, "--out", str(out)]) == 2


def test_each_head_leaves_its_fold_out_at_every_site(sites: dict[str, Path]) -> None:
    found = read_sites(sites, PLAN)
    assert {name: len(rows) for name, rows in found.own.items()} == {"north": 8, "south": 8}
    assert sorted(np.concatenate(found.out)) == list(range(16))
    assert [len(rows) for rows in found.out] == [8, 8, 0]
    for rows in found.out[:-1]:
        assert {found.data.names[row].split("/")[0] for row in rows} == {"north", "south"}


def test_wrong_sites_are_named(
    sites: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(federation, "require_federated", lambda: None)
    out = ["--out", str(tmp_path / "out")]
    north = f"--site=north={sites['north']}"
    for words, told in (
        ([north], "at least two sites"),
        ([north, "--site=server=."], "no name of a site"),
        ([north, f"--site=north={sites['south']}"], "names north twice"),
        (["--site=north"], "--site takes NAME=PATH"),
    ):
        assert run(["federate", *words, *out]) == 2
        assert told in capsys.readouterr().err
    assert run(["federate", north, f"--site=south={tmp_path / 'none'}", *out]) == 3
    shutil.copytree(sites["north"], tmp_path / "copy")
    with pytest.raises(SteatoscopeError) as fault:
        run_federated({"north": sites["north"], "south": tmp_path / "copy"}, tmp_path / "out")
    assert fault.value.code == "E_LEAK"


def test_the_missing_extra_is_said(
    sites: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(federation, "find_spec", lambda _name: None)
    words = [f"--site={name}={folder}" for name, folder in sites.items()]
    assert run(["federate", *words, "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'steatoscope[train,federated]'" in capsys.readouterr().err
