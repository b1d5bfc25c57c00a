"""What one job starts from: the files of its study in a working folder, and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.wiring.preferences import preferences
from steatoscope.apps.wiring.reference import site_clinical_model, site_reference
from steatoscope.apps.wiring.service import Service
from steatoscope.core.image import Modality
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.service.jobs.port import Claim
from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.tables import Patient, Result, StoredFile, Study

_UNNAMED = "images"  # folder of several files without a view, unless their sender named one


@dataclass(frozen=True, slots=True)
class JobInputs:
    """Paths (relative to the folder of images, which becomes the working folder) and options of one analysis."""

    paths: tuple[Path, ...]
    options: AnalyseOptions


def gather_inputs(service: Service, claim: Claim, images: Path, masks: Path) -> JobInputs:
    """Fetch the files of the claimed job's study; raises LookupError where the study or a content is gone.

    Names in reports and errors are then those of the upload, never paths of this machine.
    """
    with service.database.reading() as session:
        study = session.get_one(Study, claim.study_id)
        subject = session.get_one(Patient, study.patient_id).subject
        files = [(file.name, file.sha256, file.view) for file in study.files]
        named = view_names(study.views, study.files)
        choices: dict[str, Any] = {**study.options, **claim.options}
        clinical = dict(study.clinical)
        default_profile = preferences(session, service.settings).default_profile
    views: dict[str, list[Path]] = {}
    plain: list[Path] = []
    folder = _folder_of([name for name, _, view in files if not (view or named.get(name))], apart=len(files))
    for name, sha256, view in files:
        label = view or named.get(name)
        place = PurePosixPath(label or folder.place, name)
        _fetch(service.blobs, sha256, images / place)
        (plain if label is None else views.setdefault(label, [])).append(Path(place))
    options = AnalyseOptions(
        subject=subject,
        modality=_modality(choices.get("modality")),
        views={label: _one(paths, Path(label)) for label, paths in views.items()},
        series=choices.get("series"),
        profile=choices.get("profile") or default_profile or None,
        model=choices.get("model"),
        liver_mask=_mask(service.blobs, choices, masks),
        clinical=clinical,
        clinical_remarks=tuple(choices.get("clinical_remarks", ())),
        clinical_days=dict(choices.get("clinical_days", {})),
        reference=site_reference(service.settings.baseline),
        clinical_model=site_clinical_model(service.settings.clinical_model),
    )
    return JobInputs((_one(plain, folder.input),) if plain else (), options)


def view_names(views: Mapping[str, Any], files: list[StoredFile]) -> dict[str, str]:
    """View by file name, from ``{"AR": "a.png"}``, ``{"AR": ["a.png", "b.png"]}`` or ``{"a.png": "AR"}``."""
    names = {file.name for file in files}
    found: dict[str, str] = {}
    for key, value in views.items():
        if key in names and isinstance(value, str):
            found[key] = value
        else:
            listed = [value] if isinstance(value, str) else list(value or ())
            found.update({name: key for name in listed if name in names})
    return found


@dataclass(frozen=True, slots=True)
class _Folder:
    """Where files without a view are put, and the folder that is analysed."""

    place: Path
    input: Path


def _folder_of(names: Sequence[str], *, apart: int) -> _Folder:
    """The upload's own folder, where all of the ``apart`` files lie in one; else a folder made for them."""
    tops = {PurePosixPath(name).parts[0] for name in names}
    own = len(names) == apart and len(tops) == 1
    return _Folder(Path(), Path(*tops)) if own else _Folder(Path(_UNNAMED), Path(_UNNAMED))


def _one(paths: list[Path], folder: Path) -> Path:
    return paths[0] if len(paths) == 1 else folder


def _fetch(blobs: BlobStore, sha256: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    blobs.fetch(sha256, target)


def _mask(blobs: BlobStore, choices: Mapping[str, Any], folder: Path) -> Path | None:
    if not (sha256 := choices.get("liver_mask")):
        return None
    name = str(choices.get("liver_mask_name") or "liver.nii.gz")
    target = folder / ("liver.png" if name.lower().endswith(".png") else "liver.nii.gz")
    _fetch(blobs, sha256, target)
    return target


def _modality(text: Any) -> Modality | None:
    return cast(Modality, str(text).upper()) if text else None


def earlier_reports(session: Session, study_id: str, modality: str, day: date | None) -> tuple[dict[str, Any], ...]:
    """Reports with a fat value of the same patient and modality from before this study, oldest first.

    ``provenance.created`` is set to the day of the scan, where it is known: "the latest" means the latest scan.
    """
    study = session.get_one(Study, study_id)
    own = (day or study.acquired_on or study.created_at.date(), study.created_at)
    query = (
        select(Study.acquired_on, Study.created_at, Result.report)
        .join(Result, Result.id == Study.current_result_id)
        .where(Study.patient_id == study.patient_id, Study.id != study.id, Study.modality == modality)
        .where(Result.status != "refused")
    )
    rows = [((on or created.date(), created), _with_day(report, on)) for on, created, report in session.execute(query)]
    before = sorted(((when, report) for when, report in rows if when < own), key=lambda row: row[0])
    return tuple(_dated(report, when) for when, report in before)


def _with_day(report: dict[str, Any], on: date | None) -> dict[str, Any]:
    return report if on is None else {**report, "acquired": on.isoformat()}


def _dated(report: dict[str, Any], when: tuple[date, datetime]) -> dict[str, Any]:
    created = datetime.combine(when[0], when[1].timetz()).isoformat()
    return {**report, "provenance": {**(report.get("provenance") or {}), "created": created}}
