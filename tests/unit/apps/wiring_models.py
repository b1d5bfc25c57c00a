"""Made-up model folders for the tests of the wiring: real entries, graphs that need no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.pack import write_model


def model_folder(
    folder: Path, *, modality: str = "CT", task: str = "liver", settings: dict[str, Any] | None = None, **files: bytes
) -> ModelFolder:
    """A packed model; ``files`` are contents by name, ``_`` in a name standing for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {}
    for name, content in (files or {"model_onnx": b"graph"}).items():
        target = name.replace("_", ".")
        (folder / target).write_bytes(content)
        named[target] = folder / target
    return write_model(
        folder,
        name=folder.name,
        version="0.1.0",
        modality=modality,
        task=task,
        files=named,
        settings=settings or {},
        card="# made-up\n",
        training={"recipe": "none", "seed": 0, "data": []},
    )


def threshold_graph(classes: int, cut: float) -> bytes:
    """A graph ``image`` (n, 1, rows, columns) to ``logits`` (n, classes, ...): 20 (image - cut), first class only."""
    import numpy as np
    import onnx

    weights = np.zeros((classes, 1, 1, 1), np.float32)
    weights[0] = 20.0
    bias = np.full(classes, -20.0, np.float32)
    bias[0] = -20.0 * cut
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    body = make.make_graph(
        [make.make_node("Conv", ["image", "w", "b"], ["logits"])],
        "threshold",
        [make.make_tensor_value_info("image", kind, ["n", 1, "h", "w"])],
        [make.make_tensor_value_info("logits", kind, ["n", classes, "h", "w"])],
        [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    model = make.make_model(body, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
