"""Models of all recipes in an installation: added by command, activated by an administrator, and used by a job."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from service_kit import Bench  # noqa: E402
from steatoscope.apps.cli.main import run  # noqa: E402
from steatoscope.apps.wiring.job_store import SqlJobStore  # noqa: E402
from steatoscope.apps.wiring.jobs import JobRunner  # noqa: E402
from steatoscope.imaging.phantoms.us import simulate_us  # noqa: E402
from steatoscope.learning.catalogue import open_model  # noqa: E402
from steatoscope.learning.inference.r1_heads import LinearHead, RegionHeads  # noqa: E402
from steatoscope.learning.inference.us_graph_settings import GraphSettings  # noqa: E402
from steatoscope.learning.training.ct_focal_phantoms import phantom_slices  # noqa: E402
from steatoscope.learning.training.export import export_onnx  # noqa: E402
from steatoscope.learning.training.pack import write_model  # noqa: E402
from steatoscope.learning.training.r1_pack import Learnt, pack_r1  # noqa: E402
from steatoscope.service.jobs.port import Finished  # noqa: E402
from steatoscope.service.storage.job_table import add_job  # noqa: E402
from steatoscope.service.storage.patients import patient_for  # noqa: E402
from steatoscope.service.storage.studies import NewFile, add_study  # noqa: E402

TRAINING = {"recipe": "made by hand", "seed": 0, "data": []}
WIDTH = 128


class _Grades(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Logits of four grades by the mean grey."""

    def forward(self, image: Any) -> Any:
        return image.mean(dim=(1, 2, 3))[:, None] * torch.tensor([[1.0, 2.0, 3.0, 4.0]])


class _Fusion(torch.nn.Module):  # type: ignore[misc,name-defined]
    """One fat percentage from several views that are there."""

    def forward(self, views: Any, present: Any) -> Any:
        grey = views.mean(dim=(2, 3, 4)) * present
        return 10.0 + grey.sum(dim=1, keepdim=True) / present.sum(dim=1, keepdim=True)


class _Fat(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Fat as a share from the mean grey."""

    def forward(self, frames: Any) -> Any:
        return frames.mean(dim=(1, 2, 3))[:, None]


class _Slices(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Bright places are found; nothing is said of their class."""

    def forward(self, image: Any) -> tuple[Any, Any]:
        return image.mean(dim=(2, 3)).repeat(1, 3), 40.0 * (image - 1.2)


def _graph(
    folder: Path, settings: GraphSettings, network: Any, example: tuple[Any, ...], axes: Mapping[str, Any]
) -> Path:
    inputs = [name for name in axes if name not in settings.outputs.values()]
    folder.mkdir()
    export_onnx(
        network, example, folder / "model.onnx", input_names=inputs, output_names=list(settings.outputs.values()),
        dynamic=axes,
    )  # fmt: skip
    write_model(
        folder, name=folder.name, version="1.0.0", modality="US", task="made by hand",
        files={"model.onnx": folder / "model.onnx"}, settings=settings.document(), card="# by hand\n",
        training=TRAINING,
    )  # fmt: skip
    return folder


def r1(folder: Path) -> Path:
    """A model of R1 whose root of fat is 3 wherever it looks."""
    flat = LinearHead(np.zeros(WIDTH), np.zeros(WIDTH), np.ones(WIDTH), np.zeros((1, WIDTH)), np.array([3.0]))
    grade = LinearHead(np.zeros(WIDTH), np.zeros(WIDTH), np.ones(WIDTH), np.zeros((4, WIDTH)), np.arange(4.0))
    heads = RegionHeads(
        np.zeros(WIDTH), np.ones(WIDTH), ("normal", "mild", "moderate", "severe"), grade, flat, 1.0, 1.0, (1.5, 0.5),
        np.zeros(40), 1.0,
    )  # fmt: skip
    pack_r1(folder, open_model("us-localiser"), Learnt(
        heads, {"accuracy_4": 0.5}, [], "own", "", "", "histology", False, 0, {"patients": 0}
    ))  # fmt: skip
    return folder


def r2(folder: Path) -> Path:
    """A grading graph as R2 packs it: four grades of every frame."""
    settings = GraphSettings(
        inputs={"image": None}, outputs={"grade": "grade"}, preparation="sector-224", scale="histology",
        grade_percent=(2.0, 20.0, 45.0, 75.0), half_width=20.0,
    )  # fmt: skip
    axes = {"image": {0: "frames"}, "grade": {0: "frames"}}
    return _graph(folder, settings, _Grades(), (torch.rand(2, 1, 224, 224),), axes)


def r3(folder: Path) -> Path:
    """A grading graph as R3's fusion is packed: all frames of a patient together."""
    settings = GraphSettings(
        inputs={"views": None}, outputs={"fat": "fat"}, preparation="sector-224", scale="histology", layout="views",
        present="present", half_width=20.0,
    )  # fmt: skip
    example = (torch.rand(1, 3, 1, 224, 224), torch.ones(1, 3))
    return _graph(folder, settings, _Fusion(), example, {"views": {1: "n"}, "present": {1: "n"}, "fat": {}})


def r4(folder: Path) -> Path:
    """A grading graph as R4 packs one view."""
    settings = GraphSettings(
        inputs={"frames": "AR"}, outputs={"fat": "fat"}, preparation="centre-360", scale="mrs_pdff", fat_unit=100.0,
        half_width=5.0, simulated=True,
    )  # fmt: skip
    axes = {"frames": {0: "n"}, "fat": {0: "n"}}
    return _graph(folder, settings, _Fat(), (torch.rand(2, 1, 360, 360),), axes)


def r5(folder: Path) -> Path:
    """A network for eight-bit slices as R5 packs it."""
    folder.mkdir()
    example = (torch.zeros(1, 1, 64, 64),)
    export_onnx(_Slices(), example, folder / "model.onnx", input_names=["image"], output_names=["finding", "mask"])
    own = {"side": 64, "classes": ["normal", "benign", "malignant"], "centre": 0.45, "spread": 0.25}
    write_model(
        folder, name="r5", version="1.0.0", modality="CT", task="made by hand",
        files={"model.onnx": folder / "model.onnx"}, settings={"slice_anomaly": own, "claim": False, "truth": "none"},
        card="# by hand\n", training=TRAINING,
    )  # fmt: skip
    return folder


def _job(bench: Bench, folder: Path, files: Mapping[str, Path], **options: Any) -> Finished:
    service = bench.service
    with service.database.writing() as session:
        stored = [NewFile(name, *service.blobs.put_file(path)) for name, path in files.items()]
        study = add_study(
            session, patient=patient_for(session, "S-1"), owner_id=None, files=stored, views=None, clinical=None,
            options=options,
        )  # fmt: skip
        add_job(session, study, owner_id=None)
    claim = SqlJobStore(service.database).claim("w")
    assert claim is not None
    room = folder / claim.lease_token
    room.mkdir()
    finished = JobRunner(service)(claim, room, lambda *_: None, lambda: False)
    shutil.rmtree(room)
    assert finished is not None
    return finished


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A folder for own models, one frame, one eight-bit slice with its liver."""
    monkeypatch.setenv("STEATOSCOPE_MODELS", str(tmp_path / "models"))
    cv2.imwrite(str(tmp_path / "frame.png"), simulate_us(20.0, 7).clip.frames[0])
    one = phantom_slices(1, 5, each=1)[0]
    cv2.imwrite(str(tmp_path / "slice.png"), np.clip(one.hu, 0, 255).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "liver.png"), one.liver.astype(np.uint8) * 255)
    return SimpleNamespace(folder=tmp_path, frame=tmp_path / "frame.png", slice=tmp_path / "slice.png")


def _activated(bench: Bench, folder: Path, name: str, role: str) -> None:
    """``models add`` and the administrator's activation."""
    assert run(["models", "add", str(folder), "--name", name]) == 0
    admin = bench.client("admin")
    roles = {row["role"]: row for row in admin.get("/api/v1/models").json["roles"]}
    assert name in roles[role]["candidates"]
    assert not any(name in row["candidates"] for other, row in roles.items() if other != role)
    answer = admin.post(f"/api/v1/model-roles/{role}/activate", json={"name": name})
    assert answer.status_code == 200, answer.json


@pytest.mark.parametrize("made", [r1, r2, r3, r4], ids=["r1", "r2", "r3", "r4"])
def test_a_grading_model_of_a_recipe_answers_in_the_service(bench: Bench, place: SimpleNamespace, made: Any) -> None:
    name = f"own-{made.__name__}"
    _activated(bench, made(place.folder / made.__name__), name, "us-steatosis")
    report = _job(bench, place.folder, {"a.png": place.frame}, modality="us").report
    assert report is not None
    assert "error" not in report
    assert report["fat"]["method"].startswith(name)
    assert report["grade"] is not None
    assert name in [model["name"] for model in report["models"]]
    if made is r1:
        assert report["fat"]["value_percent"] == pytest.approx(9.0)
        assert report["segmentation"]["liver"]["method"].startswith(name)
        fatty = [region for region in report["regions"] if region["kind"] == "fatty"]
        assert fatty
        assert all(region["detector"].startswith(name) for region in fatty)
    assert bench.client("admin").post("/api/v1/model-roles/us-steatosis/roll-back").json["name"] == "us-steatosis"
    back = _job(bench, place.folder, {"a.png": place.frame}, modality="us").report
    assert back is not None
    assert back["fat"]["method"].startswith("us-steatosis")


def test_a_job_that_names_a_model_overrules_the_one_in_force(bench: Bench, place: SimpleNamespace) -> None:
    _activated(bench, r1(place.folder / "r1"), "own-r1", "us-steatosis")
    report = _job(bench, place.folder, {"a.png": place.frame}, modality="us", model="us-steatosis").report
    assert report is not None
    assert "own-r1" not in str(report)


@pytest.mark.parametrize("named", [False, True], ids=["in force", "named by the job"])
def test_slices_of_eight_bits_pass_with_a_model_of_r5(bench: Bench, place: SimpleNamespace, named: bool) -> None:
    refused = _job(bench, place.folder, {"slice.png": place.slice}, modality="ct")
    assert refused.error is not None
    assert refused.error["code"] == "E_DEPTH"
    r5(place.folder / "r5")
    options: dict[str, Any] = {"modality": "ct", "liver_mask_name": "liver.png"}
    options["liver_mask"] = bench.service.blobs.put_file(place.folder / "liver.png")[0]
    if named:
        assert run(["models", "add", str(place.folder / "r5"), "--name", "own-r5"]) == 0
        options["model"] = "own-r5"
    else:
        _activated(bench, place.folder / "r5", "own-r5", "ct-localiser")
    finished = _job(bench, place.folder, {"slice.png": place.slice}, **options)
    assert finished.report is not None, finished.error
    assert finished.report["fat"] is None
    assert finished.report["lesion"] is None
    assert finished.report["explanation"]["heatmap"] == "map-focal.nii.gz"
    assert "own-r5" in [model["name"] for model in finished.report["models"]]
    assert "map-focal.nii.gz" in {file.name for file in finished.files}
