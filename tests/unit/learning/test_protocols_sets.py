"""A manifest's sites, subjects and contents reach the protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_folders import manifest_rows, table

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation import protocols as by
from steatoscope.learning.evaluation.protocols_sets import cases_of
from steatoscope.learning.training.sets_manifest import load_manifest


def _mean(known: by.Cases, unseen: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.full(len(unseen), known.truth.mean())


def test_a_site_of_the_manifest_is_left_out(tmp_path: Path) -> None:
    rows = [row | {"site": ("north", "south")[n // 4]} for n, row in enumerate(manifest_rows(tmp_path, 8))]
    data = load_manifest(table(tmp_path / "manifest.csv", rows), label="fat_percent")
    cases = cases_of(data, np.zeros((8, 1)))
    assert by.leave_one_site_out(cases, _mean).chosen == ("north", "south")
    assert cases.content is not None
    assert len(set(cases.content.tolist())) == 8
    with pytest.raises(SteatoscopeError, match="E_LEAK"):
        by.external(cases, cases_of(data, np.zeros((8, 1))), _mean)


def test_a_manifest_without_sites_and_inputs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    data = load_manifest(table(tmp_path / "manifest.csv", manifest_rows(tmp_path, 8)), label="fat_percent")
    with pytest.raises(SteatoscopeError, match="E_ANNOTATION"):
        by.leave_one_site_out(cases_of(data, np.zeros((8, 1))), _mean)
    with pytest.raises(SteatoscopeError, match="E_ANNOTATION"):
        cases_of(data, np.zeros((7, 1)))
