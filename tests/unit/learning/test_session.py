"""Sessions run verified graphs, stay warm, and answer the same to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.errors import UsageError
from steatoscope.learning.inference.session import (
    WeightsError,
    chosen_providers,
    open_model,
    session,
    session_of_bytes,
    threads,
)
from steatoscope.learning.training.pack import write_model

onnx = pytest.importorskip("onnx")


def graph() -> bytes:
    """``y = relu(w * x + 1)``, a 3x3 convolution from two to four channels, and ``n``, the count of x, as int64."""
    make = onnx.helper
    weights = np.random.default_rng(0).normal(size=(4, 2, 3, 3)).astype(np.float32)
    nodes = [
        make.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        make.make_node("Relu", ["c"], ["y"]),
        make.make_node("Size", ["x"], ["n"]),
    ]
    kinds = onnx.TensorProto
    body = make.make_graph(
        nodes,
        "made-up",
        [make.make_tensor_value_info("x", kinds.FLOAT, ["batch", 2, "h", "w"])],
        [
            make.make_tensor_value_info("y", kinds.FLOAT, ["batch", 4, "h", "w"]),
            make.make_tensor_value_info("n", kinds.INT64, []),
        ],
        [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(np.ones(4, np.float32), "b")],
    )
    model = make.make_model(body, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "graph.onnx").write_bytes(graph())
    write_model(
        tmp_path / "made-up",
        name="made-up",
        version="0.1.0",
        modality="US",
        task="fat",
        files={"model.onnx": tmp_path / "graph.onnx"},
        settings={},
        card="# made-up\n",
        training={"recipe": "made-up", "seed": 0, "data": []},
    )
    return tmp_path / "made-up"


def convolved(x: np.ndarray) -> np.ndarray:
    """The graph's answer by shifted sums in double precision."""
    weights = np.random.default_rng(0).normal(size=(4, 2, 3, 3)).astype(np.float32).astype(np.float64)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = x.shape[2:]
    total = np.ones((x.shape[0], 4, rows, columns))
    for i in range(3):
        for j in range(3):
            part = padded[:, :, i : i + rows, j : j + columns]
            total += np.einsum("oc,nchw->nohw", weights[:, :, i, j], part)
    return np.maximum(total, 0.0)


def test_a_graph_answers_by_name_and_casts_its_input(folder: Path):
    x = np.random.default_rng(1).normal(size=(3, 2, 20, 17))
    opened = session(open_model(folder))
    assert (opened.input_names, opened.output_names) == (("x",), ("y", "n"))
    assert opened.providers[-1] == "CPUExecutionProvider"
    answer = opened.run(x=x)
    # Single precision sums of 18 products of values near 1: a few times 1e-6.
    np.testing.assert_allclose(answer["y"], convolved(x), atol=2e-5)
    assert answer["y"].dtype == np.float32
    assert answer["n"] == 3 * 2 * 20 * 17
    with pytest.raises(ValueError, match="takes"):
        opened.run(z=x)


def test_a_session_is_opened_once_and_repeats_to_the_bit(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STEATOSCOPE_THREADS", "2")
    opened = session(open_model(folder))
    assert session(open_model(folder)) is opened
    x = np.random.default_rng(2).normal(size=(2, 2, 64, 64))
    first = opened.run(x=x)["y"]
    assert all(np.array_equal(first, opened.run(x=x)["y"]) for _ in range(5))
    monkeypatch.setenv("STEATOSCOPE_THREADS", "1")
    alone = session(open_model(folder))
    assert alone is not opened
    assert np.array_equal(first, alone.run(x=x)["y"])


def test_a_changed_byte_is_refused_by_name(folder: Path):
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(bytes(content))
    with pytest.raises(WeightsError, match=r"model\.onnx has sha256") as caught:
        session(open_model(folder))
    assert caught.value.path == str(folder / "model.onnx")
    with pytest.raises(WeightsError, match="not among the recorded files"):
        session(open_model(folder), "other.onnx")


def test_a_graph_built_in_memory_runs():
    assert session_of_bytes(graph()).run(x=np.zeros((1, 2, 4, 4)))["y"].max() == 1.0


@pytest.mark.parametrize("text", ["0", "-1", "two"])
def test_a_wrong_count_of_threads_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("STEATOSCOPE_THREADS", text)
    with pytest.raises(UsageError, match="STEATOSCOPE_THREADS"):
        threads()


def test_cuda_comes_first_where_it_is_offered():
    assert chosen_providers(["AzureExecutionProvider", "CPUExecutionProvider"]) == ["CPUExecutionProvider"]
    first, last = chosen_providers(["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert (first[0], last) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert first[1]["use_tf32"] == "0"


def test_importing_loads_neither_onnxruntime_nor_torch():
    code = (
        "import sys, steatoscope.learning.inference.session;"
        "print([m for m in ('onnxruntime', 'torch', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
