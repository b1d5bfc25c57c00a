"""``viewer.zip``: the scan as measured and what was found on it, slice by slice, for the viewer on the result page.

``meta.json`` describes scenes (one for a volume, one for each ultrasound view) and their layers; every plane is an
entry of its own, ``SCENE-LAYER/INDEX``. Of ultrasound only the scan sector is kept, because text beside it may name the
patient.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from steatoscope.core.image import CTScan, MRScan, USScan, USView, Volume
from steatoscope.core.report import RegionPart
from steatoscope.pipeline.display import flips, percentile_limits
from steatoscope.pipeline.outcome import Outcome, ViewFindings
from steatoscope.service.report.viewer_layers import (
    COLOURS,
    DASHES,
    Layer,
    frames_layer,
    grey_layer,
    heat_layer,
    mask_layer,
    orientation,
    value_layer,
)

NAME: Final = "viewer.zip"
SCHEMA: Final = "steatoscope.viewer/1"
MOST_CLIP_BYTES: Final = 256 * 1024 * 1024
_FAT_RANGE: Final = (0.0, 40.0)
_R2STAR_RANGE: Final = (0.0, 200.0)
_SURE_RANGE: Final = (0.0, 1.0)
_CT_PRESETS: Final = (
    ("liver", -45.0, 105.0),
    ("enhanced", -60.0, 180.0),
    ("abdomen", -160.0, 240.0),
    ("wide", -700.0, 1300.0),
)
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Scene:
    """One thing to scroll through: a volume, or the frames of one view; with its layers and further facts."""

    def __init__(self, key: str, facts: Mapping[str, Any], layers: list[Layer]) -> None:
        self.key = key
        self.facts = facts
        self.layers = layers

    def described(self) -> dict[str, Any]:
        """The scene in ``meta.json``."""
        named: dict[str, list[dict[str, Any]]] = {"images": [], "masks": [], "heats": []}
        for layer in self.layers:
            kind, _, name = layer.key.partition("-")
            place = {"image": "images", "mask": "masks", "heat": "heats"}[kind]
            entry = {"key": name or "image", "layer": f"{self.key}-{layer.key}", "indexes": list(layer.indexes)}
            named[place].append({**entry, **layer.facts})
        return {"key": self.key, **self.facts, **named}

    def planes(self) -> Iterator[tuple[str, bytes]]:
        """The name and content of every entry; a plane that stands for several frames is kept once, under 0."""
        for layer in self.layers:
            indexes = (0,) if layer.facts.get("shared") else layer.indexes
            for index in indexes:
                yield f"{self.key}-{layer.key}/{index:04d}", layer.plane(index)


def write_viewer(outcome: Outcome, path: Path) -> None:
    """Write the viewer's bundle of an outcome; without a scan it describes no scene."""
    scenes = _scenes(outcome)
    with zipfile.ZipFile(path, "w") as archive:
        for scene in scenes:
            for name, content in scene.planes():
                _write(archive, name, content)
        _write(archive, "meta.json", json.dumps(_meta(outcome, scenes), separators=(",", ":")).encode())


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=1)


def _meta(outcome: Outcome, scenes: list[Scene]) -> dict[str, Any]:
    geometry = outcome.geometry
    known = geometry is not None and {"affine": geometry.affine.tolist(), "known": geometry.known}
    return {
        "schema": SCHEMA,
        "modality": outcome.report.modality,
        "simulated": any(part.code == "W_SIMULATED" for part in outcome.report.quality.codes),
        "geometry": known or None,
        "views_in_scan": _views_in_scan(outcome),
        "colours": COLOURS,
        "dashes": DASHES,
        "scenes": [scene.described() for scene in scenes],
    }


def _views_in_scan(outcome: Outcome) -> int:
    scan = None if outcome.study is None else outcome.study.scan
    return len(scan.views) if isinstance(scan, USScan) else 1


def _scenes(outcome: Outcome) -> list[Scene]:
    scan = None if outcome.study is None else outcome.study.scan
    if isinstance(scan, CTScan) and scan.volume.data.size:
        return [_volume_scene(outcome, scan.volume, [_ct_image(outcome, scan.volume)])]
    if isinstance(scan, MRScan) and scan.anatomy.data.size:
        return [_volume_scene(outcome, scan.anatomy, _mr_images(outcome, scan.anatomy))]
    if isinstance(scan, USScan):
        return [_view_scene(scan.views[found.view], found) for found in outcome.views]
    return []


def _ct_image(outcome: Outcome, volume: Volume) -> Layer:
    """CT in HU with the usual windows; pictures of CT without HU by their own range."""
    if volume.unit != "HU":
        return value_layer("image", "CT", volume.data, volume.unit, _own_presets(volume))
    enhanced = outcome.report.provenance.config.get("phase") not in ("unenhanced", None)
    presets = sorted(_CT_PRESETS, key=lambda preset: preset[0] != ("enhanced" if enhanced else "liver"))
    return value_layer("image", "CT", volume.data, "HU", presets)


def _own_presets(volume: Volume) -> list[tuple[str, float, float]]:
    low, high = percentile_limits(volume)
    full = float(np.nanmin(volume.data)), float(np.nanmax(volume.data))
    return [("automatic", low, high), ("brighter", low, low + (high - low) * 0.6), ("full", *full)]


def _mr_images(outcome: Outcome, anatomy: Volume) -> list[Layer]:
    layers = [value_layer("image", "MR", anatomy.data, anatomy.unit, _own_presets(anatomy))]
    if "fat" in outcome.maps:
        data = outcome.maps["fat"].data
        layers.append(value_layer("image-fat", "fat", data, "percent", [("fat", 0.0, 40.0), ("full", 0.0, 100.0)]))
    if "r2star" in outcome.maps:
        data = outcome.maps["r2star"].data
        layers.append(
            value_layer("image-r2star", "r2star", data, "1/s", [("r2star", 0.0, 200.0), ("full", 0.0, 800.0)])
        )
    return layers


def _volume_scene(outcome: Outcome, volume: Volume, images: list[Layer]) -> Scene:
    geometry, flip = volume.geometry, flips(volume.geometry)
    slices, rows, columns = volume.data.shape
    dz, dy, dx = geometry.spacing
    liver = outcome.masks.get("liver")
    start = slices // 2 if liver is None else int(liver.reshape(slices, -1).sum(axis=1).argmax())
    facts = {
        "kind": "volume",
        "name": None,
        "count": slices,
        "rows": rows,
        "columns": columns,
        "numbers": list(range(slices)),
        "start": start,
        "spacing_mm": [dz, dy, dx] if geometry.known else None,
        "aspect": dy / dx,
        "flip": list(flip),
        "orientation": orientation(geometry, flip),
        "frame_time_ms": None,
        "boxes": [_box(region, region.box[4]) for region in outcome.report.regions],
        "sites": [],
    }
    masks = [mask_layer(name, outcome.masks[name]) for name in COLOURS if name in outcome.masks]
    return Scene("s0", facts, [*images, *_fatty(outcome), *masks, *_volume_heats(outcome)])


def _fatty(outcome: Outcome) -> list[Layer]:
    """Where the local fat of the liver reaches the threshold of the fatty area."""
    area, fat, liver = outcome.report.fatty_area, outcome.maps.get("fat"), outcome.masks.get("liver")
    if area is None or fat is None or liver is None:
        return []
    return [mask_layer("fatty", liver & (np.nan_to_num(fat.data, nan=-1.0) >= area.threshold))]


def _volume_heats(outcome: Outcome) -> list[Layer]:
    layers = []
    if (fat := outcome.maps.get("fat")) is not None:
        title = next((picture.heat_title for picture in outcome.pictures if picture.heat_title), "")
        layers.append(heat_layer("fat", title, fat.data, _FAT_RANGE, "%"))
    if (r2star := outcome.maps.get("r2star")) is not None:
        layers.append(heat_layer("r2star", "R2*, 1/s", r2star.data, _R2STAR_RANGE, "1/s"))
    if (focal := outcome.maps.get("focal")) is not None:
        title = next((picture.heat_title for picture in outcome.pictures if picture.heat_title), "")
        sure = np.where(focal.data > 0.0, focal.data, np.nan)
        layers.append(heat_layer("focal", title, sure, _SURE_RANGE, "au"))
    return layers


def _box(region: RegionPart, index: int) -> dict[str, Any]:
    sizes = {"mL": region.size_ml, "mm²": region.size_mm2, "px": region.size_px}
    size = next(([value, unit] for unit, value in sizes.items() if value is not None), None)
    return {"kind": region.kind, "box": list(region.box[:4]), "index": index, "score": region.score, "size": size}


def _view_scene(view: USView, found: ViewFindings) -> Scene:
    clip = view.clip
    count, rows, columns = clip.frames.shape
    kept = _kept_frames(count, rows * columns, found)
    place = {number: index for index, number in enumerate(kept)}
    frames = np.where(found.area, clip.frames[kept], np.uint8(0))
    row_mm, column_mm = clip.pixel_mm or (1.0, 1.0)
    facts = {
        "kind": "clip",
        "name": view.name,
        "view": found.view,
        "count": len(kept),
        "rows": rows,
        "columns": columns,
        "numbers": kept,
        "frames_in_clip": count,
        "start": place[found.shown],
        "spacing_mm": [None, row_mm, column_mm] if clip.pixel_mm else None,
        "aspect": row_mm / column_mm,
        "flip": [False, False],
        "orientation": None,
        "frame_time_ms": clip.frame_time_ms,
        "boxes": [_box(region, place[region.box[4]]) for region in found.regions],
        "sites": [{"name": name, "box": list(box), "index": place[frame]} for frame, name, box in found.sites],
    }
    return Scene(f"s{found.view}", facts, [grey_layer(frames, "US"), *_view_layers(found, place)])


def _view_layers(found: ViewFindings, place: Mapping[int, int]) -> list[Layer]:
    """Outlines and map belong to the frames that were read together; focal regions to their own frame."""
    read = [place[frame] for frame in found.frames]
    layers = [mask_layer("sector", found.area[None], read)] if not found.outlined else []
    if found.outlined and found.liver is not None:
        layers.append(mask_layer("liver", found.liver[None], read))
    if found.kidney is not None and found.kidney.any():
        layers.append(mask_layer("kidney", found.kidney[None], read))
    if found.focal:
        layers.append(frames_layer("lesion", {place[frame]: mask for frame, mask in found.focal.items()}))
    if found.heat is not None and np.isfinite(found.heat).any():
        heat = np.where(found.area, found.heat, np.nan)[None]
        layers.append(heat_layer("points", found.heat_title, heat, found.heat_range, "points", read))
    return layers


def _kept_frames(count: int, pixels: int, found: ViewFindings) -> list[int]:
    """All frames of a clip, or evenly fewer where it is very long; those that were read are always among them."""
    step = -(-count * pixels // MOST_CLIP_BYTES)
    return sorted({*range(0, count, step), *found.frames, *(region.box[4] for region in found.regions), *found.focal})


class ViewerBundle:
    """A bundle open for reading."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._archive = zipfile.ZipFile(stream)

    def meta(self) -> dict[str, Any]:
        """What the bundle holds."""
        described: dict[str, Any] = json.loads(self._archive.read("meta.json"))
        return described

    def plane(self, layer: str, index: int) -> bytes:
        """One plane; raises KeyError where there is none."""
        return self._archive.read(f"{layer}/{index:04d}")

    def gzipped(self, layer: str, index: int) -> bytes:
        """One plane as a gzip file, without packing it anew; raises KeyError where there is none."""
        info = self._archive.getinfo(f"{layer}/{index:04d}")
        self._stream.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", self._stream.read(4))
        self._stream.seek(name + extra, 1)
        packed = self._stream.read(info.compress_size)
        return _GZIP_HEAD + packed + struct.pack("<II", info.CRC, info.file_size & 0xFFFFFFFF)
