"""Manifests: what one analysis did, and the rows that a cohort is read from."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from steatoscope.core.errors import SteatoscopeError


class Manifest(BaseModel):
    """What one analysis read, chose and did (``manifest.json``)."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Literal["steatoscope.manifest/1"] = Field(default="steatoscope.manifest/1", alias="schema")
    version: str
    command: list[str]
    options: dict[str, Any]
    inputs: list[dict[str, Any]]
    source: dict[str, Any]
    transforms: list[dict[str, Any]]
    files: list[str]
    environment: dict[str, str]
    report_digest: str


class ManifestRow(BaseModel):
    """One study of a cohort (``batch``) or of a training set (``train``); only ``path`` is needed for ``batch``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    path: str = Field(min_length=1)
    subject: str | None = None
    modality: Literal["us", "ct", "mr"] | None = None
    view: str | None = None
    site: str | None = None
    age: float | None = Field(default=None, ge=0, le=120)
    sex: str | None = None
    clinical: str | None = None
    label_fat_percent: float | None = Field(default=None, ge=0, le=100)
    label_scale: str | None = None
    label_grade: str | None = None
    mask_path: str | None = None


def read_manifest(path: Path) -> list[ManifestRow]:
    """Rows of a CSV manifest; relative paths are taken from the manifest's folder.

    Raises E_FORMAT naming the line where a row does not fit, E_EMPTY where there is none.
    """
    if path.stat().st_size == 0:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The manifest is empty.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            if "path" not in (reader.fieldnames or []):
                raise _unfit(path, "It has no column 'path'.")
            rows = [_row(line, number, path) for number, line in enumerate(reader, start=2)]
    except (UnicodeDecodeError, csv.Error) as fault:
        raise _unfit(path, f"It is not a CSV table: {fault}.") from fault
    if not rows:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The manifest has no rows.")
    return rows


def _unfit(manifest: Path, cause: str) -> SteatoscopeError:
    return SteatoscopeError(
        "E_FORMAT",
        path=str(manifest),
        message="The manifest does not fit.",
        cause=cause,
        remedy="Correct the table; 'steatoscope schema batch_row' prints its columns.",
    )


def _row(line: dict[str, Any], number: int, manifest: Path) -> ManifestRow:
    values = {name: text.strip() for name, text in line.items() if name and isinstance(text, str) and text.strip()}
    if "modality" in values:
        values["modality"] = values["modality"].lower()
    try:
        row = ManifestRow.model_validate(values)
    except ValidationError as fault:
        words = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        raise _unfit(manifest, f"Line {number}: {words}.") from fault
    places = {name: _resolve(getattr(row, name), manifest) for name in ("path", "mask_path", "clinical")}
    return row.model_copy(update=places)


def _resolve(name: str | None, manifest: Path) -> str | None:
    if name is None or Path(name).is_absolute():
        return name
    return str(manifest.parent / name)
