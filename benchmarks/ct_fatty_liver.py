"""Liver masks on CT where the liver is made fatty: its HU moved inside the reference mask of unenhanced scans.

    python benchmarks/ct_fatty_liver.py DATA/ct/totalsegmentator_examples

The liver keeps its texture and its edge; only its median moves. Simulated steatosis on a real scan, reference mask by
a model (TotalSegmentator), so that 1.0 is not the ceiling.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, Volume
from steatoscope.imaging.io.load import ReadOptions, load_study
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.inference.liver_segmenter import segment_liver
from steatoscope.science.metrics.overlap import dice

LIVER_LABEL = 5
MEDIANS_HU = (60, 40, 20, 0, -10, -20, -30)


def reference_mask(path: Path, *, mirrored_rows: bool = False) -> NDArray[np.bool_]:
    found = np.asarray(nib.load(path).dataobj).transpose(2, 1, 0) == LIVER_LABEL
    return found[:, ::-1].copy() if mirrored_rows else found


def row(name: str, hu: NDArray[np.float32], geometry: Geometry, reference: NDArray[np.bool_]) -> None:
    found = segment_liver(Volume(hu, geometry, "HU"), open_model("ct-segmenter")).mask
    if found is None:
        print(f"| {name} | 0 | nothing found | {np.median(hu[reference]):.1f} |")
        return
    medians = f"{np.median(hu[found]):.1f} | {np.median(hu[reference]):.1f}"
    print(f"| {name} | {dice(found, reference):.3f} | {medians} |")


def volume_of(path: Path) -> Volume:
    scan = load_study([path], ReadOptions(modality="CT")).scan
    assert isinstance(scan, CTScan)
    return scan.volume


def main(folder: Path) -> None:
    volume = volume_of(folder / "example_ct_sm.nii.gz")
    reference = reference_mask(folder / "example_seg.nii.gz")
    hu = np.asarray(volume.data, dtype=np.float32)
    soft = ndimage.gaussian_filter(reference.astype(np.float32), 0.5)
    print("| case | Dice | median HU, found mask | median HU, reference mask |\n|---|---|---|---|")
    row("unenhanced 3 mm, as it is", hu, volume.geometry, reference)
    for wanted in MEDIANS_HU:
        row(
            f"its liver moved to {wanted} HU",
            hu + soft * (wanted - float(np.median(hu[reference]))),
            volume.geometry,
            reference,
        )
    enhanced = volume_of(folder / "example_ct_dicom")
    mask = reference_mask(folder / "example_seg_dicom.nii.gz", mirrored_rows=True)
    row("enhanced series, as it is", np.asarray(enhanced.data, dtype=np.float32), enhanced.geometry, mask)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
