"""MATLAB containers (v5, v7, v7.3) as plain dictionaries of arrays, bounded in memory."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.decoding import cut_short, decoding, too_large
from steatoscope.imaging.io.matfile5 import read_level5
from steatoscope.imaging.io.options import MAX_BYTES

Fields = dict[str, Any]


def read_mat(path: Path, names: Sequence[str], *, max_bytes: int = MAX_BYTES) -> Fields:
    """The variables of a MAT file whose lower-case name is among ``names``, by lower-case name.

    A struct becomes a dictionary of its fields with lower-case names. Arrays keep MATLAB's axes; complex ones are
    complex. Raises E_TRUNCATED, E_FORMAT, or E_BOMB beyond ``max_bytes``.
    """
    with path.open("rb") as stream:
        is_v5 = stream.read(19) == b"MATLAB 5.0 MAT-file"
    if is_v5:
        return read_level5(path, names, max_bytes)
    return _read_hdf5(path, names, max_bytes)


def _read_hdf5(path: Path, names: Sequence[str], max_bytes: int) -> Fields:
    import h5py

    _check_hdf5_end(path)
    with decoding(path, "a MAT file"), h5py.File(path, "r") as file:
        budget = [max_bytes]
        return {name.lower(): _node(file[name], path, budget) for name in file if name.lower() in names}


def _node(node: Any, path: Path, budget: list[int]) -> Any:
    if hasattr(node, "keys"):
        return {name.lower(): _node(node[name], path, budget) for name in node if not hasattr(node[name], "keys")}
    if node.dtype.kind == "O":
        return None
    budget[0] -= int(np.prod(node.shape, dtype=object)) * node.dtype.itemsize
    if budget[0] < 0:
        raise too_large(path, "Its arrays exceed the memory limit.")
    return _complex(np.asarray(node[()]).T)


def _complex(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.names == ("real", "imag"):
        return np.asarray(values["real"] + 1j * values["imag"])
    return values


def _check_hdf5_end(path: Path) -> None:
    """An HDF5 superblock (version 0 or 2) states where the file ends; a shorter file is cut."""
    with path.open("rb") as stream:
        data = stream.read(1024)
    start = next((place for place in (0, 512) if data[place : place + 4] == b"\x89HDF"), None)
    if start is None:
        raise cut_short(path, "The HDF5 part of the file is missing.")
    block = data[start:]
    if len(block) < 48:
        raise cut_short(path)
    end = struct.unpack("<Q", block[40:48] if block[8] == 0 else block[28:36])[0]
    if block[8] in (0, 2, 3) and end < 1 << 62 and path.stat().st_size < end:
        raise cut_short(path)


def number(fields: Mapping[str, Any], *names: str) -> float | None:
    """The first of the named fields that is one finite real number, else None."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "iuf":
            one = float(value.ravel()[0])
            if np.isfinite(one):
                return one
    return None


def require(condition: bool, path: Path, cause: str) -> None:
    """Raise E_FORMAT with a cause unless a condition on the file's variables holds."""
    if not condition:
        raise SteatoscopeError("E_FORMAT", path=str(path), message="The MAT file cannot be used.", cause=cause)
