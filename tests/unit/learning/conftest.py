"""What the tests of the grading recipes share: a painted set, one thread, few resamples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

SCORES = ("grading_scores", "grading_baselines", "grading_compare")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for one another on a busy machine cost more than they bring."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def few_resamples() -> Iterator[None]:
    """Intervals from fewer draws: tests look at the figures themselves."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SCORES:
            patch.setattr(f"steatoscope.learning.evaluation.{name}.RESAMPLES", 50)
        yield


@pytest.fixture(scope="session")
def graded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve painted patients of four frames each, laid out as Byra 2018."""
    from grading_kit import painted_folder

    return painted_folder(tmp_path_factory.mktemp("painted") / "us" / "byra2018", frames=4)


@pytest.fixture(scope="session")
def thin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve painted patients of two frames each."""
    from grading_kit import painted_folder

    return painted_folder(tmp_path_factory.mktemp("thin"), frames=2)
