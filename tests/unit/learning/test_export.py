"""Exported graphs answer as torch does, at every size, with half the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from steatoscope.learning.inference.session import session_of_bytes  # noqa: E402
from steatoscope.learning.models.vision import timm  # noqa: E402
from steatoscope.learning.training.export import ExportError, export_onnx, round_weights  # noqa: E402

ANY_SIZE = {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n", 2: "h", 3: "w"}}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STEATOSCOPE_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class SmallUNet(nn.Module):
    """Two levels with skip connection, batch normalisation and an upsampling to the size of its partner."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(16, 32, 3, 2, padding=1), nn.BatchNorm2d(32), nn.SiLU())
        self.last = nn.Conv2d(48, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.first(x)
        coarse = functional.interpolate(self.second(fine), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        return self.last(torch.cat([fine, coarse], 1))


def small_unet() -> SmallUNet:
    torch.manual_seed(0)
    network = SmallUNet()
    with torch.no_grad():  # statistics that are not the trivial ones
        for _ in range(3):
            network(torch.randn(4, 2, 16, 16) * 3 + 1)
    return network.eval()


def test_a_unet_answers_the_same_at_any_batch_and_size(tmp_path: Path):
    network, path = small_unet(), tmp_path / "model.onnx"
    example = (torch.randn(1, 2, 32, 48),)
    worst = export_onnx(network, example, path, input_names=["x"], output_names=["y"], dynamic=ANY_SIZE)
    assert 0.0 < worst <= 1e-4
    opened = session_of_bytes(path.read_bytes())
    for shape in [(1, 2, 32, 48), (5, 2, 64, 32), (2, 2, 30, 34)]:
        x = torch.randn(*shape)
        with torch.no_grad():
            expected = network(x).numpy()
        np.testing.assert_allclose(opened.run(x=x.numpy())["y"], expected, atol=1e-5)


def test_large_weights_are_stored_as_half_and_computed_as_single(tmp_path: Path):
    sizes = {}
    for half in (True, False):
        path = tmp_path / f"{half}.onnx"
        network = small_unet()
        before = network.second[0].weight.detach().clone()
        export_onnx(
            network, (torch.randn(1, 2, 16, 16),), path, input_names=["x"], output_names=["y"], dynamic=None, half=half
        )
        assert torch.equal(before.half().float() if half else before, network.second[0].weight)
        graph = onnx.load(path).graph
        kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
        assert kinds["second.0.weight_half" if half else "second.0.weight"] == (10 if half else 1)
        assert kinds["second.1.running_var"] == 1
        assert graph.output[0].type.tensor_type.elem_type == 1
        sizes[half] = sum(len(tensor.raw_data) for tensor in graph.initializer)
    assert sizes[True] < 0.6 * sizes[False]


def test_efficientnet_features_answer_the_same(tmp_path: Path):
    torch.manual_seed(1)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(2, 3))
    example = (torch.randn(1, 3, 64, 64),)
    names = {name: {0: "n"} for name in ("x", "middle", "coarse")}
    path = tmp_path / "features.onnx"
    worst = export_onnx(
        network, example, path, input_names=["x"], output_names=["middle", "coarse"], dynamic=names, half=True
    )
    assert worst <= 1e-4
    answer = session_of_bytes(path.read_bytes()).run(x=np.zeros((4, 3, 64, 64)))
    assert {name: value.shape for name, value in answer.items()} == {
        "middle": (4, 40, 8, 8),
        "coarse": (4, 112, 4, 4),
    }


class Sums(nn.Module):
    """Two inputs, one of them of whole numbers, and a tuple of outputs."""

    def forward(self, x: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[:, index].sum(1), x.mean(1)


def test_several_inputs_and_outputs(tmp_path: Path):
    worst = export_onnx(
        Sums(),
        (torch.randn(2, 6), torch.tensor([0, 5, 3])),
        tmp_path / "sums.onnx",
        input_names=["x", "index"],
        output_names=["sum", "mean"],
        dynamic={"x": {0: "n"}, "sum": {0: "n"}, "mean": {0: "n"}},
        half=False,
    )
    assert worst <= 1e-5


class Baked(nn.Module):
    """Uses the batch size as a number of Python, which tracing makes a constant."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * float(x.shape[0])


def test_a_graph_that_answers_otherwise_is_not_written(tmp_path: Path):
    path = tmp_path / "baked.onnx"
    with pytest.raises(ExportError, match="differs from the network"):
        export_onnx(Baked(), (torch.randn(2, 3),), path, input_names=["x"], output_names=["y"], dynamic={"x": {0: "n"}})
    assert not path.exists()


def test_weights_beyond_half_precision_are_refused():
    network = nn.Linear(32, 32)
    with torch.no_grad():
        network.weight[0, 0] = 1e5
    with pytest.raises(ExportError, match="weight holds values"):
        round_weights(network)
