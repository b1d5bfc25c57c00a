"""Graphs rewritten without the onnx package: shipped graphs give the same answers, and onnx reads the same parts."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.learning.catalogue import open_model
from steatoscope.learning.explain.onnx_graph import Graph
from steatoscope.learning.explain.onnx_wire import fields, message_bytes, number_bytes, varint
from steatoscope.learning.inference.session import session_of_bytes

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def localiser() -> bytes:
    return open_model("us-steatosis").file("localiser.onnx")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return RNG.normal(size=(1, 4, 144, 208)).astype(np.float32)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**40])
def test_numbers_survive(number):
    assert varint(number_bytes(number), 0) == (number, len(number_bytes(number)))


def test_messages_survive_and_cut_ones_are_refused():
    message = message_bytes(3, b"abc") + message_bytes(17, b"")
    assert [(part.number, part.content) for part in fields(message)] == [(3, b"abc"), (17, b"")]
    assert b"".join(part.raw for part in fields(message)) == message
    for broken in (message[:3], b"\xff", message_bytes(1, b"x")[:-1] + b""):
        with pytest.raises(ValueError, match="cut short"):
            list(fields(broken))
    with pytest.raises(ValueError, match="no graph"):
        Graph.read(b"")


def test_a_rewritten_graph_answers_the_same(localiser, picture):
    graph = Graph.read(localiser)
    own, again = (session_of_bytes(one).run(channels=picture) for one in (localiser, graph.document()))
    for name, value in own.items():
        np.testing.assert_array_equal(again[name], value)


def test_a_cut_graph_goes_on_from_its_inner_maps(localiser, picture):
    graph = Graph.read(localiser)
    gates = graph.gates("channels", ["probability"])
    inner = session_of_bytes(graph.tapped(gates).document()).run(channels=picture)
    name = [gate for gate in gates if inner[gate].ndim == 4][-1]
    head = graph.cut([name], ["probability"])
    assert set(head.inputs) == {name}
    found = session_of_bytes(head.document()).run(**{name: inner[name]})
    whole = session_of_bytes(localiser).run(channels=picture)
    np.testing.assert_allclose(found["probability"], whole["probability"], atol=1e-6)


def test_shuffled_weights_keep_their_entries_and_change_the_answer(localiser, picture):
    graph = Graph.read(localiser)
    other = graph.shuffled(1)
    changed = [name for name in graph.weights if graph.weights[name] != other.weights[name]]
    assert changed
    assert set(changed) <= set(graph.kernels)
    for name in changed:
        assert sorted(graph.weights[name]) == sorted(other.weights[name])
    answers = [session_of_bytes(one.document()).run(channels=picture)["liver"] for one in (graph, other)]
    assert abs(float(np.corrcoef(answers[0].ravel(), answers[1].ravel())[0, 1])) < 0.9
    assert graph.shuffled(1).document() == other.document()
    assert graph.shuffled(1, names=[]).document() == graph.document()


def test_onnx_reads_the_same_parts(localiser):
    onnx = pytest.importorskip("onnx", reason="needs the train extra (make train)")
    graph, other = Graph.read(localiser), onnx.load_model_from_string(localiser)
    assert [(n.kind, n.inputs, n.outputs) for n in graph.nodes] == [
        (n.op_type, tuple(n.input), tuple(n.output)) for n in other.graph.node
    ]
    assert list(graph.weights) == [tensor.name for tensor in other.graph.initializer]
    onnx.checker.check_model(onnx.load_model_from_string(graph.shuffled(0).document()))
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in other.graph.initializer}
    used = {name for node in other.graph.node for name in node.input}
    assert set(graph.kernels) == {n for n, v in tensors.items() if v.ndim >= 2 and v.dtype.kind == "f" and n in used}
