"""ONNX graphs as bytes: read, tapped, cut and shuffled without torch and without the onnx package.

A model file is a protocol buffer (onnx.proto, IR version 3 and later). Only the parts that are changed are decoded, all
others are passed on as they are. Graphs with inner graphs (If, Loop) are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np

from steatoscope.learning.explain.onnx_wire import Field, fields, message_bytes, number_bytes, text_of, varint

_MODEL_GRAPH, _NODE, _INITIALIZER, _INPUT, _OUTPUT = 7, 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_TYPE, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_GRAPHS: Final = (6, 11)
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_ITEM_SIZE: Final = {1: 4, 10: 2, 11: 8}
_FLOAT: Final = 1
_NO_PIXELS: Final = frozenset({"Shape", "Size"})


@dataclass(frozen=True, eq=False)
class Node:
    """One operation: its type and the names of what it takes and gives."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    raw: bytes


@dataclass(frozen=True, eq=False)
class Graph:
    """A model: nodes in order, weights and interface by name as bytes, and all other fields of model and graph."""

    nodes: tuple[Node, ...]
    weights: Mapping[str, bytes]
    inputs: Mapping[str, bytes]
    outputs: Mapping[str, bytes]
    rest: bytes
    model_rest: bytes

    @classmethod
    def read(cls, model: bytes) -> Graph:
        """From the bytes of a model; raises ValueError where they are none that can be used here."""
        parts = list(fields(model))
        graph = next((part for part in parts if part.number == _MODEL_GRAPH), None)
        if graph is None:
            raise ValueError("the bytes hold no graph")
        inside = list(fields(graph.data))
        named = {
            number: {text_of(part.data, place): part.raw for part in inside if part.number == number}
            for number, place in ((_INITIALIZER, _TENSOR_NAME), (_INPUT, 1), (_OUTPUT, 1))
        }
        known = (_NODE, _INITIALIZER, _INPUT, _OUTPUT)
        return cls(
            tuple(_node(part) for part in inside if part.number == _NODE),
            named[_INITIALIZER],
            {name: raw for name, raw in named[_INPUT].items() if name not in named[_INITIALIZER]},
            named[_OUTPUT],
            b"".join(part.raw for part in inside if part.number not in known),
            b"".join(part.raw for part in parts if part.number != _MODEL_GRAPH),
        )

    def document(self) -> bytes:
        """The bytes of the model."""
        nodes = b"".join(node.raw for node in self.nodes)
        pieces = (nodes, self.rest, *self.weights.values(), *self.inputs.values(), *self.outputs.values())
        return self.model_rest + message_bytes(_MODEL_GRAPH, b"".join(pieces))

    def tapped(self, names: Iterable[str]) -> Graph:
        """The model that answers these inner values alone."""
        wanted = {name: message_bytes(_OUTPUT, message_bytes(1, name.encode())) for name in names}
        return self._ending_in(wanted, frozenset())

    def cut(self, at: Sequence[str], outputs: Iterable[str]) -> Graph:
        """The part of the model behind inner values (float, four axes), which it takes as inputs, up to ``outputs``.

        Inputs of the whole that are still needed (for their sizes) stay.
        """
        kept = self._ending_in({name: self.outputs[name] for name in outputs}, frozenset(at))
        given = {name: message_bytes(_INPUT, _float_maps(name)) for name in at}
        return Graph(kept.nodes, kept.weights, {**kept.inputs, **given}, kept.outputs, b"", self.model_rest)

    def _ending_in(self, outputs: Mapping[str, bytes], stop: frozenset[str]) -> Graph:
        needed, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if any(name in needed and name not in stop for name in node.outputs):
                nodes.append(node)
                needed.update(name for name in node.inputs if name)
        weights = {name: raw for name, raw in self.weights.items() if name in needed}
        inputs = {name: raw for name, raw in self.inputs.items() if name in needed}
        return Graph(tuple(reversed(nodes)), weights, inputs, outputs, b"", self.model_rest)

    def gates(self, source: str, outputs: Iterable[str]) -> tuple[str, ...]:
        """Inner values that everything from an input to the outputs passes through, in order; sizes do not count."""
        beyond: dict[str, frozenset[str]] = {name: frozenset({name}) for name in outputs}
        for node in reversed(self.nodes):
            ways = [beyond[name] for name in node.outputs if name in beyond]
            if not ways or node.kind in _NO_PIXELS:
                continue
            through = frozenset.intersection(*ways)
            for name in node.inputs:
                beyond[name] = (beyond[name] & through if name in beyond else through) | {name}
        order = [name for node in self.nodes for name in node.outputs]
        passed = beyond.get(source, frozenset())
        return tuple(name for name in order if name in passed)

    def shuffled(self, seed: int, *, names: Iterable[str] | None = None) -> Graph:
        """The model with the entries of its weights (of two and more axes; or of ``names``) in random order."""
        chosen = set(self.kernels if names is None else names)
        draw = np.random.default_rng(seed)
        weights = {name: _shuffled(raw, draw) if name in chosen else raw for name, raw in self.weights.items()}
        return Graph(self.nodes, weights, self.inputs, self.outputs, self.rest, self.model_rest)

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of the floating-point weights of two and more axes, from the input's side to the output's."""
        used = dict.fromkeys(name for node in self.nodes for name in node.inputs if name in self.weights)
        return tuple(name for name in used if _is_kernel(self.weights[name]))


def _node(part: Field) -> Node:
    inside = list(fields(part.data))
    inner = (f.number for a in inside if a.number == _NODE_ATTRIBUTE for f in fields(a.data))
    if any(number in _ATTRIBUTE_GRAPHS for number in inner):
        raise ValueError("graphs within graphs (If, Loop) cannot be cut")
    takes, gives = (
        tuple(f.data.decode() for f in inside if f.number == number) for number in (_NODE_INPUT, _NODE_OUTPUT)
    )
    return Node(text_of(part.data, _NODE_TYPE), takes, gives, part.raw)


def _float_maps(name: str) -> bytes:
    """A value's name and type: float with four axes of any size."""
    axes = b"".join(message_bytes(1, message_bytes(2, f"{name}_{axis}".encode())) for axis in range(4))
    tensor = number_bytes(1 << 3) + number_bytes(_FLOAT) + message_bytes(2, axes)
    return message_bytes(1, name.encode()) + message_bytes(2, message_bytes(1, tensor))


def _tensor(raw: bytes) -> list[Field]:
    return list(fields(next(fields(raw)).data))


def _is_kernel(raw: bytes) -> bool:
    inside = _tensor(raw)
    kind = next((f.content for f in inside if f.number == _TENSOR_TYPE), 0)
    return kind in _ITEM_SIZE and len(_dims(inside)) >= 2 and any(f.number == _TENSOR_RAW for f in inside)


def _dims(inside: Sequence[Field]) -> list[int]:
    """The axes of a tensor, written one by one or packed."""
    found: list[int] = []
    for part in (part for part in inside if part.number == _TENSOR_DIMS):
        if isinstance(part.content, int):
            found.append(part.content)
            continue
        place = 0
        while place < len(part.content):
            size, place = varint(part.content, place)
            found.append(size)
    return found


def _shuffled(raw: bytes, draw: np.random.Generator) -> bytes:
    inside = _tensor(raw)
    kind = next(part.content for part in inside if part.number == _TENSOR_TYPE)
    size = _ITEM_SIZE[int(kind) if isinstance(kind, int) else 0]
    pieces = []
    for part in inside:
        if part.number != _TENSOR_RAW:
            pieces.append(part.raw)
            continue
        entries = np.frombuffer(part.data, dtype=np.uint8).reshape(-1, size)
        if len(entries) != prod(_dims(inside)):
            raise ValueError("the weight's bytes do not fit its axes")
        pieces.append(message_bytes(_TENSOR_RAW, draw.permutation(entries).tobytes()))
    return message_bytes(_INITIALIZER, b"".join(pieces))
