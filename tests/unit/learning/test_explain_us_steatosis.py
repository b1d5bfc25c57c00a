"""The steatosis model explained: effects and map add up to the value, place by place and group by group."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steatoscope.core.image import Clip
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.explain.us_steatosis_effects import NETWORK_GROUPS, SHOWN, group_of, value_account
from steatoscope.learning.inference.byra2018_data import read_byra2018
from steatoscope.learning.inference.us_steatosis import SteatosisModel, load_us_steatosis, view_readings
from steatoscope.learning.inference.us_steatosis_map import PlaceEffects, place_effects
from steatoscope.learning.inference.us_steatosis_path import Account, PathHeads
from steatoscope.learning.inference.us_steatosis_places import on_canvas
from steatoscope.learning.inference.us_steatosis_reading import study_view
from steatoscope.science.explain.shapley import shapley_effects

Readings = Mapping[str, NDArray[np.float64]]


@pytest.fixture(scope="module")
def model() -> SteatosisModel:
    return load_us_steatosis()


@pytest.fixture(scope="module")
def scan() -> tuple[NDArray[np.uint8], Sector]:
    frames = simulate_us(18.0, 4, probe="sector", frames=2).clip.frames
    sector = find_sector(Clip(frames))
    assert sector is not None
    return frames, sector


def explained(
    model: SteatosisModel, frames: NDArray[np.uint8], sector: Sector, *, kidney: bool
) -> tuple[PathHeads, Readings, Account, PlaceEffects]:
    study = study_view(frames, sector, model.lite_maps)
    maps = model.locate(study.channels)
    readings, path = view_readings(study, maps), model.path(kidney=kidney)
    account = path.account(readings)
    return path, readings, account, place_effects(list(study.frames), maps, account)


@pytest.mark.parametrize("kidney", [True, False])
def test_the_map_is_a_decomposition(model: SteatosisModel, scan: Any, kidney: bool) -> None:
    path, readings, account, places = explained(model, *scan, kidney=kidney)
    mapped = sum(points for name, (_, points) in account.effects.items() if name in places.mapped)
    assert float(places.points.sum()) == pytest.approx(mapped, abs=1e-4)
    value = path.distribution(readings).value_percent
    start = path.judge.value(path.detection.base, path.severity.base)
    assert float(places.points.sum()) + places.elsewhere == pytest.approx(value - start, abs=1e-4)
    assert float(places.shown(100).sum()) == pytest.approx(mapped, abs=1e-3)
    assert len(places.mapped) > 0.6 * len(account.effects)
    unplaced = [name for name in account.effects if name not in places.mapped]
    assert all(any(word in name for word in ("contrast", "slope", "bend", "high", "spread", "sinus", "darkest"))
               for name in unplaced)  # fmt: skip


def test_every_reading_adds_up_by_itself(model: SteatosisModel, scan: Any) -> None:
    study = study_view(*scan, model.lite_maps)
    maps = model.locate(study.channels)
    account = model.path(kidney=True).account(view_readings(study, maps))
    names = ("plain_difference", "level_liver_ring", "plain_far_liver", "level_kidney_ring", "level_difference_sd",
             "plain_free_47_61", "plain_beam_22_30", "plain_free_far_liver", "middle_liver - middle_kidney",
             "deep_liver")  # fmt: skip
    for name in names:
        alone = Account({name: account.effects[name]}, account.weights, account.means, account.missing)
        found = place_effects(list(study.frames), maps, alone)
        assert found.mapped == {name}
        assert float(found.points.sum()) == pytest.approx(account.effects[name][1], abs=1e-5), name


def test_a_cell_keeps_its_sum_on_the_canvas() -> None:
    draw = np.random.default_rng(0)
    for shape in ((217, 318), (72, 104), (27, 39), (14, 20)):
        field = draw.normal(size=shape)
        assert on_canvas(field).sum() == pytest.approx(field.sum())
    dot = np.zeros((72, 104))
    dot[10, 20] = 1.0
    rows, columns = np.nonzero(on_canvas(dot))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (61, 66, 126, 131)


@pytest.mark.parametrize("kidney", [True, False])
def test_groups_add_up_and_equal_the_whole_game(model: SteatosisModel, scan: Any, kidney: bool) -> None:
    path, readings, _, _ = explained(model, *scan, kidney=kidney)
    found = value_account(path, readings)
    value = path.distribution(readings).value_percent
    assert found.start_percent + sum(one.effect_points for one in found.effects) == pytest.approx(value, abs=1e-9)
    # The same game from the readings themselves: an absent group has the training means.
    names = [one.name for one in found.effects]

    def with_groups(present: Mapping[str, float]) -> float:
        kept = {name: mean if _absent(name, present) else readings[name] for name, mean in path.means.items()}
        return path.distribution({**readings, **kept}).value_percent

    again = shapley_effects(with_groups, dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.0))
    assert again == pytest.approx({one.name: one.effect_points for one in found.effects}, abs=1e-6)
    assert ("network_cortex" in names) == kidney
    shown = {one.name: one.value for one in found.effects}
    assert all(shown[name] == float(readings[SHOWN[name]][0]) for name in names if name not in NETWORK_GROUPS)


def _absent(reading: str, present: Mapping[str, float]) -> bool:
    pair = "network_cortex" in present and reading.startswith("middle")
    return present["network_cortex" if pair else group_of(reading)] == 0.0


@pytest.mark.parametrize(
    ("reading", "group"),
    [
        ("middle_liver - middle_kidney", "network_cortex"), ("deep_liver", "network_liver"),
        ("plain_free_far_liver", "far_field"), ("level_far_high", "far_field"),
        ("plain_free_22_30", "free_parenchyma"), ("plain_slope_free", "free_parenchyma"),
        ("level_sinus_liver", "liver_against_cortex"), ("plain_kidney_ring", "liver_against_cortex"),
        ("level_contrast_low", "grey_spread"), ("plain_liver_spread", "liver_against_tissue"),
        ("plain_beam_06_14", "depth_profile"), ("level_bend", "depth_profile"), ("plain_slope_far", "depth_profile"),
    ],
)  # fmt: skip
def test_readings_have_their_group(reading: str, group: str) -> None:
    assert group_of(reading) == group


@pytest.mark.realdata
def test_real_maps_add_up_and_lie_on_tissue(model: SteatosisModel, data_dir: Path) -> None:
    patients = read_byra2018(data_dir / "us" / "byra2018")
    for patient in (patients[0], patients[-1]):
        sector = find_sector(Clip(patient.frames))
        assert sector is not None
        path, readings, _, places = explained(model, patient.frames[:1], sector, kidney=True)
        start = path.judge.value(path.detection.base, path.severity.base)
        value = path.distribution(readings).value_percent
        assert float(places.points.sum()) + places.elsewhere == pytest.approx(value - start, abs=1e-4)
        outside = np.abs(places.points[: sector.mask.shape[0], : sector.mask.shape[1]][~sector.mask]).sum()
        assert float(outside) < 0.05 * float(np.abs(places.points).sum())
