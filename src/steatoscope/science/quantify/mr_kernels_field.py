"""Compiled tree-reweighted message passing (TRW-S; Kolmogorov, IEEE TPAMI 2006) over field-map candidates.

Each voxel chooses one of three candidates; a pair of neighbours pays for different field values, in proportion to
the lower of the two curvatures of their residuals and only up to a limit. Import lazily: it loads the compiler.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.kernels import compiled

K = 3
_BIG = np.float32(3.0e38)
_SETTLED = 2
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]


@compiled(fused=True)
def neighbours(index: I32, slices: int, rows: int, columns: int) -> tuple[I32, I32]:
    """Positions within ``index`` of the next and previous neighbour along column, row and slice; -1 where none.

    ``index`` holds the flat positions of the nodes on the (slices, rows, columns) grid in rising order. Returns two
    arrays (nodes, 3).
    """
    lookup = np.zeros(slices * rows * columns, dtype=np.int32)
    for node in range(index.size):
        lookup[index[node]] = node + 1
    ahead = np.empty((index.size, 3), dtype=np.int32)
    behind = np.empty((index.size, 3), dtype=np.int32)
    behind[:] = -1
    for node in range(index.size):
        flat = index[node]
        column, row, slab = flat % columns, (flat // columns) % rows, flat // (columns * rows)
        other = -1
        for axis in range(3):
            if axis == 0:
                other = lookup[flat + 1] - 1 if column + 1 < columns else -1
            elif axis == 1:
                other = lookup[flat + columns] - 1 if row + 1 < rows else -1
            else:
                other = lookup[flat + columns * rows] - 1 if slab + 1 < slices else -1
            ahead[node, axis] = other
            if other >= 0:
                behind[other, axis] = node
    return ahead, behind


@compiled(fused=True)
def attract(place: F32, cost: F32, bend: F32, target: F32, weight: float, width: float) -> F32:
    """Unary costs (nodes, 3) with a pull towards ``target`` (nodes,), in proportion to each candidate's curvature."""
    result = np.empty_like(cost)
    inverse = np.float32(1.0 / width)
    span, pull = np.float32(width), np.float32(weight)
    for node in range(cost.shape[0]):
        for k in range(K):
            gap = place[node, k] - target[node]
            gap -= span * np.rint(gap * inverse)
            result[node, k] = cost[node, k] + pull * bend[node, k] * gap * gap
    return result


@compiled(inline=True, fused=True)
def _send(place: F32, bend: F32, node: int, other: int, terms: F32, slot: F32, scale: F32) -> None:
    """The message from ``node`` to ``other`` into ``slot``; ``scale`` holds weight, limit, span and its inverse."""
    weight, limit, span, inverse = scale[0], scale[1], scale[2], scale[3]
    lowest = _BIG
    for j in range(K):
        at, curve = place[other, j], bend[other, j]
        least = _BIG
        for k in range(K):
            gap = at - place[node, k]
            gap -= span * np.rint(gap * inverse)
            value = terms[k] + weight * min(curve, bend[node, k]) * min(gap * gap, limit)
            least = min(least, value)
        slot[j] = least
        lowest = min(lowest, least)
    for j in range(K):
        slot[j] -= lowest


@compiled(fused=True)
def choose(place: F32, unary: F32, bend: F32, ahead: I32, behind: I32, scale: F32, passes: int) -> U8:
    """The candidate of each node, shape (nodes,), after at most ``passes`` forward and backward sweeps of TRW-S.

    Stops early once no candidate has changed in two passes.

    ``scale`` holds the weight of the pair term, the limit of its squared distance (units of the period squared), the
    circumference on which places are compared, and its inverse.
    """
    nodes = unary.shape[0]
    message = np.zeros((nodes, 3, K), dtype=np.float32)
    belief = np.empty(K, dtype=np.float32)
    terms = np.empty(K, dtype=np.float32)
    label = np.zeros(nodes, dtype=np.uint8)
    settled = 0
    for sweep in range(2 * passes):
        forward = sweep % 2 == 0
        for step in range(nodes):
            node = step if forward else nodes - 1 - step
            share = _gather_belief(unary, message, ahead, behind, node, belief)
            for axis in range(3):
                other = ahead[node, axis] if forward else behind[node, axis]
                if other >= 0:
                    slot = message[node, axis] if forward else message[other, axis]
                    for k in range(K):
                        terms[k] = share * belief[k] - slot[k]
                    _send(place, bend, node, other, terms, slot, scale)
        if not forward:
            settled = settled + 1 if _decode(place, unary, bend, ahead, behind, message, scale, label) == 0 else 0
            if settled == _SETTLED:
                break
    return label


@compiled(inline=True, fused=True)
def _gather_belief(unary: F32, message: F32, ahead: I32, behind: I32, node: int, belief: F32) -> np.float32:
    """Unary cost plus all messages to ``node`` into ``belief``; returns the share of it that one chain carries."""
    count_ahead, count_behind = 0, 0
    for k in range(K):
        belief[k] = unary[node, k]
    for axis in range(3):
        if ahead[node, axis] >= 0:
            count_ahead += 1
            for k in range(K):
                belief[k] += message[node, axis, k]
        other = behind[node, axis]
        if other >= 0:
            count_behind += 1
            for k in range(K):
                belief[k] += message[other, axis, k]
    return np.float32(1.0) / np.float32(max(count_ahead, count_behind, 1))


@compiled(fused=True)
def _decode(place: F32, unary: F32, bend: F32, ahead: I32, behind: I32, message: F32, scale: F32, label: U8) -> int:
    """Choose candidates in order, given those already chosen; writes ``label`` and returns how many changed."""
    weight, limit, span, inverse = scale[0], scale[1], scale[2], scale[3]
    total = np.empty(K, dtype=np.float32)
    changed = 0
    for node in range(unary.shape[0]):
        for k in range(K):
            total[k] = unary[node, k]
        for axis in range(3):
            if ahead[node, axis] >= 0:
                for k in range(K):
                    total[k] += message[node, axis, k]
            other = behind[node, axis]
            if other >= 0:
                at, curve = place[other, label[other]], bend[other, label[other]]
                for k in range(K):
                    gap = at - place[node, k]
                    gap -= span * np.rint(gap * inverse)
                    total[k] += weight * min(curve, bend[node, k]) * min(gap * gap, limit)
        best = 0
        for k in range(1, K):
            if total[k] < total[best]:
                best = k
        if best != label[node]:
            changed += 1
            label[node] = best
    return changed
