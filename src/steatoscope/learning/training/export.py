"""Export of torch networks to ONNX, with the answer of the exported graph checked against torch before it is trusted.

With ``half`` the large weights are rounded to half precision, in the network too, so that the check compares what
ships: they are stored as float16 and cast to float32 when the graph is loaded. All arithmetic stays in float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from steatoscope.learning.inference.session import session_of_bytes

LIMIT = 1e-4
OPSET = 17
LEAST_HALVED = 256
HALF_MAX = 65504.0
Axes = Mapping[str, Mapping[int, str]]


class ExportError(RuntimeError):
    """The exported graph does not answer as the network does."""


def export_onnx(
    module: nn.Module,
    example_inputs: tuple[Tensor, ...],
    path: Path,
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic: Axes | None = None,
    half: bool = True,
    limit: float = LIMIT,
) -> float:
    """Write a network as ONNX and return the largest difference of its answers from torch's.

    The difference is absolute for answers up to 1 and in parts of the largest answer beyond, as single precision
    rounds. The answers are compared on random inputs of the example's shapes and of a batch of one more with twice
    the other dynamic sizes, where axes are ``dynamic`` ({input or output: {axis: its name}}). ``module`` is put into
    evaluation mode and, with ``half``, its large weights are rounded in place.
    Raises :class:`ExportError` above ``limit``, and for weights beyond the range of half precision; then nothing is
    written.
    """
    module.eval()
    if half:
        round_weights(module)
    exported = _exported(module, example_inputs, input_names, output_names, dynamic or {})
    graph = bytes((halved(exported) if half else exported).SerializeToString())
    trials = _trials(example_inputs, input_names, dynamic)
    worst = float(np.max([_difference(module, inputs, graph, input_names) for inputs in trials]))
    if not worst <= limit:
        raise ExportError(f"the exported graph differs from the network by {worst:.3g}, more than {limit:g}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph)
    return worst


def round_weights(module: nn.Module) -> None:
    """Round the large weights (matrices and kernels, not vectors) of a network to half precision, in place."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim >= 2 and tensor.numel() >= LEAST_HALVED:
            if float(tensor.abs().max()) > HALF_MAX:
                raise ExportError(f"{name} holds values beyond the range of half precision")
            tensor.copy_(tensor.half().to(tensor.dtype))


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with large weights stored as float16 and cast to float32 at its start.

    Only weights that half precision holds exactly are changed, so that the answer stays the same to the bit.
    """
    casts = []
    for tensor in model.graph.initializer:
        values = _as_half(tensor)
        if values is not None:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values, f"{name}_half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(model)
    return model


def _as_half(tensor: onnx.TensorProto) -> NDArray[np.float16] | None:
    if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2 or prod(tensor.dims) < LEAST_HALVED:
        return None
    values = numpy_helper.to_array(tensor)
    if np.abs(values).max() > HALF_MAX:
        return None
    rounded = values.astype(np.float16)
    return rounded if np.array_equal(rounded.astype(np.float32), values) else None


def _exported(
    module: nn.Module, inputs: tuple[Tensor, ...], input_names: Sequence[str], output_names: Sequence[str], axes: Axes
) -> onnx.ModelProto:
    with _quiet(), torch.no_grad(), TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            module,
            inputs,
            path,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes={name: dict(named) for name, named in axes.items()},
            opset_version=OPSET,
            dynamo=False,
            # Otherwise batch normalisation is folded into kernels, which half precision then no longer holds;
            # onnxruntime folds it when it loads the graph.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
        return onnx.load_model_from_string(path.read_bytes())


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter says of itself; that sizes were traced as constants is found by the comparison."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.onnx|steatoscope|copyreg")
        warnings.filterwarnings("ignore", message="You are using the legacy TorchScript", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=TracerWarning)
        yield


def _trials(examples: tuple[Tensor, ...], names: Sequence[str], dynamic: Axes | None) -> list[tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)
    trials = [tuple(_random(example, tuple(example.shape), generator) for example in examples)]
    if dynamic:
        shapes = [_other_shape(example, dynamic.get(name, {})) for example, name in zip(examples, names, strict=True)]
        trials.append(tuple(_random(x, shape, generator) for x, shape in zip(examples, shapes, strict=True)))
    return trials


def _other_shape(example: Tensor, named: Mapping[int, str]) -> tuple[int, ...]:
    """Another size of every dynamic axis: one more in the batch, twice as much elsewhere."""
    other = {0: lambda n: n + 1}
    return tuple(other.get(axis, lambda n: 2 * n)(n) if axis in named else n for axis, n in enumerate(example.shape))


def _random(example: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Normal numbers with the example's mean and spread; integers are drawn from the example's own."""
    if not example.is_floating_point():
        return example.flatten()[torch.randint(example.numel(), shape, generator=generator)]
    mean, spread = float(example.mean()), float(example.std(correction=0)) or 1.0
    return (torch.randn(shape, generator=generator) * spread + mean).to(example.dtype)


def _difference(module: nn.Module, inputs: tuple[Tensor, ...], graph: bytes, names: Sequence[str]) -> float:
    with torch.no_grad():
        answer = module(*inputs)
    expected = [answer] if isinstance(answer, Tensor) else list(answer)
    fed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
    found = session_of_bytes(graph).run(**fed)
    pairs = zip(found.values(), (tensor.numpy() for tensor in expected), strict=True)
    return float(np.max([_largest(one, other) for one, other in pairs]))


def _largest(found: NDArray[Any], expected: NDArray[Any]) -> float:
    if found.shape != expected.shape:
        raise ExportError(f"the exported graph answers {found.shape} where the network answers {expected.shape}")
    size = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    return float(np.max(np.abs(found.astype(np.float64) - expected), initial=0.0)) / size
