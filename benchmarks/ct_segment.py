"""Time and memory of the CT liver: network, classical finder and the whole ``analyze``, on a 512 x 512 x 78 volume.

Run with ``python benchmarks/ct_segment.py [FOLDER]`` on an idle machine with two cores; FOLDER is a CT series, and
without one a simulated torso is stretched to that size. ``cpu`` is process time: on a busy machine read that.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

from steatoscope.apps.wiring.models import shipped
from steatoscope.apps.wiring.run import run_study
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, Volume
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.write import write_nifti
from steatoscope.imaging.phantoms.ct import simulate_ct
from steatoscope.learning.inference.liver_segmenter import segment_liver
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.science.segment.ct import find_ct_organs

SHAPE = (78, 512, 512)


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of wall and process time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2)}


def simulated(folder: Path) -> Path:
    """A simulated torso of 78 slices of 512 x 512 as NIfTI."""
    volume = simulate_ct(8.0, seed=0).volume
    factors = [goal / size for goal, size in zip(SHAPE, volume.data.shape, strict=True)]
    data = ndimage.zoom(volume.data, factors, order=1).astype(np.float32)
    spacing = tuple(step / factor for step, factor in zip(volume.geometry.spacing, factors, strict=True))
    path = folder / "torso.nii.gz"
    write_nifti(path, data, Geometry.from_spacing((spacing[0], spacing[1], spacing[2])))
    return path


def main() -> None:
    """Print the figures as JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else simulated(folder)
        scan = load_study([path], ReadOptions(modality="CT")).scan
        assert isinstance(scan, CTScan)
        volume: Volume = scan.volume
        model = shipped("ct-segmenter")
        assert model is not None
        figures: dict[str, object] = {
            "shape": volume.data.shape,
            "network, first": timed(lambda: segment_liver(volume, model)),
            "network, warm": timed(lambda: segment_liver(volume, model)),
            "classical finder": timed(lambda: find_ct_organs(volume)),
        }
        options = AnalyseOptions(modality="CT")
        figures["analyze, from path to report"] = timed(lambda: run_study([path], folder / "out", options))
    figures["peak_memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
