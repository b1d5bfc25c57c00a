"""Which encoder R2 and R3 run on: the published ones from a local file, by a word, or by a name that is none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from grading_kit import TINY, painted_clip  # noqa: E402

from steatoscope.apps.cli.main import run  # noqa: E402
from steatoscope.core.errors import UsageError  # noqa: E402
from steatoscope.learning.evaluation import r2, r3  # noqa: E402
from steatoscope.learning.evaluation.grading_start import Start, start_notes, start_of  # noqa: E402
from steatoscope.learning.inference.us_graph import GraphModel  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.models.backbones import Encoder  # noqa: E402
from steatoscope.learning.models.vision import torchvision  # noqa: E402
from steatoscope.learning.recipes import RECIPES  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread", "few_resamples")
R2, R3 = RECIPES["r2-resnet50-grading"], RECIPES["r3-multiview"]


def _no_baselines(*_: object, **__: object) -> dict[str, Any]:
    return {}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The small plans are tiny, and no baseline is fitted."""
    monkeypatch.setitem(r2.PLANS, "small", TINY)
    monkeypatch.setitem(r3.PLANS, "small", TINY)
    monkeypatch.setattr("steatoscope.learning.evaluation.grading_run.baseline_rows", _no_baselines)
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))


def _resnet(folder: Path) -> Path:
    """A file of weights as torchvision saves them, random."""
    torch.manual_seed(5)
    torch.save(torchvision.models.resnet50(weights=None).state_dict(), folder / "resnet50-own.pth")
    return folder / "resnet50-own.pth"


def test_a_word_is_of_lite0_and_a_name_of_its_own_encoder(tmp_path: Path) -> None:
    assert start_of(R2, None) == Start("efficientnet-lite0", "package")
    assert start_of(R2, "random") == Start("efficientnet-lite0", "random")
    assert start_of(R2, "resnet50-r2=a.pth") == start_of(R2, "resnet50=a.pth") == Start("resnet50", "a.pth")
    assert start_of(R3, "b3-attention=random") == start_of(R3, "b3-multiview=random")
    assert start_of(R3, "b3-attention=random").title == "EfficientNet-B3"
    odd = tmp_path / "lite0=mine.pt"
    odd.touch()
    assert start_of(R2, str(odd)) == Start("efficientnet-lite0", str(odd))
    with pytest.raises(UsageError, match="'vgg16' is none of resnet50-r2, lite0-r2, resnet50, efficientnet-lite0"):
        start_of(R2, "vgg16=random")


@pytest.mark.usefixtures("tiny")
def test_r2_runs_on_resnet50_from_a_file_and_packs_it(
    thin_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _resnet(tmp_path)
    given = ["--data", str(thin_folder), "--weights", f"resnet50-r2={file}", "--plan", "small", "--json"]
    assert run(["benchmark", R2.name, *given, "--out", str(tmp_path / "out")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "ResNet-50, frozen, head of R2, last weights" in document["results"]
    record = document["manifest"]["weights"]
    assert (record["encoder"], record["source"]) == ("resnet50", "resnet50-own.pth")
    assert record["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert document["manifest"]["plan"]["encoder"] == "resnet50"
    assert not any("was not run here" in note for note in document["notes"])
    model = tmp_path / "model"
    assert run(["train", R2.name, *given, "--steps", "2", "--out", str(model)]) == 0
    graph = GraphModel(read_folder(model))
    assert graph.settings.encoder == "resnet50, weights: resnet50-own.pth"
    answer = graph.predict(*painted_clip())
    assert sum(answer.grade_probabilities.values()) == pytest.approx(1.0)
    assert read_folder(model).training["weights"]["sha256"] == record["sha256"]


@pytest.mark.usefixtures("tiny")
def test_r3_runs_on_efficientnet_b3_from_a_file_of_torchvision(thin_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(6)
    torch.save(torchvision.models.efficientnet_b3(weights=None).state_dict(), tmp_path / "b3.pth")
    document = r3.run_r3("small", thin_folder, tmp_path / "run", weights=f"b3-attention={tmp_path / 'b3.pth'}")
    assert {"EfficientNet-B3 + attention", "EfficientNet-B3, fusion of 3 frames"} <= document["results"].keys()
    assert "ensemble of 2 EfficientNet-B3 + attention" in document["results"]
    assert document["manifest"]["weights"]["encoder"] == "efficientnet-b3"
    assert document["manifest"]["weights"]["sha256"]
    with pytest.raises(UsageError, match="another plan, seed, data or weights"):
        r3.run_r3("small", thin_folder, tmp_path / "run", weights="b3-attention=random", resume=True)


@pytest.mark.usefixtures("tiny")
def test_random_weights_are_said_in_every_row_and_note(thin_folder: Path, tmp_path: Path) -> None:
    document = r2.run_r2("small", thin_folder, tmp_path / "run", weights="resnet50-r2=random")
    assert all("ResNet-50 (random weights)" in name for name in document["results"] if name != "published")
    assert document["manifest"]["weights"] == {"source": "random", "sha256": None, "encoder": "resnet50"}
    assert "random weights: these figures show that it runs, no more" in document["evidence"].notes[0]


def test_a_stand_in_says_that_the_published_encoder_was_not_run() -> None:
    own = {"source": "own.pth", "sha256": "abc"}
    first, second = start_notes(Start(), own, *r2.PUBLISHED)
    assert first == "Encoder efficientnet-lite0, frozen, weights from own.pth, sha256 abc."
    assert "ResNet-50, was not run here" in second
    assert "--weights resnet50-r2=FILE" in second
    assert len(start_notes(Start("efficientnet-b3", "own.pth"), own, *r3.PUBLISHED)) == 1


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("weights", "code", "words"),
    [
        ("resnet50-r2=FILE", "E_WEIGHTS", "of the 265 tensors of resnet50 are among the 260 of the file"),
        ("resnet50-r2=JUNK", "E_WEIGHTS", "no state dict"),
        ("JUNK", "E_WEIGHTS", "no state dict"),
        ("vgg16-anomaly=FILE", None, "'vgg16-anomaly' is none of resnet50-r2"),
        ("resnet50-r2=absent.pth", None, "is no file"),
        ("resnet50-r2=package", None, "no package ships weights of resnet50"),
    ],
)
def test_wrong_weights_are_named_errors(
    weights: str, code: str | None, words: str, thin_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(Encoder("mobilenet-v2").network.state_dict(), tmp_path / "other.pth")
    (tmp_path / "junk.pth").write_bytes(b"these are no weights")
    given = weights.replace("FILE", str(tmp_path / "other.pth")).replace("JUNK", str(tmp_path / "junk.pth"))
    status = run(["benchmark", R2.name, "--data", str(thin_folder), "--weights", given,
                  "--out", str(tmp_path / "out"), "--json"])  # fmt: skip
    error = json.loads(capsys.readouterr().out)["error"]
    assert status == (3 if code else 2)
    assert code is None or error["code"] == code
    assert words in f"{error['message']} {error.get('cause')}"
