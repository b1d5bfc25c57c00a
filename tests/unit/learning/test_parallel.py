"""Two processes under torchrun end with the weights of one, also where a run was killed and resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

import parallel_run  # noqa: E402
from training_folders import aul_folder  # noqa: E402

from steatoscope.core.errors import UsageError  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.training.parallel import share_of  # noqa: E402
from steatoscope.learning.training.processes import DEVICE, training_device  # noqa: E402

SCRIPT = Path(__file__).with_name("parallel_run.py")


def _together(words: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine by torchrun, without a GPU."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run([*launcher, *words], env=environment, capture_output=True, text=True, check=False)


def _weights(folder: Path, name: str = "rank-0") -> dict[str, np.ndarray]:
    found = torch.load(folder / f"{name}.pt", weights_only=True)
    return {name: value.double().numpy() for name, value in found.items()}


def _same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], tolerance: float) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=0.0, atol=tolerance, err_msg=name)


def test_two_processes_end_with_the_weights_of_one_and_a_killed_run_goes_on(tmp_path: Path) -> None:
    one, two, broken = (tmp_path / name for name in ("one", "two", "broken"))
    for folder in (one, two, broken):
        folder.mkdir()
    parallel_run.main(one, "whole")
    done = _together([str(SCRIPT), str(two), "whole"])
    assert done.returncode == 0, done.stderr
    # 24 steps of float32 sums in another order: 1e-5 of weights that move by 0.02 a step.
    _same(_weights(two), _weights(one), 1e-5)
    _same(_weights(two, "rows-0"), _weights(one, "rows-0"), 1e-5)
    for name in ("rank", "rows"):
        _same(_weights(two, f"{name}-0"), _weights(two, f"{name}-1"), 0.0)
    assert (two / "own-0.txt").read_text(encoding="utf-8") == f"{two / 'run'} False"
    assert not Path((two / "own-1.txt").read_text(encoding="utf-8").split()[0]).exists()

    done = _together([str(SCRIPT), str(broken), "broken"], "--max-restarts", "1")
    assert done.returncode == 0, done.stderr
    assert (broken / "own-0.txt").read_text(encoding="utf-8") == f"{broken / 'run'} True"
    _same(_weights(broken), _weights(two), 0.0)


def test_the_command_trains_on_two_processes_and_tells_once(tmp_path: Path) -> None:
    aul_folder(tmp_path / "aul")
    words = ["train", "us-segmenter", "--data", str(tmp_path / "aul"), "--steps", "2", "--device", "cpu", "--json"]
    done = _together(["-m", "steatoscope", *words, "--out", str(tmp_path / "two")])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "us-segmenter"
    assert read_folder(tmp_path / "two").name == "us-segmenter"
    history = json.loads((tmp_path / "two" / "run" / "history.json").read_text(encoding="utf-8"))
    assert len(history["loss"]) == 2


@pytest.mark.parametrize(("rows", "count"), [(8, 2), (7, 3), (3, 3), (50, 4)])
def test_shares_are_even_and_cover_the_batch(rows: int, count: int) -> None:
    shares = [share_of(rows, number, count) for number in range(count)]
    assert [row for share in shares for row in range(share.start, share.stop)] == list(range(rows))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert not share_of(count - 1, 0, count).divided


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The setting and the number of threads as they were."""
    threads = torch.get_num_threads()
    monkeypatch.setenv(DEVICE, "auto")
    yield
    torch.set_num_threads(threads)


def test_the_device_is_what_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE, "cpu")
    assert training_device().type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert training_device().type == "cpu"
    monkeypatch.setenv(DEVICE, "auto")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert training_device() == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training_device().type == "cpu"
    for wrong, words in (("cuda", "finds no GPU"), ("tpu", "choose from")):
        monkeypatch.setenv(DEVICE, wrong)
        with pytest.raises(UsageError, match=words):
            training_device()
