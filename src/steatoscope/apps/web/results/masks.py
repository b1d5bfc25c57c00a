"""A corrected liver outline: edited planes put over those of a version, as a file that the analysis reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results.schemas import MaskBody
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask
from steatoscope.service.report.viewer_bundle import ViewerBundle
from steatoscope.service.report.viewer_layers import unpacked

SEVERAL_VIEWS = (
    "This study has several ultrasound views. One outline cannot stand for all of them, so outlines of such studies "
    "are not corrected here."
)


def decode_runs(runs: Sequence[int], shape: tuple[int, int]) -> Mask:
    """A mask (rows, columns) from lengths of runs, the first outside; 422 where they do not fill the picture."""
    if sum(runs) != shape[0] * shape[1]:
        raise Problem.of("E_INPUT", cause=f"The runs hold {sum(runs)} pixels, the picture {shape[0]} x {shape[1]}.")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(shape)


def encode_runs(mask: Mask) -> list[int]:
    """Lengths of runs of a mask, row by row, the first outside."""
    flat = mask.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = [0, *edges.tolist(), flat.size]
    runs = np.diff(bounds).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def corrected(bundle: ViewerBundle, body: MaskBody) -> tuple[Mask, dict[str, Any]]:
    """The whole corrected mask (slices, rows, columns), or one plane of an ultrasound view; and the description."""
    meta = bundle.meta()
    if meta["views_in_scan"] > 1 or len(meta["scenes"]) > 1:
        raise Problem.of("E_INPUT", cause=SEVERAL_VIEWS, remedy="Upload the view that you want to measure by itself.")
    scene = next((one for one in meta["scenes"] if one["key"] == body.scene), None)
    if scene is None:
        raise Problem.of("E_INPUT", cause="This version has no such scene.", remedy="Load the page again.")
    mask = _outlined(bundle, scene)
    for plane in body.planes:
        if plane.index >= scene["count"]:
            raise Problem.of("E_INPUT", cause=f"There are {scene['count']} images, and no number {plane.index}.")
        mask[plane.index if scene["kind"] == "volume" else 0] = decode_runs(plane.runs, mask.shape[1:])
    if not mask.any():
        raise Problem.of("E_INPUT", cause="The outline is empty.", remedy="Draw the liver on at least one image.")
    return mask, meta


def _outlined(bundle: ViewerBundle, scene: dict[str, Any]) -> Mask:
    """The liver of the version itself; nothing where it has none."""
    shape = (scene["rows"], scene["columns"])
    volume = scene["kind"] == "volume"
    mask = np.zeros((scene["count"] if volume else 1, *shape), dtype=np.bool_)
    layer = next((one for one in scene["masks"] if one["key"] == "liver"), None)
    if layer is not None:
        for index in layer["indexes"] if volume else [0]:
            mask[index] = unpacked(bundle.plane(layer["layer"], index), shape)
    return mask


def write_mask(mask: Mask, meta: dict[str, Any], folder: Path) -> Path:
    """The mask as a file of the study's own space: NIfTI for a volume, PNG in stored pixel order for ultrasound."""
    from steatoscope.imaging.io.write import write_nifti, write_png

    if meta["geometry"] is None:
        path = folder / "mask-liver.png"
        write_png(path, mask[0])
        return path
    path = folder / "mask-liver.nii.gz"
    write_nifti(path, mask, Geometry(np.array(meta["geometry"]["affine"]), known=meta["geometry"]["known"]))
    return path
