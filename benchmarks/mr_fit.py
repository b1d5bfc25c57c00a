"""Speed of the complex fat-water fit: voxels a second on one core, beside SciPy's least squares on the same model.

Run with ``OMP_NUM_THREADS=1 python benchmarks/mr_fit.py [FOLDER]``; FOLDER holds ``ismrm2012/N.mat``; two simulated
torsos are fitted besides. Prints the time of the first call (compilation or its cache), the warm rate from echo train
to maps (the best of many runs), and how many times faster than SciPy that is.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from steatoscope.core.image import EchoTrain, Mask, MRScan
from steatoscope.imaging.phantoms.mr_torso import SETTINGS, simulate_torso
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_maps import FatWaterFit
from steatoscope.science.quantify.mr_model import fat_basis

RUNS = 20
PEER_VOXELS = 300


def cases(folder: Path | None) -> dict[str, tuple[EchoTrain, Mask, str]]:
    """Echo trains with their mask and spectrum, by name."""
    found: dict[str, tuple[EchoTrain, Mask, str]] = {}
    for path in sorted((folder / "ismrm2012").glob("*.mat")) if folder else []:
        from steatoscope.imaging.io.mat import read_mat_mask, read_mat_study
        from steatoscope.imaging.io.options import ReadOptions

        scan = read_mat_study(path, ReadOptions()).scan
        mask = read_mat_mask(path)
        assert isinstance(scan, MRScan)
        assert scan.echoes is not None
        assert mask is not None
        found[f"case {path.stem}"] = (scan.echoes, mask, "ismrm2012_6")
    for name in ("3T snr40", "1.5T four echoes"):
        torso = simulate_torso(SETTINGS[name], 1)
        found[f"torso {name}"] = (torso.train, torso.body, "hamilton2011_6")
    return found


def peer_seconds_per_voxel(train: EchoTrain, mask: Mask, spectrum: str, fit: FatWaterFit) -> tuple[float, float]:
    """SciPy's Levenberg-Marquardt on complex W, F, R2* and field, started at our field map, on some voxels.

    Starting where the field map is already right leaves out the peer's hardest part. Returns seconds a voxel and the
    median difference of the fat fraction in points.
    """
    times = train.echo_times_s
    basis = fat_basis(times, train.field_strength_t, spectrum)
    some = np.random.default_rng(0).choice(np.flatnonzero(mask), PEER_VOXELS, replace=False)
    data = train.data.reshape(times.size, -1)[:, some].astype(complex)
    start = np.round(fit.field_hz.ravel()[some] / 5.0) * 5.0
    sign = fit.phase_sign

    def residual(p: np.ndarray, signal: np.ndarray) -> np.ndarray:
        model = (p[0] + 1j * p[1] + (p[2] + 1j * p[3]) * basis) * np.exp((2j * np.pi * p[5] - p[4]) * times)
        gap = model - signal
        return np.concatenate([gap.real, gap.imag])

    begin = time.perf_counter()
    found = []
    for k in range(PEER_VOXELS):
        signal = data[:, k] if sign > 0 else np.conj(data[:, k])
        scale = float(np.abs(signal).max())
        guess = [0.5 * scale, 0.0, 0.5 * scale, 0.0, 40.0, sign * start[k]]
        method = "lm" if 2 * times.size >= len(guess) else "trf"
        found.append(
            least_squares(residual, guess, args=(signal,), method=method, x_scale=[scale] * 4 + [40.0, 20.0]).x
        )
    seconds = (time.perf_counter() - begin) / PEER_VOXELS
    values = np.array(found)
    water, fat = np.hypot(values[:, 0], values[:, 1]), np.hypot(values[:, 2], values[:, 3])
    ours = np.abs(fit.fat.ravel()[some]), np.abs(fit.water.ravel()[some])
    gap = np.abs(100 * fat / (water + fat) - 100 * ours[0] / (ours[0] + ours[1]))
    return seconds, float(np.median(gap))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    todo = cases(folder)
    train, mask, spectrum = next(iter(todo.values()))
    begin = time.perf_counter()
    fit_fat_water(train, mask=mask, spectrum=spectrum)
    print(f"first call, with compilation or its cache: {time.perf_counter() - begin:.2f} s")
    heads = ("voxels", "echoes", "ms", "Mvox/s", "CPU ms", "x SciPy", "diff")
    print(f"{'case':24s}" + "".join(f" {head:>8s}" for head in heads))
    total_voxels, total_seconds = 0, 0.0
    for name, (train, mask, spectrum) in todo.items():
        wall, cpu = [], []
        for _ in range(RUNS):
            start, start_cpu = time.perf_counter(), time.process_time()
            fit = fit_fat_water(train, mask=mask, spectrum=spectrum)
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
        voxels = int(mask.sum())
        seconds = min(wall)
        total_voxels, total_seconds = total_voxels + voxels, total_seconds + seconds
        peer, gap = peer_seconds_per_voxel(train, mask, spectrum, fit)
        print(
            f"{name:24s} {voxels:8d} {train.echo_times_s.size:8d} {1e3 * seconds:8.1f} {voxels / seconds / 1e6:8.2f} "
            f"{1e3 * min(cpu):8.1f} {peer * voxels / seconds:8.0f} {gap:8.2f}"
        )
    print(f"all: {total_voxels / total_seconds / 1e6:.2f} million mask voxels a second")


if __name__ == "__main__":
    main()
