"""API: what the viewer shows: a description, and each slice of each layer as bytes."""

from __future__ import annotations

from flask import Response, request

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results.blueprint import api
from steatoscope.apps.web.results.bundles import bundle_hash, open_bundle
from steatoscope.apps.web.results.find import the_result, the_study
from steatoscope.apps.web.results.schemas import PlanePath, StudyPath, VersionQuery
from steatoscope.apps.web.results.serve import content_of, json_answer
from steatoscope.service.access.rights import Right

_KEPT = "private, max-age=3600, immutable"


@api.get(
    "/studies/<study_id>/viewer",
    summary="What the viewer can show",
    responses={200: content_of("application/json", {"type": "object"})},
)
@allow(Right.READ)
def get_viewer(path: StudyPath, query: VersionQuery) -> Response:
    """Scenes (a volume, or the views of an ultrasound study) with the layers that exist, and the result's version."""
    with service().database.writing() as session:
        study = the_study(session, path.study_id)
        result = the_result(session, study, query.version)
        sha256 = bundle_hash(session, result)
        trail.note(session, "image.read", "study", study.id, subject=study.patient.subject, version=result.version)
    with open_bundle(sha256) as bundle:
        meta = bundle.meta()
    return json_answer({"study_id": study.id, "version": result.version, **meta})


@api.get(
    "/studies/<study_id>/viewer/<layer>/<int:index>",
    summary="One slice of one layer",
    responses={200: content_of("application/octet-stream")},
)
@allow(Right.READ)
def get_plane(path: PlanePath, query: VersionQuery) -> Response:
    """The values of one plane as the description encodes them; never changes where the version is named."""
    with service().database.reading() as session:
        result = the_result(session, the_study(session, path.study_id), query.version)
        sha256 = bundle_hash(session, result)
    tag = f"{sha256[:24]}-{path.layer}-{path.index}"
    kept = _KEPT if query.version is not None else "private, no-cache"
    if request.if_none_match.contains(tag):
        return _answer(Response(status=304), tag, kept)
    packed = request.accept_encodings["gzip"] > 0
    try:
        with open_bundle(sha256) as bundle:
            content = (bundle.gzipped if packed else bundle.plane)(path.layer, path.index)
    except KeyError:
        raise Problem.of("E_NOTFOUND", cause="There is no such slice or layer.") from None
    response = Response(content, mimetype="application/octet-stream")
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    return _answer(response, tag, kept)


def _answer(response: Response, tag: str, kept: str) -> Response:
    response.set_etag(tag)
    response.headers["Cache-Control"] = kept
    response.headers["Vary"] = "Accept-Encoding, Cookie, Authorization"
    return response
