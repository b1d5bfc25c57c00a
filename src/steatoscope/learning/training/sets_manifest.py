"""A user's own training set: a CSV manifest with the contract's columns, a row for an image or a folder of images."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.names import natural_key
from steatoscope.imaging.io.raster import probe
from steatoscope.learning.inference.us_graph_settings import SCALES
from steatoscope.learning.training.sets import MASK_THRESHOLD, Labels, Sample, TrainingSet
from steatoscope.learning.training.sets_audit import Label, audit, listed
from steatoscope.pipeline.manifest import ManifestRow, read_manifest
from steatoscope.science.clinical.grades import LABELS

_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_LOSSY: Final = (".jpg", ".jpeg")
_COLUMN: Final[dict[Label, str]] = {
    "finding": "label_grade",
    "grade": "label_grade",
    "fat_percent": "label_fat_percent",
}


def load_manifest(
    table: Path,
    *,
    label: Label | None = None,
    classes: Sequence[str] = (),
    views: Sequence[str] = (),
    masks: bool = False,
    empty_masks: bool = False,
    name: str = "own",
) -> TrainingSet:
    """The images of a manifest, audited for what a task needs.

    ``label`` is what every row must carry: ``grade`` and ``finding`` are read from ``label_grade`` (``classes``: by
    default the four grades for ``grade``), ``fat_percent`` from ``label_fat_percent`` with one ``label_scale``, which
    names a known scale in capital or small letters.
    ``views`` are needed of every subject, ``masks`` of every image (PNG: all non-zero, JPEG: above 127). Licence and
    citation are the user's own. Raises E_PATH, E_EMPTY, E_FORMAT, E_ANNOTATION for a missing column, subject or mask,
    E_LABELSCALE for an unknown scale, E_SIZE for a mask of another size where ``masks`` are needed, and the codes of
    :func:`~.sets_audit.audit`.
    """
    if not table.is_file():
        raise SteatoscopeError("E_PATH", path=str(table), cause="The manifest was not found.")
    rows = read_manifest(table)
    _require_columns(
        table,
        [
            "subject",
            *([_COLUMN[label]] if label else []),
            *(["view"] if views else []),
            *(["mask_path"] if masks else []),
        ],
    )
    samples = tuple(sample for row in rows for sample in _samples(row, table))
    known = classes or (LABELS if label == "grade" else ())
    read = TrainingSet(name, table.parent, samples, "", "", tuple(_changing(samples)))
    if masks:
        _check_sizes(samples)
    drawn = any(sample.masks for sample in samples)
    needed = ("liver",) if masks or (drawn and all(sample.masks for sample in samples)) else ()
    return audit(read, label=label, classes=known, views=views, masks=needed, empty_masks=empty_masks)


def _require_columns(table: Path, needed: Iterable[str]) -> None:
    with table.open(newline="", encoding="utf-8-sig") as stream:
        present = next(csv.reader(stream))
    lacking = [column for column in needed if column not in present]
    if lacking:
        cause = f"The manifest has no column {', '.join(lacking)}."
        raise SteatoscopeError("E_ANNOTATION", path=str(table), cause=cause)


def _samples(row: ManifestRow, table: Path) -> Iterable[Sample]:
    path = Path(row.path)
    if row.subject is None:
        raise SteatoscopeError("E_ANNOTATION", path=row.path, cause=f"Its row in {table.name} names no subject.")
    labels = Labels(row.label_fat_percent, _scale(row), row.label_grade, row.label_grade)
    for image in _images(path):
        mask = _mask(row, path, image)
        yield Sample(
            image,
            row.subject,
            row.subject,
            row.modality or "us",
            labels,
            view=row.view,
            site=row.site,
            age=row.age,
            sex=row.sex,
            masks={} if mask is None else {"liver": mask},
            mask_threshold=MASK_THRESHOLD if mask is not None and mask.suffix.lower() in _LOSSY else 0,
        )


def _scale(row: ManifestRow) -> str | None:
    """The name of the scale in small letters; E_LABELSCALE where there is none of that name."""
    scale = None if row.label_scale is None else row.label_scale.lower()
    if scale is None or scale in SCALES:
        return scale
    raise SteatoscopeError(
        "E_LABELSCALE",
        path=row.path,
        message="The scale of a label is unknown.",
        cause=f"Its label_scale '{row.label_scale}' is none of {', '.join(SCALES)}.",
        remedy="Name the scale of the fat percentages by one of these words.",
    )


def _images(path: Path) -> list[Path]:
    if not path.exists():
        raise SteatoscopeError("E_PATH", path=str(path))
    if path.is_file():
        return [path]
    found = sorted((item for item in path.iterdir() if item.suffix.lower() in _ENDINGS), key=natural_key)
    if not found:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The folder holds no PNG, JPEG or TIFF.")
    return found


def _mask(row: ManifestRow, path: Path, image: Path) -> Path | None:
    """The mask of one image: the row's file, or for a folder of images the file of the same name in its folder."""
    if row.mask_path is None:
        return None
    place = Path(row.mask_path)
    if path.is_dir():
        place = next((item for item in sorted(place.glob(f"{image.stem}.*"))), place / image.name)
    if not place.is_file():
        raise SteatoscopeError("E_ANNOTATION", path=str(place), cause="The mask was not found.")
    return place


def _check_sizes(samples: Iterable[Sample]) -> None:
    """Every image with a mask of its size, by the files' headers; E_ANNOTATION, E_SIZE."""
    for sample in samples:
        if "liver" not in sample.masks:
            cause = "The manifest names no mask for the image."
            raise SteatoscopeError("E_ANNOTATION", path=str(sample.path), cause=cause)
        page, (rows, columns) = probe(sample.masks["liver"])[0], sample.shape
        if (page.height, page.width) != (rows, columns):
            raise SteatoscopeError(
                "E_SIZE",
                path=str(sample.masks["liver"]),
                message="A mask differs in size from its image.",
                cause=f"The mask has {page.width} x {page.height} pixels, its image {columns} x {rows}.",
                remedy="Draw the mask on the image itself, in its full resolution.",
            )


def _changing(samples: Sequence[Sample]) -> list[str]:
    """Subjects whose images carry several labels: right where they were seen twice, wrong otherwise."""
    seen: dict[str, set[Labels]] = defaultdict(set)
    for sample in samples:
        seen[sample.subject].add(sample.labels)
    names = [subject for subject, labels in seen.items() if len(labels) > 1]
    return [f"{len(names)} subjects carry several labels: {listed(names)}."] if names else []
