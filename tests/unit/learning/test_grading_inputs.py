"""What R2 and R3 refuse and what they read: plans, labels, scales, subjects, and manifests with several views."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from grading_kit import FAT, painted, painted_clip, tiny_run  # noqa: E402
from training_folders import table, write  # noqa: E402

from steatoscope.apps.cli.main import run  # noqa: E402
from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.core.image import Clip  # noqa: E402
from steatoscope.imaging.phantoms.us import simulate_us  # noqa: E402
from steatoscope.imaging.preprocess.us_sector import find_sector  # noqa: E402
from steatoscope.learning.evaluation.r2 import run_r2, train_r2  # noqa: E402
from steatoscope.learning.evaluation.r3 import row_words, run_r3, train_r3  # noqa: E402
from steatoscope.learning.inference.us_graph import GraphModel  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.training.grading_cv import chosen_frames, views_of  # noqa: E402
from steatoscope.learning.training.grading_data import read_grading  # noqa: E402
from steatoscope.learning.training.grading_fit import _drawn  # noqa: E402
from steatoscope.science.clinical.grades import LABELS  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread", "few_resamples")
VIEWS = ("AR", "HR")
RECIPES = ("r2-resnet50-grading", "r3-multiview")


def _rows(folder: Path) -> list[dict[str, Any]]:
    """A whole manifest of two views of twelve painted patients, the second view of another size."""
    rows = []
    for number, fat in enumerate(FAT):
        for k, view in enumerate(VIEWS):
            shape = (218 + 20 * k, 318 + 10 * k)
            path = write(folder / f"s{number}-{view}.png", painted(fat, 10 * number + k, shape))
            grade = LABELS[int(np.searchsorted([5, 33, 66], fat, side="right"))]
            rows.append(
                {"path": path.name, "subject": f"s{number}", "modality": "us", "view": view, "age": 30 + number,
                 "sex": "F", "label_fat_percent": fat, "label_scale": "pdff", "label_grade": grade}
            )  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder and rows of a whole manifest."""
    folder = tmp_path_factory.mktemp("views")
    return folder, _rows(folder)


def _manifest(made: tuple[Path, list[dict[str, Any]]], changes: Mapping[int, Mapping[str, Any]]) -> Path:
    folder, whole = made
    table(folder / "manifest.csv", [{**row, **changes.get(number, {})} for number, row in enumerate(whole)])
    return folder


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({3: {"view": ""}}, "E_VIEW", "It names no view, others are of AR, HR"),
        ({3: {"label_grade": "fatty"}}, "E_LABEL", "'fatty' is none of normal, mild, moderate, severe"),
        ({3: {"label_grade": ""}}, "E_LABEL", "no grade"),
        ({3: {"label_scale": "histology"}}, "E_LABELSCALE", "on 'histology', others on 'pdff'"),
        ({3: {"label_fat_percent": 9}}, "E_LABEL", "Subject s1 carries several labels"),
        ({n: {"label_grade": "moderate"} for n in range(18, 22)}, "E_SUBJECTS", "The class 'severe' has one subject"),
        ({n: {"subject": "s0", "label_fat_percent": 1, "label_grade": "normal"} for n in range(24)},
         "E_SUBJECTS", "has one subject"),
    ],
)  # fmt: skip
def test_wrong_manifests_are_named_errors(
    recipe: str, changes: dict[int, Any], code: str, words: str, rows: Any, tmp_path: Path, capsys: Any
) -> None:
    data = _manifest(rows, changes)
    assert run(["benchmark", recipe, "--data", str(data), "--out", str(tmp_path / "out"), "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code
    assert words in error["cause"]


def test_too_few_subjects_for_the_folds_and_unknown_plans_are_named(rows: Any, tmp_path: Path) -> None:
    data = _manifest(rows, {})
    with pytest.raises(SteatoscopeError) as fault:
        run_r2("full", data, tmp_path / "a")
    assert fault.value.code == "E_SUBJECTS"
    assert "for 10 folds" in str(fault.value.cause)
    for runner in (run_r2, run_r3):
        with pytest.raises(UsageError, match="has no plan 'huge'; choose from small, full"):
            runner("huge", data, tmp_path / "b")
    for trainer in (train_r2, train_r3):
        with pytest.raises(UsageError, match="has no plan 'huge'"):
            trainer(data, tmp_path / "c", seed=0, steps=1, resume=False, plan="huge")


def test_named_views_are_fused_as_views_and_one_may_be_missing(
    rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))
    folder, whole = rows
    table(folder / "manifest.csv", whole[:5] + whole[6:])
    data = read_grading(folder)
    assert (data.views, data.scale) == (VIEWS, "pdff")
    chosen = chosen_frames(data)
    assert [len(chosen[patient]) for patient in range(4)] == [2, 2, 1, 2]
    assert data.view[chosen[0]].tolist() == [0, 1]
    less = views_of(data, "fusion-2 of 3")
    assert less is not None
    assert [len(rows) for rows in less.values()] == [1] * 12
    frames, there = _drawn(data, 2, np.random.default_rng(0))
    assert there.tolist() == [True, False]
    assert data.patient[frames].tolist() == [2, 2]
    found = tiny_run("r3", folder, tmp_path / "run", covariates="manifest", weights="random")
    words = row_words(found)
    assert words["fusion-3"] == "lite0 (random weights), fusion of 2 views"
    assert words["fusion-3, clinical values"].endswith("with age_years, sex")
    assert len(found.graded["fusion-3"].patient) == 12
    from steatoscope.learning.evaluation.r3 import RECIPE

    figures = RECIPE.rows(found)[words["fusion-3"]]
    assert "auc_moderate" in figures
    assert "auc_over_33" not in figures, "33 % is a limit of the histology scale"
    assert any("Views: AR, HR." in note for note in RECIPE.evidence(found).notes)


@pytest.mark.parametrize(("trainer", "name"), [(train_r2, "r2"), (train_r3, "r3")])
def test_the_packed_model_has_a_heat_map_that_follows_the_picture(
    trainer: Any, name: str, graded_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))
    trainer(graded_folder, tmp_path / name, seed=0, steps=30, resume=False, plan="small")
    model = GraphModel(read_folder(tmp_path / name))
    frames, sector = painted_clip(70.0)
    first = model.predict(frames, sector).heatmap
    shown = first[sector.mask]
    assert first.shape == sector.mask.shape
    assert 0.0 <= first.min() <= first.max() <= 1.0
    assert shown.std() > 0.02, "a map that is the same everywhere explains nothing"
    assert not first[~sector.mask].any()
    np.testing.assert_array_equal(model.predict(frames, sector).heatmap, first)
    half = frames.copy()
    half[:, :, : frames.shape[2] // 2] //= 4
    changed = model.predict(half, sector).heatmap
    assert np.abs(changed - first)[sector.mask].mean() > 0.01
    other = simulate_us(25.0, 4, frames=2).clip.frames
    own = find_sector(Clip(other))
    assert own is not None
    assert model.predict(other, own).heatmap[own.mask].std() > 0.02
