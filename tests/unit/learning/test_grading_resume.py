"""Recipes R2 and R3 killed between two fits and resumed: the figures are those of a run that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra (make train)")

from grading_kit import R2, R3, tiny_run

from steatoscope.core.errors import UsageError
from steatoscope.learning.evaluation.grading_run import document

pytestmark = pytest.mark.usefixtures("one_thread", "few_resamples")
RECIPES = {"r2": R2, "r3": R3}
MIDDLE = {
    "r2": ("fold 2 of 3", "fold-0-r2-last.npz", "fold-1-r2.npz"),
    "r3": ("fold 1 of 3, attention-1", "fold-0-attention-0.npz", "fold-0-attention-1.npz"),
}
FINISHED = ("fold 1 of 3, r2:", "fold 1 of 3, plain")


@pytest.mark.parametrize("name", ["r2", "r3"])
def test_a_killed_run_ends_with_the_same_figures(name: str, thin_folder: Path, tmp_path: Path) -> None:
    when, done, lacking = MIDDLE[name]
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    script = Path(__file__).with_name("grading_kit.py")
    environment = {**os.environ, "STEATOSCOPE_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [sys.executable, str(script), name, str(thin_folder), str(cut), when],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == -signal.SIGKILL, told.stderr
    assert (cut / name / done).is_file()
    assert not (cut / name / lacking).exists()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEATOSCOPE_CACHE", environment["STEATOSCOPE_CACHE"])
        heard: list[str] = []
        resumed = tiny_run(name, thin_folder, cut, resume=True, told=heard.append)
        left_alone = tiny_run(name, thin_folder, whole)
        with pytest.raises(UsageError, match="another plan, seed, data or weights"):
            tiny_run(name, thin_folder, cut, resume=True, seed=1)
    assert any(when in words for words in heard)
    assert not any(words.startswith(FINISHED) for words in heard)
    one, other = (document(RECIPES[name], run, RECIPES[name].rows(run), 0.0) for run in (resumed, left_alone))
    assert one["results"] == other["results"]
    assert one["cases"] == other["cases"]
    assert (one["n_subjects"], one["n_tested"], one["left_out"]) == (12, 12, 0)
    assert one["manifest"]["temperatures"] == other["manifest"]["temperatures"]
