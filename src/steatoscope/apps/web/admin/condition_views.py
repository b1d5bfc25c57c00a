"""Overview and storage: pages and API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field

from steatoscope.apps.web import trail
from steatoscope.apps.web.admin import condition
from steatoscope.apps.web.admin.blueprints import api, pages
from steatoscope.apps.web.admin.retention import past_retention
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.maintenance import check_consistency, collect_garbage, forget_unused_rows

_DAY_S = 24 * 3600.0


class CheckDocument(BaseModel):
    """One part of the service."""

    name: str
    ok: bool
    detail: str


class WorkerDocument(BaseModel):
    """One worker heard of in the last day."""

    name: str
    seen_at: datetime
    alive: bool
    job_id: str | None


class HealthDocument(BaseModel):
    """Checks, workers, queue and versions."""

    checks: list[CheckDocument]
    workers: list[WorkerDocument]
    jobs: dict[str, int]
    oldest_queued_s: float | None
    versions: dict[str, str]


class StorageDocument(BaseModel):
    """Counts of rows, sizes in bytes."""

    counts: dict[str, int]
    bytes: dict[str, int]
    disk: dict[str, int]


class ConsistencyWish(BaseModel):
    """How to check."""

    model_config = ConfigDict(extra="forbid")
    deep: bool = Field(False, description="also read every content and compare its hash")


class ConsistencyDocument(BaseModel):
    """What does not fit together."""

    ok: bool
    problems: list[str]


class CollectionWish(BaseModel):
    """What to remove."""

    model_config = ConfigDict(extra="forbid")
    older_than_s: float = Field(_DAY_S, ge=3600, le=1e9, description="only what was stored longer ago than this")


class CollectionDocument(BaseModel):
    """What was removed."""

    contents: int
    bytes: int
    half_written: int


def check(*, deep: bool) -> list[str]:
    """What does not fit together, with an entry in the trail."""
    with service().database.reading() as session:
        problems = check_consistency(session, service().blobs, deep=deep)
    with service().database.writing() as session:
        trail.note(session, "storage.check", "storage", problems=len(problems), deep=deep)
    return problems


def collect(older_than_s: float) -> dict[str, int]:
    """Remove contents that nothing uses, with an entry in the trail."""
    with service().database.reading() as session:
        counts = collect_garbage(session, service().blobs, older_than_s)
    with service().database.writing() as session:
        forget_unused_rows(session, older_than_s)
        trail.note(session, "storage.collect", "storage", removed=counts)
    return counts


@api.get("/health", summary="Health of the service", responses={200: HealthDocument})
@allow(Right.SETTINGS)
def health() -> Response:
    """Checks, workers, queue and versions."""
    return jsonify(HealthDocument.model_validate(condition.overview(service())).model_dump(mode="json"))


@api.get("/storage", summary="Storage", responses={200: StorageDocument})
@allow(Right.SETTINGS)
def show_storage() -> Response:
    """Counts and sizes."""
    return jsonify(StorageDocument.model_validate(condition.storage(service())).model_dump())


@api.post("/storage/check", summary="Check consistency", responses={200: ConsistencyDocument})
@allow(Right.SETTINGS)
def check_storage(body: ConsistencyWish) -> Response:
    """Check that rows and stored contents fit together."""
    problems = check(deep=body.deep)
    return jsonify({"ok": not problems, "problems": problems})


@api.post("/storage/collect", summary="Remove unused contents", responses={200: CollectionDocument})
@allow(Right.SETTINGS)
def collect_storage(body: CollectionWish) -> Response:
    """Remove contents that no study and no result uses."""
    return jsonify(collect(body.older_than_s))


@pages.get("/admin")
@allow(Right.SETTINGS)
def overview() -> Response:
    """Health at a glance."""
    return make_response(render_template("admin/overview.html", **condition.overview(service())))


@pages.get("/admin/storage", endpoint="storage")
@allow(Right.SETTINGS)
def storage_page() -> Response:
    """Sizes, counts, consistency, retention."""
    return _page()


@pages.post("/admin/storage")
@allow(Right.SETTINGS)
def tend_storage() -> Response:
    """Check consistency, or remove what nothing uses."""
    if request.form.get("do") == "collect":
        counts = collect(_DAY_S)
        flash(
            _("Removed %(count)s unused contents, %(size)s bytes.", count=counts["contents"], size=counts["bytes"]),
            "ok",
        )
        return make_response(redirect(url_for("admin.storage")))
    return _page(problems=check(deep="deep" in request.form))


def _page(**more: Any) -> Response:
    with service().database.reading() as session:
        old = past_retention(session, service().settings)
    words = render_template("admin/storage.html", **condition.storage(service()), old=old, **{"problems": None, **more})
    return make_response(words)
