"""Benchmark ``mr_pdff``: agreement of the complex fit with independent fat maps of the ISMRM 2012 challenge.

The score is the share of voxels within 10 points, times 10000, averaged over cases (challenge.ismrm.org, 2012). The
reference here is another algorithm (Berglund's whole-image graph cut), not the challenge's own; scores do not compare.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import EchoTrain, Mask, MRScan
from steatoscope.imaging.io.mat import read_mat_mask, read_mat_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_fraction import magnitude_fraction
from steatoscope.science.quantify.mr_pack import foreground

MODEL: Final = "steatoscope-complex"
SPECTRUM: Final = "ismrm2012_6"
_RESAMPLES: Final = 2000
_TIMED_RUNS: Final = 8


def run_mr_pdff(data_dir: Path) -> dict[str, Any]:
    """Score the fit on ``ismrm2012/N.mat`` against ``reference/ismrm2012_N_berglund.npz`` under ``data_dir``.

    Returns the benchmark document without its environment. Raises SteatoscopeError ``E_PATH`` where the folder or a
    case's reference is missing, ``E_EMPTY`` where there is no case.
    """
    folder = data_dir / "ismrm2012"
    if not folder.is_dir():
        raise SteatoscopeError("E_PATH", path=str(folder))
    names = sorted((path.stem for path in folder.glob("*.mat")), key=_natural)
    if not names:
        raise SteatoscopeError("E_EMPTY", path=str(folder), cause="There is no case in it.")
    cases = [_score_case(data_dir, name) for name in names]
    shares = np.array([case["within_10_points"] for case in cases])
    result: dict[str, Any] = {"score": float(1e4 * shares.mean())}
    if shares.size > 2:
        result["score_ci"] = _interval(shares)
    return {
        "name": "mr_pdff",
        "data": "ISMRM 2012 challenge cases against graph-cut reference maps",
        "n_subjects": len(cases),
        "n_images": len(cases),
        "left_out": 0,
        "results": {MODEL: result},
        "cases": cases,
    }


def _natural(name: str) -> tuple[int, str]:
    digits = re.fullmatch(r"\d+", name)
    return (int(name) if digits else 10**9, name)


def _interval(shares: NDArray[np.float64]) -> list[float]:
    """Percentile bootstrap over cases at 0.95."""
    draws = np.random.default_rng(0).choice(shares, size=(_RESAMPLES, shares.size)).mean(axis=1)
    return [float(value) for value in 1e4 * np.percentile(draws, [2.5, 97.5])]


def _score_case(data_dir: Path, name: str) -> dict[str, Any]:
    path = data_dir / "ismrm2012" / f"{name}.mat"
    train = _echoes(path)
    mask = read_mat_mask(path)
    mask = foreground(train) if mask is None else mask
    reference = _reference(data_dir / "reference" / f"ismrm2012_{name}_berglund.npz", mask)
    fit = fit_fat_water(train, mask=mask, spectrum=SPECTRUM)
    gap = np.abs(magnitude_fraction(fit.water, fit.fat)[mask] - reference[mask])
    gap = np.where(np.isfinite(gap), gap, 100.0)
    return {
        "case": int(name) if name.isdigit() else name,
        "median_abs_diff": float(np.median(gap)),
        "within_5_points": float(np.mean(gap < 5.0)),
        "within_10_points": float(np.mean(gap < 10.0)),
        "off_by_50_points": float(np.mean(gap > 50.0)),
        "voxels_per_second": _speed(train, mask),
    }


def _echoes(path: Path) -> EchoTrain:
    scan = read_mat_study(path, ReadOptions(modality="MR")).scan
    if not isinstance(scan, MRScan) or scan.echoes is None:
        raise SteatoscopeError("E_TE", path=str(path))
    return scan.echoes


def _reference(path: Path, mask: Mask) -> NDArray[np.float32]:
    """Fat fraction in percent of the reference, ``|fat| / (|wat| + |fat|)``, shape (slices, rows, columns)."""
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path), cause="The reference maps of this case are missing.")
    try:
        with np.load(path) as maps:
            percent = np.moveaxis(np.atleast_3d(magnitude_fraction(maps["wat"], maps["fat"])), 2, 0)
    except (OSError, ValueError, KeyError) as fault:
        raise SteatoscopeError("E_FORMAT", path=str(path), cause=f"The reference cannot be read: {fault}") from fault
    if percent.shape != mask.shape:
        raise SteatoscopeError("E_FORMAT", path=str(path), cause="The reference has another shape than the case.")
    return percent


def _speed(train: EchoTrain, mask: Mask) -> float:
    """Voxels of the mask a second for the whole fit, the best of some warm runs."""
    times = []
    for _ in range(_TIMED_RUNS):
        start = time.perf_counter()
        fit_fat_water(train, mask=mask, spectrum=SPECTRUM)
        times.append(time.perf_counter() - start)
    return float(mask.sum() / min(times))
