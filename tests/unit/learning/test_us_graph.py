"""A packed grading graph behind the port: prepared pictures, named and missing views, calibration, its notes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx", reason="needs the train extra (make train)")

from grading_kit import painted_folder  # noqa: E402

from steatoscope.apps.wiring.models import chosen_model  # noqa: E402
from steatoscope.apps.wiring.us_graph import GraphGrader  # noqa: E402
from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.core.image import Clip  # noqa: E402
from steatoscope.imaging.phantoms.us import simulate_us  # noqa: E402
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector  # noqa: E402
from steatoscope.learning.evaluation.byra2018_command import score_byra2018  # noqa: E402
from steatoscope.learning.inference.us_graph import GraphModel, GraphView  # noqa: E402
from steatoscope.learning.inference.us_graph_frames import coverage, frame_quality, representative  # noqa: E402
from steatoscope.learning.inference.us_graph_settings import KEY, GraphSettings  # noqa: E402
from steatoscope.learning.inference.us_graph_view import prepared, region_of  # noqa: E402
from steatoscope.learning.model_folder import ModelFolder  # noqa: E402
from steatoscope.learning.training.pack import write_model  # noqa: E402
from steatoscope.pipeline.ports import PreparedView  # noqa: E402

VIEW = dict[str, Any]


@pytest.fixture(scope="module")
def clip() -> tuple[NDArray[np.uint8], Sector]:
    """A simulated clip of three frames and its sector."""
    frames = simulate_us(10.0, 3, frames=3).clip.frames
    sector = find_sector(Clip(frames))
    assert sector is not None
    return frames, sector


def graph(path: Path, inputs: dict[str, tuple[int | str, ...]], outputs: dict[str, list[float]]) -> Path:
    """A graph that answers constants for every row of its first input, plus 0 times its inputs."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceMean", [name], [f"{name}_mean"], axes=list(range(1, len(shape))), keepdims=0)
        for name, shape in inputs.items()
    ]
    nodes.append(helper.make_node("Sum", [f"{name}_mean" for name in inputs], ["sum"]))
    nodes.append(helper.make_node("Mul", ["sum", "zero"], ["none"]))
    nodes.append(helper.make_node("Unsqueeze", ["none", "axis"], ["rows"]))
    constants = [
        helper.make_tensor("zero", kind, [], [0.0]),
        helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1]),
    ]
    for name, values in outputs.items():
        constants.append(helper.make_tensor(f"{name}_values", kind, [1, len(values)], values))
        nodes.append(helper.make_node("Add", ["rows", f"{name}_values"], [name]))
    made = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, ["n", len(values)]) for name, values in outputs.items()],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def packed(
    folder: Path, takes: dict[str, tuple[int | str, ...]], outputs: dict[str, list[float]], **more: Any
) -> ModelFolder:
    """A model's folder with a constant graph."""
    folder.mkdir(parents=True)
    settings = GraphSettings(**{
        "inputs": dict.fromkeys(takes), "outputs": {name: name for name in outputs}, "preparation": "sector-224",
        "scale": "histology", **more,
    })  # fmt: skip
    return write_model(
        folder, name="a-graph", version="1.0.0", modality="us", task="grading",
        files={"model.onnx": graph(folder / "model.onnx", takes, outputs)}, settings=settings.document(),
        training={"recipe": "r2", "seed": 0, "data": [{"path": "a.png", "sha256": "0" * 64, "subject": "a"}]},
        card="# card",
    )  # fmt: skip


IMAGE: dict[str, tuple[int | str, ...]] = {"image": ("n", 1, 224, 224)}
LOGITS = [0.0, 2.0, 0.0, 0.0]


def test_pictures_show_tissue_only_and_keep_one_grey(clip: tuple[NDArray[np.uint8], Sector]) -> None:
    frames, sector = clip
    written = frames.copy()
    written[:, ~sector.mask] = 255
    brighter = np.clip(frames * 0.8 + 20.0, 0, 255).astype(np.uint8)
    plain = prepared(frames, sector, "sector-224")
    assert plain.shape == (3, 224, 224)
    np.testing.assert_array_equal(prepared(written, sector, "sector-224"), plain)
    assert abs(float(prepared(brighter, sector, "sector-224").mean() - plain.mean())) < 0.02
    centre = prepared(frames, sector, "centre-360")
    assert centre.shape == (3, 360, 360)
    assert 0.0 <= centre.min() <= centre.max() <= 1.0
    liver = region_of(sector, "liver-224")
    assert 0.2 < liver.sum() / sector.mask.sum() < 0.7
    assert not (liver & ~sector.mask).any()


def test_a_shadowed_frame_is_not_chosen(clip: tuple[NDArray[np.uint8], Sector]) -> None:
    frames, sector = clip
    dark = frames.copy()
    dark[1] //= 16
    assert coverage(dark, sector.mask).argmin() == 1
    quality = frame_quality(dark, sector.mask)
    assert 1 not in representative(quality, 1)
    np.testing.assert_array_equal(representative(np.array([0.1, 0.9, 0.5, 0.2, 0.3, 0.8]), 3), [1, 2, 5])
    np.testing.assert_array_equal(representative(quality, 9), [0, 1, 2])
    with pytest.raises(ValueError, match="at least one"):
        representative(quality, 0)


def test_probabilities_follow_the_temperature(tmp_path: Path, clip: tuple[NDArray[np.uint8], Sector]) -> None:
    outputs = {"grade": LOGITS, "fat": [21.0]}
    found = [
        GraphModel(packed(tmp_path / str(t), IMAGE, outputs, temperature=t, half_width=8.0)).predict(*clip)
        for t in (1.0, 2.0)
    ]
    assert [one.value_percent for one in found] == pytest.approx([21.0, 21.0])
    for one, t in zip(found, (1.0, 2.0), strict=True):
        assert one.grade_probabilities["mild"] == pytest.approx(np.exp(2 / t) / (3 + np.exp(2 / t)), abs=1e-6)
        assert (one.interval.low, one.interval.high) == pytest.approx((13.0, 29.0))
        assert not one.out_of_distribution


def test_grades_alone_give_the_mean_fat_of_their_patients(
    tmp_path: Path, clip: tuple[NDArray[np.uint8], Sector]
) -> None:
    model = GraphModel(packed(tmp_path / "m", IMAGE, {"grade": LOGITS}, grade_percent=(2.0, 15.0, 50.0, 75.0)))
    share = np.exp(LOGITS) / np.exp(LOGITS).sum()
    answer = model.predict(*clip)
    assert answer.value_percent == pytest.approx(float(share @ [2.0, 15.0, 50.0, 75.0]), rel=1e-5)
    assert (answer.interval.low, answer.interval.high) == (0.0, 100.0)


NAMED: dict[str, tuple[int | str, ...]] = {"ar": ("n", 1, 360, 360), "hr": ("n", 1, 360, 360)}


def named(tmp_path: Path) -> ModelFolder:
    """A model that needs the views AR and HR, trained on simulated clips; its fat comes in tens of percent."""
    return packed(
        tmp_path / "named", NAMED, {"fat": [0.7]}, inputs={"ar": "AR", "hr": "HR"}, layout="named",
        preparation="centre-360", fat_unit=10.0, scale="us_model", simulated=True, half_width=2.0,
    )  # fmt: skip


def test_named_views_are_read_together_and_a_missing_one_is_named(
    tmp_path: Path, clip: tuple[NDArray[np.uint8], Sector]
) -> None:
    frames, sector = clip
    model = GraphModel(named(tmp_path))
    both = [GraphView("hr", frames[:1], sector), GraphView("ar", frames, sector)]
    (answer,) = model.predict_views(both)
    assert answer.value_percent == pytest.approx(7.0)
    assert sum(answer.grade_probabilities.values()) == pytest.approx(1.0)
    with pytest.raises(SteatoscopeError, match="HR") as fault:
        model.predict_views(both[1:])
    assert fault.value.code == "E_VIEW"


def test_a_single_named_view_is_found_among_others(tmp_path: Path, clip: tuple[NDArray[np.uint8], Sector]) -> None:
    frames, sector = clip
    model = GraphModel(packed(tmp_path / "m", IMAGE, {"fat": [9.0]}, inputs={"image": "AR"}))
    assert len(model.predict_views([GraphView("HR", frames, sector), GraphView("AR", frames, sector)])) == 1
    assert len(model.predict_views([GraphView(None, frames, sector)])) == 1
    with pytest.raises(SteatoscopeError, match="AR"):
        model.predict_views([GraphView("HR", frames, sector)])


def test_frames_are_fused_as_views(tmp_path: Path, clip: tuple[NDArray[np.uint8], Sector]) -> None:
    shapes: dict[str, tuple[int | str, ...]] = {"views": (1, "v", 1, 224, 224), "present": (1, "v")}
    model = GraphModel(
        packed(
            tmp_path / "m",
            shapes,
            {"fat": [9.0]},
            inputs={"views": None},
            layout="views",
            present="present",
            view_count=2,
        )
    )
    (answer,) = model.predict_views([GraphView(None, *clip), GraphView(None, *clip)])
    assert answer.value_percent == pytest.approx(9.0)


def test_the_port_reads_views_and_says_that_training_was_simulated(
    tmp_path: Path, clip: tuple[NDArray[np.uint8], Sector]
) -> None:
    frames, sector = clip
    views = [PreparedView(name, frames, sector, sector.mask, None, (0, 1, 2)) for name in ("AR", "HR")]
    reading = GraphGrader(named(tmp_path))(views, 0.9)
    assert [note.code for note in reading.notes] == ["W_SIMULATED", "W_OOD"]
    assert len(reading.views) == 2
    assert (reading.estimate.scale, reading.estimate.probabilities) == ("us_model", None)
    plain = GraphGrader(packed(tmp_path / "plain", IMAGE, {"grade": LOGITS, "fat": [21.0]}))(views, 0.9)
    assert plain.notes == ()
    assert plain.estimate.steatosis is not None
    assert plain.estimate.steatosis.positive


def test_a_packed_graph_is_a_grader_that_analyze_takes(tmp_path: Path) -> None:
    folder = packed(tmp_path / "m", IMAGE, {"fat": [9.0]})
    assert chosen_model(str(folder.folder)).role == "grader"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preparation": "square"}, "preparation"),
        ({"scale": "percent"}, "scale"),
        ({"outputs": {"grade": "grade"}}, "neither fat"),
        ({"layout": "named"}, "name of its view"),
        ({"layout": "views"}, "which are there"),
        ({"colour": 1}, "unknown parts"),
    ],
)
def test_settings_that_cannot_be_used_are_named(change: dict[str, Any], words: str) -> None:
    whole = {"inputs": {"image": None}, "outputs": {"fat": "fat"}, "preparation": "sector-224", "scale": "histology"}
    assert GraphSettings.read({KEY: whole}).document()[KEY]["preparation"] == "sector-224"
    with pytest.raises(UsageError, match=words):
        GraphSettings.read({KEY: {**whole, **change}})
    with pytest.raises(UsageError, match="lack"):
        GraphSettings.read({KEY: {"inputs": {}}})


def test_the_benchmark_scores_a_packed_graph(tmp_path: Path) -> None:
    data = painted_folder(tmp_path / "painted", fat=(1, 2, 20, 40))
    model = packed(tmp_path / "m", IMAGE, {"grade": LOGITS, "fat": [9.0]}, half_width=8.0)
    document = score_byra2018(data, model, out=tmp_path)
    assert document["results"]["a-graph"]["mae_percent"] == pytest.approx((8 + 7 + 11 + 31) / 4, abs=1e-3)
    assert document["n_subjects"] == 4


def test_the_document_of_settings_is_json(tmp_path: Path) -> None:
    entry = json.loads((named(tmp_path).folder / "entry.json").read_text(encoding="utf-8"))
    assert entry["settings"][KEY]["inputs"] == {"ar": "AR", "hr": "HR"}
