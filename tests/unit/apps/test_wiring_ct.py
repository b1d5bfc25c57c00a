"""The CT liver: network where confirmed, classical where large and sure, none where nothing holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from wiring_models import model_folder, threshold_graph

from steatoscope.apps.wiring.ct_liver import NetworkCT, ct_organs
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.learning.inference.organ_volume import FoundOrgan
from steatoscope.pipeline.ports import Organs
from steatoscope.science.segment.ct import CTOrgans

SHAPE = (20, 60, 60)
HU = {"aorta": 45.0, "spleen": 50.0, "kidney": 30.0, "portal": 48.0, "liver": 55.0}
LIVER = np.s_[2:18, 10:50, 5:35]


def mask(place: tuple[slice, ...]) -> np.ndarray:
    found = np.zeros(SHAPE, dtype=bool)
    found[place] = True
    return found


def volume(level: float = 55.0, *, slices: int = 20, spacing: float = 5.0) -> Volume:
    data = np.full(SHAPE, 10.0, np.float32)
    data[LIVER] = level
    return Volume(data[:slices], Geometry.from_spacing((spacing, 4.0, 4.0)), "HU")


def found_by(found: FoundOrgan, classical: CTOrgans, tmp_path: Path, seen: Volume | None = None) -> Organs:
    model = model_folder(tmp_path / "net")
    return ct_organs(seen or volume(), lambda _: found, classical, model)


def classical(liver: np.ndarray | None, confidence: float = 0.9, **others: np.ndarray) -> CTOrgans:
    return CTOrgans(liver, **others, hu=HU, confidence={"liver": confidence})


def test_confirmed_network_liver_beside_classical_neighbours(tmp_path: Path) -> None:
    spleen, kidney = mask(np.s_[4:10, 20:34, 33:50]), mask(np.s_[2:6, 40:50, 30:40])
    organs = found_by(FoundOrgan(mask(LIVER), 0.95), classical(mask(LIVER), spleen=spleen, kidney=kidney), tmp_path)
    assert organs.method == "net 0.1.0"
    assert organs.model is not None
    assert organs.notes == ()
    assert organs.spleen is not None
    assert not (organs.spleen & organs.liver).any()
    assert organs.kidney is None, "half of it is liver"
    assert (organs.hu["liver"], organs.hu["spleen"], organs.hu["kidney"]) == (55.0, 50.0, None)
    assert organs.neighbours is not None
    assert organs.neighbours.startswith("classical")


def test_low_overlap_is_told_with_its_dice(tmp_path: Path) -> None:
    other = mask(np.s_[2:18, 10:50, 20:50])
    organs = found_by(FoundOrgan(mask(LIVER), 0.95), classical(other), tmp_path)
    assert organs.liver is not None
    assert organs.hu["portal"] == 48.0
    assert [note.code for note in organs.notes] == ["W_MASK"]
    assert "Dice 0.50" in organs.notes[0].message


@pytest.mark.parametrize(
    ("found", "liver", "sure", "level"),
    [
        (FoundOrgan(None, 0.0), mask(np.s_[4:6, 20:24, 8:14]), 0.9, 55.0),  # classical, but small
        (FoundOrgan(None, 0.0), mask(LIVER), 0.5, 55.0),  # classical, but unsure
        (FoundOrgan(mask(LIVER), 0.8), None, 0.0, 55.0),  # network alone, unsure
        (FoundOrgan(mask(LIVER), 0.95), None, 0.0, 8.0),  # network alone, dark as bowel or bladder
        (FoundOrgan(mask(np.s_[4:6, 20:24, 8:14]), 0.95), None, 0.0, 55.0),  # network alone, small
        (FoundOrgan(None, 0.0), None, 0.0, 55.0),
    ],
)
def test_nothing_is_measured_on_an_outline_that_nothing_confirms(
    tmp_path: Path, found: FoundOrgan, liver: np.ndarray | None, sure: float, level: float
) -> None:
    organs = found_by(found, classical(liver, sure), tmp_path, volume(level))
    assert organs.liver is None
    assert organs.model is None
    assert (len(organs.notes) > 0) == (found.mask is not None or liver is not None)


def test_a_large_and_sure_outline_stands_alone_with_a_warning(tmp_path: Path) -> None:
    network = found_by(FoundOrgan(mask(LIVER), 0.95), classical(None), tmp_path)
    assert network.liver is not None
    assert "Only the network" in network.notes[0].message
    fallback = found_by(FoundOrgan(None, 0.0), classical(mask(LIVER)), tmp_path)
    assert fallback.liver is not None
    assert fallback.model is None
    assert fallback.method.startswith("classical")
    assert "Only the classical finder" in fallback.notes[0].message


@pytest.mark.parametrize(
    ("size", "level", "other", "kept"), [(16, 55, 0, True), (12, 55, 0, False), (16, 8, 0, False), (16, 55, 6, False)]
)
def test_more_is_asked_of_a_single_slice(tmp_path: Path, size: int, level: int, other: int, kept: bool) -> None:
    single, place = volume(float(level), slices=1), np.s_[:, 10 : 10 + size, 10 : 10 + size]
    liver = np.zeros((1, 60, 60), dtype=bool)
    liver[place] = True
    single.data[place] = level
    classic = np.roll(liver, other, axis=2)
    organs = found_by(FoundOrgan(liver, 0.95), classical(classic, 0.8), tmp_path, single)
    assert (organs.method == "net 0.1.0") == kept


def test_upside_down_is_sought_again_the_right_way_up(tmp_path: Path) -> None:
    right, wrong = mask(LIVER), mask(np.s_[4:8, 40:50, 40:50])
    stored = volume()
    turned = CTOrgans(right[:, ::-1, ::-1], hu=HU, confidence={"liver": 0.9}, notes=("stored upside down",))
    seen = Volume(np.ascontiguousarray(stored.data[:, ::-1, ::-1]), stored.geometry, "HU")

    def find(image: Volume) -> FoundOrgan:
        upright = np.array_equal(image.data, stored.data)
        return FoundOrgan(right if upright else wrong, 0.95 if upright else 0.8)

    organs = ct_organs(seen, find, turned, model_folder(tmp_path / "net"))
    assert organs.liver is not None
    assert np.array_equal(organs.liver, right[:, ::-1, ::-1])
    assert "upside down" in organs.notes[-1].message


def test_a_tall_stack_with_little_liver_is_told(tmp_path: Path) -> None:
    small = mask(np.s_[4:10, 10:34, 10:34])
    organs = found_by(FoundOrgan(small, 0.95), classical(small), tmp_path)
    assert ["small for a liver" in note.message for note in organs.notes] == [True]


def test_a_graph_behind_the_port(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    settings = {"kind": "ct", "classes": ["liver"]}
    # HU 55 stands above, HU 10 below this cut of the network's scaled input.
    model = model_folder(tmp_path / "net", settings=settings, model_onnx=threshold_graph(1, 0.0))
    data = np.full((6, 96, 96), -1000.0, np.float32)
    rows, columns = np.mgrid[:96, :96]
    body = ((rows - 48) / 34) ** 2 + ((columns - 48) / 44) ** 2 <= 1
    data[:, body] = -50.0
    liver = body & (((rows - 45) / 18) ** 2 + ((columns - 28) / 16) ** 2 <= 1)
    data[:, liver] = 60.0
    organs = NetworkCT(model)(Volume(data, Geometry.from_spacing((5.0, 4.0, 4.0)), "HU"))
    assert organs.liver is not None
    truth = np.broadcast_to(liver, data.shape)
    assert 2 * (organs.liver & truth).sum() / (organs.liver.sum() + truth.sum()) > 0.95
