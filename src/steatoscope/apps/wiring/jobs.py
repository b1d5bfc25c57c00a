"""Runs one claimed job in the warm child: files out of the store, the analysis, and its results into the store."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
import tempfile
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from steatoscope.apps.wiring.job_inputs import earlier_reports, gather_inputs
from steatoscope.apps.wiring.model_roles import ROLES
from steatoscope.apps.wiring.service import Service
from steatoscope.core.errors import EXIT_REFUSED, SteatoscopeError, UsageError
from steatoscope.core.image import Study as Scanned
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.outcome import Outcome
from steatoscope.pipeline.ports import Ports
from steatoscope.pipeline.progress import Cancelled, Tracker
from steatoscope.service.jobs.port import Claim, Finished, StoredResult, Tell
from steatoscope.service.storage.configuration import active_models

_ANALYSIS_SHARE: Final = 0.85
_MEDIA: Final = {".gz": "application/gzip", ".html": "text/html; charset=utf-8"}


class JobRunner:
    """Implements ``service.jobs.port.Runner`` for an open installation; models stay loaded between jobs."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def __call__(self, claim: Claim, folder: Path, tell: Tell, cancelled: Callable[[], bool]) -> Finished | None:
        """Analyse the study of a claim; coded errors and wrong usage end the job, a refusal is a result."""
        images, out = folder / "images", folder / "out"
        images.mkdir()
        tracker = Tracker(sink=lambda stage, share: tell(stage, share * _ANALYSIS_SHARE), cancelled=cancelled)
        try:
            with _inside(images, folder):
                outcome = self._analyse(claim, images, folder / "masks", tracker)
                return self._stored(outcome, out, tell)
        except Cancelled:
            return None
        except SteatoscopeError as fault:
            return Finished(error=fault.document())
        except UsageError as fault:
            return Finished(error=_usage(fault))

    def _analyse(self, claim: Claim, images: Path, masks: Path, tracker: Tracker) -> Outcome:
        from steatoscope.apps.wiring.ports import default_ports
        from steatoscope.imaging.io.load import load_study
        from steatoscope.imaging.io.options import ReadOptions
        from steatoscope.pipeline.analyse import analyse, analyse_study

        inputs = gather_inputs(self._service, claim, images, masks)
        options, ports = inputs.options, default_ports(inputs.options)
        with tracker.stage("read"):
            reading = ReadOptions(
                modality=options.modality, series=options.series, views=options.views,
                allow_eight_bit=self._eight_bit(options, ports),
            )  # fmt: skip
            try:
                scanned = load_study(inputs.paths, reading)
            except SteatoscopeError as fault:
                if fault.exit_code != EXIT_REFUSED:
                    raise
                return analyse(inputs.paths, options, ports, tracker)
        return analyse_study(scanned, *self._chosen(claim, options, ports, scanned), tracker)

    def _eight_bit(self, options: AnalyseOptions, ports: Ports) -> bool:
        """Whether the model that the job names, or the one in force for CT, takes CT slices without HU."""
        if ports.eight_bit or options.modality not in (None, "CT"):
            return ports.eight_bit
        return with_active(ports, self._active(), "CT", options.model).eight_bit

    def _active(self) -> dict[str, str]:
        """The models in force by role."""
        with self._service.database.reading() as session:
            return {role: row.name for role, row in active_models(session).items()}

    def _chosen(
        self, claim: Claim, options: AnalyseOptions, ports: Ports, scanned: Scanned
    ) -> tuple[AnalyseOptions, Ports]:
        """Options with the patient's earlier reports, and ports with the models that administrators activated."""
        modality = scanned.scan.modality
        with self._service.database.reading() as session:
            previous = earlier_reports(session, claim.study_id, modality, scan_day(scanned))
        return replace(options, previous=previous), with_active(ports, self._active(), modality, options.model)

    def _stored(self, outcome: Outcome, out: Path, tell: Tell) -> Finished:
        from steatoscope.apps.wiring.artifacts import write_outcome
        from steatoscope.service.report.viewer_bundle import write_viewer

        tell("report", _ANALYSIS_SHARE)
        document = write_outcome(outcome, out, command=["service"])
        write_viewer(outcome, out / "viewer.zip")
        tell("store", 0.95)
        files = tuple(self._put(path) for path in sorted(out.iterdir()))
        return Finished(report=document, files=files, facts=self._facts(outcome.study))

    def _put(self, path: Path) -> StoredResult:
        sha256, size = self._service.blobs.put_file(path)
        media = _MEDIA.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return StoredResult(path.name, sha256, size, media)

    def _facts(self, scanned: Scanned | None) -> dict[str, Any]:
        if scanned is None:
            return {}
        day = scan_day(scanned)
        rows = series_rows(scanned, self._service.secret, open_text=self._service.settings.identity_mode)
        return {"acquired_on": day and day.isoformat(), "series": rows}


def with_active(ports: Ports, active: dict[str, str], modality: str, chosen: str | None) -> Ports:
    """Ports with the models in force for roles of this modality; a model that the job itself names goes before."""
    from steatoscope.apps.wiring.models import chosen_model
    from steatoscope.apps.wiring.ports import with_model

    named = None if chosen is None else chosen_model(chosen)
    fitted = ports
    for role, name in sorted(active.items()):
        taken = named is not None and role in ROLES and named.role in ROLES[role][0]
        if name == role or taken or not role.startswith(f"{modality.lower()}-"):
            continue
        fitted = with_model(fitted, chosen_model(name))
    if named is not None and fitted is not ports:
        fitted = with_model(fitted, named)
    return replace(fitted, modality=ports.modality)


def scan_day(scanned: Scanned) -> date | None:
    """The day of the scan, where its header names one."""
    text = (scanned.patient.study_date or "").replace("-", "")
    try:
        return datetime.strptime(text, "%Y%m%d").date() if text else None
    except ValueError:
        return None


def series_rows(scanned: Scanned, secret: str, *, open_text: bool) -> list[dict[str, Any]]:
    """Rows of the series that were seen; identifiers are hashed and words left out unless ``open_text``."""
    chosen = scanned.source.get("series")
    seen = [(chosen, True)] if isinstance(chosen, dict) else []
    seen += [(other, False) for other in scanned.source.get("other_series", ()) if isinstance(other, dict)]
    return [
        {
            "uid": _identifier(str(one.get("uid") or ""), secret, open_text=open_text),
            "modality": scanned.scan.modality if measured else "",
            "description": str(one.get("description") or "")[:200] if open_text else "",
            "files": int(one.get("slices") or 0),
            "measured": measured,
        }
        for one, measured in seen
    ]


def _identifier(uid: str, secret: str, *, open_text: bool) -> str:
    if open_text or not uid:
        return uid[:64]
    return hmac.new(secret.encode(), uid.encode(), hashlib.sha256).hexdigest()


def _usage(fault: UsageError) -> dict[str, Any]:
    return {
        "code": "E_USAGE",
        "message": "The study cannot be analysed as asked.",
        "cause": str(fault),
        "remedy": "Name the modality, or change the options of the study.",
        "path": None,
    }


class _inside(chdir[str]):
    """Work in a folder, with temporary files in ``room``: what a killed child leaves goes with the job's folder."""

    def __init__(self, folder: Path, room: Path) -> None:
        super().__init__(str(folder))
        self._room = room

    def __enter__(self) -> None:
        tempfile.tempdir = str(self._room)
        super().__enter__()

    def __exit__(self, *fault: object) -> None:
        tempfile.tempdir = None
        super().__exit__(*fault)
