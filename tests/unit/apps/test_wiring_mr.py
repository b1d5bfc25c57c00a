"""The MR liver: network where confirmed or very sure, classical where they differ, none on foreign images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from wiring_models import model_folder

from steatoscope.apps.wiring.mr_liver import mr_organs
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.learning.inference.organ_volume import FoundOrgan
from steatoscope.science.segment.mr import MRLiver

A = np.zeros((10, 40, 40), dtype=bool)
A[:, 5:25, 5:25] = True
NEAR = np.roll(A, 4, axis=2)
FAR = np.roll(A, 14, axis=2)


@pytest.mark.parametrize(
    ("found", "classical", "known", "method", "words"),
    [
        (FoundOrgan(A, 0.8), NEAR, True, "net 0.1.0", ""),
        (FoundOrgan(A, 0.8), FAR, True, "classical", "disagree (Dice 0.30)"),
        (FoundOrgan(A, 0.93), FAR, True, "net 0.1.0", "disagree (Dice 0.30)"),
        (FoundOrgan(None, 0.0), A, True, None, "in which the network sees no liver"),
        (FoundOrgan(A, 0.93), None, True, "net 0.1.0", "Only the network"),
        (FoundOrgan(A, 0.93), None, False, None, "does not confirm"),
        (FoundOrgan(A, 0.8), None, True, None, "does not confirm"),
        (FoundOrgan(None, 0.0), None, True, None, ""),
    ],
)
def test_which_outline_is_measured(
    tmp_path: Path, found: FoundOrgan, classical: np.ndarray | None, known: bool, method: str | None, words: str
) -> None:
    anatomy = Volume(np.ones(A.shape, np.float32), Geometry(np.diag([3.0, 3.0, 8.0, 1.0]), known), "au")
    organs = mr_organs(anatomy, found, MRLiver(classical, 0.6), model_folder(tmp_path / "net"))
    assert (organs.liver is None) == (method is None)
    if method is not None:
        assert organs.method.startswith(method)
        assert np.array_equal(organs.liver, found.mask if method.startswith("net") else classical)
        assert (organs.model is not None) == method.startswith("net")
    told = " ".join(note.message for note in organs.notes)
    assert words in told
    assert bool(told) == bool(words)
