"""Compiled Gauss-Newton refinement of field and R2* on the projected residual, 16 voxels at a time, in float32.

With water and fat projected out (Golub & Pereyra 1973; Kaufman's approximation 1975) the two Jacobian columns are
``z`` and ``i z`` and thus orthogonal over real coefficients: a step is two scalar divisions. Time is counted from the
first echo; phase and decay up to it are restored at the end. Import lazily: it loads the compiler.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.kernels import compiled
from steatoscope.science.quantify.mr_kernels_grid import LANES

F32 = NDArray[np.float32]
_ONE = np.float32(1.0)
_TWO_PI = np.float32(2.0 * np.pi)


@compiled(inline=True, fused=True)
def _phasor(work: F32) -> None:
    """Rows 2 and 3 become exp(i 2 pi cycles - decay), with cycles in row 4 and decay in row 5.

    By polynomials, lane by lane; accurate to about 4e-7 for |decay| <= 8.
    """
    for lane in range(LANES):
        x = work[4, lane] - np.rint(work[4, lane])
        quarter = np.rint(x * np.float32(2.0))
        y = (x - quarter * np.float32(0.5)) * _TWO_PI
        sign = _ONE - np.float32(2.0) * abs(quarter)
        y2 = y * y
        sine = np.float32(-2.5052108e-8) * y2 + np.float32(2.7557319e-6)
        sine = sine * y2 - np.float32(1.9841270e-4)
        sine = sine * y2 + np.float32(8.3333333e-3)
        sine = sine * y2 - np.float32(1.6666667e-1)
        sine = (sine * y2 + _ONE) * y
        cosine = np.float32(2.0876757e-9) * y2 - np.float32(2.7557319e-7)
        cosine = cosine * y2 + np.float32(2.4801587e-5)
        cosine = cosine * y2 - np.float32(1.3888889e-3)
        cosine = cosine * y2 + np.float32(4.1666667e-2)
        cosine = cosine * y2 - np.float32(0.5)
        cosine = cosine * y2 + _ONE
        e = work[5, lane] * np.float32(-0.0625)
        power = np.float32(1.3888889e-3) * e + np.float32(8.3333333e-3)
        power = power * e + np.float32(4.1666667e-2)
        power = power * e + np.float32(1.6666667e-1)
        power = power * e + np.float32(0.5)
        power = power * e + _ONE
        power = power * e + _ONE
        power = power * power
        power = power * power
        power = power * power
        power = power * power
        work[2, lane] = cosine * sign * power
        work[3, lane] = sine * sign * power


@compiled(inline=True, fused=True)
def _demodulate(real: F32, imag: F32, times: F32, state: F32, y_re: F32, y_im: F32, weight: F32, work: F32) -> None:
    """Data times the conjugate of the decayed phasor since the first echo, and that phasor's squared magnitude."""
    for lane in range(LANES):
        work[0, lane], work[1, lane] = _ONE, np.float32(0.0)
    for n in range(real.shape[0]):
        if n > 0:
            gap = times[n] - times[n - 1]
            if n == 1 or abs(gap - (times[n - 1] - times[n - 2])) > np.float32(1e-8):
                for lane in range(LANES):
                    work[4, lane] = state[0, lane] * gap
                    work[5, lane] = state[1, lane] * gap
                _phasor(work)
            for lane in range(LANES):
                a, b = work[0, lane], work[1, lane]
                work[0, lane] = a * work[2, lane] - b * work[3, lane]
                work[1, lane] = a * work[3, lane] + b * work[2, lane]
        for lane in range(LANES):
            a, b, z, w = real[n, lane], imag[n, lane], work[0, lane], work[1, lane]
            y_re[n, lane] = z * a + w * b
            y_im[n, lane] = z * b - w * a
            weight[n, lane] = z * z + w * w


@compiled(inline=True, fused=True)
def _linear(y_re: F32, y_im: F32, weight: F32, basis: F32, acc: F32, sol: F32) -> None:
    """Normal equations (rows 0-3 of ``sol``), water (4, 5), fat (6, 7) and the inverse determinant (8)."""
    acc[:] = np.float32(0.0)
    for n in range(y_re.shape[0]):
        c_re, c_im = basis[0, n], basis[1, n]
        c_abs = c_re * c_re + c_im * c_im
        for lane in range(LANES):
            w, a, b = weight[n, lane], y_re[n, lane], y_im[n, lane]
            acc[0, lane] += w
            acc[1, lane] += w * c_re
            acc[2, lane] += w * c_im
            acc[3, lane] += w * c_abs
            acc[4, lane] += a
            acc[5, lane] += b
            acc[6, lane] += c_re * a + c_im * b
            acc[7, lane] += c_re * b - c_im * a
    for lane in range(LANES):
        g11, u, v, g22 = acc[0, lane], acc[1, lane], acc[2, lane], acc[3, lane]
        a, b, c, d = acc[4, lane], acc[5, lane], acc[6, lane], acc[7, lane]
        det = _ONE / max(g11 * g22 - u * u - v * v, np.float32(1e-12))
        sol[0, lane], sol[1, lane], sol[2, lane], sol[3, lane] = g11, u, v, g22
        sol[4, lane] = (g22 * a - (u * c - v * d)) * det
        sol[5, lane] = (g22 * b - (u * d + v * c)) * det
        sol[6, lane] = (g11 * c - (u * a + v * b)) * det
        sol[7, lane] = (g11 * d - (u * b - v * a)) * det
        sol[8, lane] = det


@compiled(inline=True, fused=True)
def _moments(y_re: F32, y_im: F32, weight: F32, times: F32, basis: F32, sol: F32, acc: F32) -> None:
    """Residual (0), its products with ``t m`` (1, 2), the squared length of ``t m`` (3) and its projections (4-7)."""
    acc[:] = np.float32(0.0)
    for n in range(y_re.shape[0]):
        c_re, c_im = basis[0, n], basis[1, n]
        tau = times[n] - times[0]
        for lane in range(LANES):
            w = weight[n, lane]
            m_re = sol[4, lane] + c_re * sol[6, lane] - c_im * sol[7, lane]
            m_im = sol[5, lane] + c_re * sol[7, lane] + c_im * sol[6, lane]
            e_re = y_re[n, lane] - w * m_re
            e_im = y_im[n, lane] - w * m_im
            t_re, t_im = w * tau * m_re, w * tau * m_im
            acc[0, lane] += (e_re * e_re + e_im * e_im) / max(w, np.float32(1e-20))
            acc[1, lane] += tau * (m_re * e_re + m_im * e_im)
            acc[2, lane] += tau * (m_re * e_im - m_im * e_re)
            acc[3, lane] += tau * (t_re * m_re + t_im * m_im)
            acc[4, lane] += t_re
            acc[5, lane] += t_im
            acc[6, lane] += c_re * t_re + c_im * t_im
            acc[7, lane] += c_re * t_im - c_im * t_re


@compiled(inline=True, fused=True)
def _keep_best(state: F32, sol: F32, acc: F32, best: F32) -> None:
    for lane in range(LANES):
        lower = acc[0, lane] < best[0, lane]
        best[0, lane] = acc[0, lane] if lower else best[0, lane]
        best[1, lane] = state[0, lane] if lower else best[1, lane]
        best[2, lane] = state[1, lane] if lower else best[2, lane]
        best[3, lane] = sol[4, lane] if lower else best[3, lane]
        best[4, lane] = sol[5, lane] if lower else best[4, lane]
        best[5, lane] = sol[6, lane] if lower else best[5, lane]
        best[6, lane] = sol[7, lane] if lower else best[6, lane]


@compiled(inline=True, fused=True)
def _move(state: F32, sol: F32, acc: F32, limits: F32) -> None:
    """One diagonal Gauss-Newton step, the field by at most ``limits[0]`` Hz, R2* within ``limits[1:]``."""
    for lane in range(LANES):
        g11, u, v, g22 = sol[0, lane], sol[1, lane], sol[2, lane], sol[3, lane]
        a, b, c, d = acc[4, lane], acc[5, lane], acc[6, lane], acc[7, lane]
        cross = np.float32(2.0) * (u * (a * c + b * d) + v * (b * c - a * d))
        taken = (g22 * (a * a + b * b) + g11 * (c * c + d * d) - cross) * sol[8, lane]
        norm = max(acc[3, lane] - taken, np.float32(1e-4) * acc[3, lane] + np.float32(1e-30))
        shift = min(max(acc[2, lane] / (_TWO_PI * norm), -limits[0]), limits[0])
        state[0, lane] += shift
        state[1, lane] = min(max(state[1, lane] - acc[1, lane] / norm, limits[1]), limits[2])


@compiled(inline=True, fused=True)
def _restore(best: F32, first: float, work: F32, maps: F32, block: int) -> None:
    """Water and fat at time zero instead of at the first echo, written to ``maps``."""
    for lane in range(LANES):
        work[4, lane] = -best[1, lane] * first
        work[5, lane] = -best[2, lane] * first
    _phasor(work)
    for lane in range(LANES):
        z, w = work[2, lane], work[3, lane]
        maps[block, 0, lane] = best[3, lane] * z - best[4, lane] * w
        maps[block, 1, lane] = best[3, lane] * w + best[4, lane] * z
        maps[block, 2, lane] = best[5, lane] * z - best[6, lane] * w
        maps[block, 3, lane] = best[5, lane] * w + best[6, lane] * z
        maps[block, 4, lane] = best[0, lane]
        maps[block, 5, lane] = best[1, lane]
        maps[block, 6, lane] = best[2, lane]


@compiled(fused=True)
def refine(real: F32, imag: F32, times: F32, basis: F32, start: F32, limits: F32, steps: int) -> F32:
    """Gauss-Newton steps for every voxel from ``start`` (2, blocks, lanes): field in Hz and R2* in 1/s.

    ``times`` (echoes,) in seconds; ``basis`` (2, echoes) real and imaginary; ``limits``: the longest step of the field
    (Hz), and the bounds of R2*. Returns for the best step of each voxel (blocks, 7, lanes): real and imaginary water,
    real and imaginary fat, both at time zero, the residual sum of squares, field and R2*.
    """
    blocks, echoes = real.shape[0], real.shape[1]
    maps = np.empty((blocks, 7, LANES), dtype=np.float32)
    y_re = np.empty((echoes, LANES), dtype=np.float32)
    y_im = np.empty((echoes, LANES), dtype=np.float32)
    weight = np.empty((echoes, LANES), dtype=np.float32)
    work = np.empty((6, LANES), dtype=np.float32)
    acc = np.empty((8, LANES), dtype=np.float32)
    sol = np.empty((9, LANES), dtype=np.float32)
    best = np.empty((7, LANES), dtype=np.float32)
    state = np.empty((2, LANES), dtype=np.float32)
    for block in range(blocks):
        for lane in range(LANES):
            best[0, lane] = np.float32(3.0e38)
            state[0, lane], state[1, lane] = start[0, block, lane], start[1, block, lane]
        for step in range(steps + 1):
            _demodulate(real[block], imag[block], times, state, y_re, y_im, weight, work)
            _linear(y_re, y_im, weight, basis, acc, sol)
            _moments(y_re, y_im, weight, times, basis, sol, acc)
            _keep_best(state, sol, acc, best)
            if step < steps:
                _move(state, sol, acc, limits)
        _restore(best, times[0], work, maps, block)
    return maps
