"""API: the report in every form, and the files of a result."""

from __future__ import annotations

import json

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.results.blueprint import api
from steatoscope.apps.web.results.find import discreet, the_file, the_result, the_study
from steatoscope.apps.web.results.schemas import FileAnswer, FileList, FilePath, StudyPath, VersionQuery
from steatoscope.apps.web.results.serve import content_answer, content_of, json_answer, stored_answer, tagged
from steatoscope.apps.web.results.tables import csv_bytes, xlsx_bytes
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.tables import Result, ResultFile, Study

REPORT = "report.json"
INSIDE = ("viewer.zip",)


@api.get(
    "/studies/<study_id>/report",
    summary="report.json",
    responses={200: content_of("application/json", {"type": "object"})},
)
@allow(Right.READ)
def get_report(path: StudyPath, query: VersionQuery) -> Response:
    """The report of the newest or of a named version; a refused study has one as well."""
    with service().database.writing() as session:
        _, result = opened(session, path.study_id, query.version, "report.read", REPORT)
    return tagged(json_answer(discreet(result.report)), result.report_digest)


@api.get("/studies/<study_id>/report.pdf", summary="The report as PDF", responses={200: content_of("application/pdf")})
@allow(Right.READ)
def get_pdf(path: StudyPath, query: VersionQuery) -> Response:
    """The report on paper, under the subject code."""
    return _stored(path.study_id, "report.pdf", query.version)


@api.get(
    "/studies/<study_id>/report.html", summary="The report as one HTML file", responses={200: content_of("text/html")}
)
@allow(Right.READ)
def get_html(path: StudyPath, query: VersionQuery) -> Response:
    """The report as one file without scripts."""
    return _stored(path.study_id, "report.html", query.version)


@api.get(
    "/studies/<study_id>/overlay.png",
    summary="What was measured, as a picture",
    responses={200: content_of("image/png")},
)
@allow(Right.READ)
def get_overlay(path: StudyPath, query: VersionQuery) -> Response:
    """Image, outlines and local map side by side."""
    return _stored(path.study_id, "overlay.png", query.version)


@api.get("/studies/<study_id>/files", summary="The files of a result", responses={200: FileList})
@allow(Right.READ)
def get_files(path: StudyPath, query: VersionQuery) -> Response:
    """Names, sizes and hashes of what can be fetched."""
    with service().database.writing() as session:
        _, result = opened(session, path.study_id, query.version, "study.read", "")
        found = FileList(study_id=path.study_id, version=result.version, files=files_of(session, result))
    return json_answer(found.model_dump(mode="json"))


@api.get(
    "/studies/<study_id>/files/<name>",
    summary="One file of a result",
    responses={200: content_of("*/*")},
)
@allow(Right.READ)
def get_file(path: FilePath, query: VersionQuery) -> Response:
    """A mask, a map, or any other file of the result."""
    return _stored(path.study_id, path.name, query.version)


@api.get("/studies/<study_id>/measurements.csv", summary="The values as CSV", responses={200: content_of("text/csv")})
@allow(Right.READ)
def get_csv(path: StudyPath, query: VersionQuery) -> Response:
    """Headline and measurements, a row each, with intervals and units."""
    with service().database.writing() as session:
        study, result = opened(session, path.study_id, query.version, "report.download", "measurements.csv")
        return content_answer(csv_bytes(study, result), download_name(study, result, "measurements.csv"))


@api.get("/studies/<study_id>/report.xlsx", summary="The report as a workbook", responses={
    200: content_of("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")})  # fmt: skip
@allow(Right.READ)
def get_xlsx(path: StudyPath, query: VersionQuery) -> Response:
    """Headline, measurements, quality and provenance as sheets."""
    with service().database.writing() as session:
        study, result = opened(session, path.study_id, query.version, "report.download", "report.xlsx")
        return content_answer(xlsx_bytes(study, result), download_name(study, result, "report.xlsx"))


def files_of(session: Session, result: Result) -> list[FileAnswer]:
    """The files of a result by name, without those that only the viewer reads."""
    rows = session.scalars(select(ResultFile).where(ResultFile.result_id == result.id).order_by(ResultFile.name))
    return [
        FileAnswer(name=row.name, size=row.size, sha256=row.sha256, media_type=row.media_type)
        for row in rows
        if row.name not in INSIDE
    ]


def _stored(study_id: str, name: str, version: int | None) -> Response:
    with service().database.writing() as session:
        study, result = opened(session, study_id, version, "report.download", name)
        file = the_file(session, result, name)
        download = download_name(study, result, name)
    if name.endswith(".json"):
        with service().blobs.open(file.sha256) as stream:
            document = discreet(json.loads(stream.read()))
        return content_answer(json.dumps(document, indent=2, ensure_ascii=False).encode(), download)
    return stored_answer(file, download)


def opened(session: Session, study_id: str, version: int | None, action: str, name: str) -> tuple[Study, Result]:
    """The study and a version of its result, with an entry in the audit trail."""
    study = the_study(session, study_id)
    result = the_result(session, study, version)
    trail.note(session, action, "study", study.id, subject=study.patient.subject, version=result.version, file=name)
    return study, result


def download_name(study: Study, result: Result, name: str) -> str:
    """The name to save a file under: subject and version make it tell itself apart."""
    subject = "".join(
        mark if mark.isascii() and (mark.isalnum() or mark in "-_") else "-" for mark in study.patient.subject
    )
    return f"{subject[:40] or 'study'}-v{result.version}-{name}"
