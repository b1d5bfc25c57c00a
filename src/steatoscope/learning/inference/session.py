"""ONNX graphs at work: verified when loaded, kept warm, the same answer on every run.

onnxruntime is imported only when a session is opened, so that importing this module costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import UsageError
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.model_folder import ModelFolder, WeightsError

__all__ = [
    "ModelFolder",
    "OnnxSession",
    "WeightsError",
    "chosen_providers",
    "open_model",
    "session",
    "session_of_bytes",
    "threads",
]

DEFAULT_THREADS = 2
_KINDS: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class OnnxSession:
    """One graph, ready to run; several threads may share it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._kinds = {item.name: _KINDS[item.type] for item in inner.get_inputs()}
        self._outputs = [item.name for item in inner.get_outputs()]

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the graph's inputs."""
        return tuple(self._kinds)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the graph's outputs."""
        return tuple(self._outputs)

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers in use, first choice first."""
        return tuple(self._inner.get_providers())

    def run(self, **inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Outputs by name; inputs are cast to the graph's types. Raises ValueError for wrong input names."""
        if set(inputs) != set(self._kinds):
            raise ValueError(f"the graph takes {sorted(self._kinds)}, not {sorted(inputs)}")
        feed = {name: np.ascontiguousarray(value, dtype=self._kinds[name]) for name, value in inputs.items()}
        return dict(zip(self._outputs, self._inner.run(self._outputs, feed), strict=True))


_LOCK = Lock()
_WARM: dict[tuple[Path, str, str | None, int], OnnxSession] = {}


def session(model: ModelFolder, name: str = "model.onnx") -> OnnxSession:
    """The session of a model's graph, verified on loading and kept for the life of the process.

    Raises :class:`WeightsError` where the file is missing or differs from the recorded hash.
    """
    key = (model.folder.resolve(), name, model.files.get(name), threads())
    with _LOCK:
        if key not in _WARM:
            _WARM[key] = _open(model.file(name), threads())
        return _WARM[key]


def session_of_bytes(graph: bytes) -> OnnxSession:
    """A new session of a serialised graph, with the same settings; for graphs that were built here."""
    return _open(graph, threads())


def threads() -> int:
    """Threads of one session: 2, or what ``STEATOSCOPE_THREADS`` says; raises UsageError where that is no count."""
    text = os.environ.get("STEATOSCOPE_THREADS") or str(DEFAULT_THREADS)
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"STEATOSCOPE_THREADS must be a number of threads, not {text!r}")
    return int(text)


def _open(graph: bytes, count: int) -> OnnxSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    # Waiting threads that spin would take the cores from the other sessions and from numpy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = chosen_providers(onnxruntime.get_available_providers())
    return OnnxSession(onnxruntime.InferenceSession(graph, options, providers=providers))


def chosen_providers(available: list[str]) -> list[Any]:
    """CUDA first where it is offered, without TF32 and without timing-dependent choice of algorithms."""
    chosen: list[Any] = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in available:
        chosen.insert(0, ("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}))
    return chosen
