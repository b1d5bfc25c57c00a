"""Coil images of one multi-echo acquisition joined into one signal."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

_BLOCK: Final = 5


def combine_coils(images: NDArray[Any]) -> NDArray[Any]:
    """Join coil images of shape (coils, echoes, slices, rows, columns) to (echoes, slices, rows, columns).

    Complex coils are weighted by the local principal eigenvector of their covariance over echoes and a 5 x 5 block in
    the slice (adaptive combination: Walsh et al., Magn Reson Med 2000;43:682), found by power iteration, with the phase
    of the coil that carries most signal. The weights are the same for all echoes, so the phase evolution over echo
    times is kept. Magnitudes are joined as root of the sum of squares. One coil is returned as it is.
    """
    if images.shape[0] == 1:
        return np.asarray(images[0])
    if not np.iscomplexobj(images):
        return np.asarray(np.sqrt(np.sum(np.square(images), axis=0)), dtype=images.dtype)
    strongest = int(np.argmax(np.sum(np.abs(images) ** 2, axis=(1, 2, 3, 4))))
    combined = np.empty(images.shape[1:], dtype=np.complex64)
    for index in range(images.shape[2]):
        combined[:, index] = _combined_slice(images[:, :, index], strongest)
    return combined


def _combined_slice(images: NDArray[Any], strongest: int) -> NDArray[np.complex64]:
    """One slice (coils, echoes, rows, columns) to (echoes, rows, columns)."""
    covariance = np.einsum("ceyx,deyx->cdyx", images, np.conj(images))
    size = (1, 1, _BLOCK, _BLOCK)
    smooth = uniform_filter(covariance.real, size) + 1j * uniform_filter(covariance.imag, size)
    weights = _principal(np.moveaxis(smooth, (0, 1), (2, 3)))
    turn = np.conj(weights[..., strongest])
    phase = turn / np.maximum(np.abs(turn), np.finfo(np.float32).tiny)
    weights = weights * np.where(np.abs(turn) > 0.0, phase, 1.0)[..., np.newaxis]
    return np.asarray(np.einsum("yxc,ceyx->eyx", np.conj(weights), images), dtype=np.complex64)


def _principal(matrices: NDArray[Any], steps: int = 12) -> NDArray[Any]:
    """Unit principal eigenvectors of Hermitian matrices (rows, columns, n, n), as (rows, columns, n)."""
    powers = np.real(np.trace(matrices, axis1=-2, axis2=-1))[..., np.newaxis, np.newaxis]
    scaled = matrices / np.maximum(powers, np.finfo(np.float32).tiny)
    largest = np.argmax(np.real(np.diagonal(matrices, axis1=-2, axis2=-1)), axis=-1)
    vector = np.take_along_axis(scaled, largest[..., np.newaxis, np.newaxis], axis=-1)[..., 0]
    for _ in range(steps):
        norm = np.linalg.norm(vector, axis=-1, keepdims=True)
        vector = np.einsum("yxcd,yxd->yxc", scaled, vector / np.maximum(norm, np.finfo(np.float32).tiny))
    norm = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.maximum(norm, np.finfo(np.float32).tiny))
