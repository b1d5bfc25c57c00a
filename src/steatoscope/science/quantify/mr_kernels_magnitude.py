"""Compiled magnitude fit: Levenberg-Marquardt on |W + F c(t)| exp(-R2* t) from a water- and a fat-dominant start.

Import lazily: it loads the compiler.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.kernels import compiled

F64 = NDArray[np.float64]
_STEPS = 40


@compiled(fused=True)
def _cost(s: F64, times: F64, re: F64, sq: F64, water: float, fat: float, rate: float) -> float:
    total = 0.0
    for n in range(s.size):
        q = water * water + 2.0 * water * fat * re[n] + fat * fat * sq[n]
        gap = s[n] - np.sqrt(max(q, 0.0)) * np.exp(-rate * times[n])
        total += gap * gap
    return total


@compiled(fused=True)
def _start(s: F64, times: F64, re: F64, sq: F64, share: float, rates: F64) -> tuple[float, float]:
    best, scale, decay = np.inf, 0.0, 0.0
    for rate in rates:
        top, bottom = 0.0, 1e-300
        for n in range(s.size):
            q = (1 - share) ** 2 + 2.0 * share * (1 - share) * re[n] + share * share * sq[n]
            m = np.sqrt(q) * np.exp(-rate * times[n])
            top += m * s[n]
            bottom += m * m
        cost = -top * top / bottom
        if cost < best:
            best, scale, decay = cost, top / bottom, rate
    return scale, decay


@compiled(fused=True)
def _descend(
    s: F64,
    times: F64,
    re: F64,
    sq: F64,
    start: tuple[float, float, float],
    limits: tuple[float, float],
    tolerance: float,
) -> tuple[float, float, float, float]:
    water, fat, rate = start
    cost = _cost(s, times, re, sq, water, fat, rate)
    power = 1e-300
    for n in range(s.size):
        power += s[n] * s[n]
    damping = 1e-3
    for _ in range(_STEPS):
        a00, a01, a02, a11, a12, a22 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        b0, b1, b2 = 0.0, 0.0, 0.0
        for n in range(s.size):
            root = np.sqrt(max(water * water + 2.0 * water * fat * re[n] + fat * fat * sq[n], 1e-300))
            fade = np.exp(-rate * times[n])
            j0 = (water + fat * re[n]) * fade / root
            j1 = (water * re[n] + fat * sq[n]) * fade / root
            j2 = -times[n] * root * fade
            gap = s[n] - root * fade
            a00 += j0 * j0
            a01 += j0 * j1
            a02 += j0 * j2
            a11 += j1 * j1
            a12 += j1 * j2
            a22 += j2 * j2
            b0 += j0 * gap
            b1 += j1 * gap
            b2 += j2 * gap
        if (rate <= limits[0] and b2 < 0.0) or (rate >= limits[1] and b2 > 0.0):
            a02, a12, b2 = 0.0, 0.0, 0.0
        improved = False
        while damping < 1e8:
            m00, m11, m22 = a00 * (1 + damping), a11 * (1 + damping), a22 * (1 + damping)
            c00, c01, c02 = m11 * m22 - a12 * a12, a02 * a12 - a01 * m22, a01 * a12 - a02 * m11
            det = m00 * c00 + a01 * c01 + a02 * c02
            if det <= 0.0:
                damping = max(damping * 10.0, 1e-9)
                continue
            c11, c12, c22 = m00 * m22 - a02 * a02, a01 * a02 - m00 * a12, m00 * m11 - a01 * a01
            d0 = (c00 * b0 + c01 * b1 + c02 * b2) / det
            d1 = (c01 * b0 + c11 * b1 + c12 * b2) / det
            d2 = (c02 * b0 + c12 * b1 + c22 * b2) / det
            next_rate = min(max(rate + d2, limits[0]), limits[1])
            fresh = _cost(s, times, re, sq, water + d0, fat + d1, next_rate)
            if fresh < cost:
                gain = cost - fresh
                water, fat, rate, cost = water + d0, fat + d1, next_rate, fresh
                damping = max(damping * 0.1, 1e-12)
                improved = gain > tolerance * cost + 1e-26 * power
                break
            damping = max(damping * 10.0, 1e-9)
        if not improved:
            break
    if water + fat < 0.0:
        water, fat = -water, -fat
    return water, fat, rate, cost


@compiled(fused=True)
def fit_two_starts(
    signal: F64, times: F64, basis_re: F64, basis_sq: F64, rates: F64, limits: tuple[float, float], tolerance: float
) -> F64:
    """Both solutions of every voxel of ``signal`` (voxels, echoes): (2, 4, voxels) of water, fat, R2* and cost.

    ``basis_re`` and ``basis_sq`` (echoes,) are the real part and squared magnitude of the fat basis; ``rates`` are R2*
    starts (1/s); ``limits`` bound R2*; ``tolerance`` is the relative gain at which a descent stops.
    """
    result = np.zeros((2, 4, signal.shape[0]))
    shares = (0.1, 0.9)
    for voxel in range(signal.shape[0]):
        s = signal[voxel]
        for k in range(2):
            scale, rate = _start(s, times, basis_re, basis_sq, shares[k], rates)
            start = (scale * (1 - shares[k]), scale * shares[k], rate)
            water, fat, decay, cost = _descend(s, times, basis_re, basis_sq, start, limits, tolerance)
            result[k, 0, voxel] = water
            result[k, 1, voxel] = fat
            result[k, 2, voxel] = decay
            result[k, 3, voxel] = cost
    return result
