"""The audit trail: a page, the API, files, and the check of its chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, make_response, render_template, request, url_for
from pydantic import AwareDatetime, BaseModel, Field

from steatoscope.apps.web import trail
from steatoscope.apps.web.admin.blueprints import api, pages
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.service.access.rights import Right
from steatoscope.service.storage import audit
from steatoscope.service.storage.audit_anchor import read_anchor
from steatoscope.service.storage.audit_export import csv_lines, json_lines
from steatoscope.service.storage.rows import as_document

_PRINTABLE = r"^[^\x00-\x1f]*$"
_PER_PAGE = 50


class AuditFilter(BaseModel):
    """Which entries; ``action`` may end in ``*``."""

    actor: str | None = Field(None, max_length=80, pattern=_PRINTABLE)
    action: str | None = Field(None, max_length=60, pattern=_PRINTABLE)
    subject: str | None = Field(None, max_length=80, pattern=_PRINTABLE)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class AuditQuery(AuditFilter):
    """Which entries, by page."""

    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(_PER_PAGE, ge=1, le=500)


class AuditDocument(BaseModel):
    """One entry: who did what to which object, when and from where; chained by hash to the entry before."""

    seq: int
    at: str
    actor: str
    action: str
    object_type: str
    object_id: str
    subject: str
    outcome: str
    address: str
    details: dict[str, Any]
    previous_hash: str
    hash: str


class AuditList(BaseModel):
    """One page of entries, newest first."""

    entries: list[AuditDocument]
    page: int
    per_page: int
    total: int


class ChainCheck(BaseModel):
    """Whether the chain is whole; ``problems`` says where not."""

    ok: bool
    problems: list[str]
    entries: int


def check_chain() -> ChainCheck:
    """Check the whole chain, against the end that was kept outside the database where there is one."""
    try:
        known = read_anchor(service().settings.data_dir / "audit-anchor.json")
        problems: list[str] = []
    except ValueError as fault:
        known, problems = None, [str(fault)]
    with service().database.reading() as session:
        problems += audit.verify_chain(session, known)
        end = audit.anchor(session)
    return ChainCheck(ok=not problems, problems=problems, entries=end.seq)


@api.get("/audit", summary="Audit trail", responses={200: AuditList})
@allow(Right.AUDIT)
def list_audit(query: AuditQuery) -> Response:
    """Entries of the audit trail, newest first."""
    with service().database.reading() as session:
        rows, total = audit.entries(session, **query.model_dump())
        documents = [as_document(row) for row in rows]
    return jsonify(
        AuditList.model_validate(
            {"entries": documents, "page": query.page, "per_page": query.per_page, "total": total}
        ).model_dump()
    )


@api.get("/audit/check", summary="Check the chain", responses={200: ChainCheck})
@allow(Right.AUDIT)
def check_audit() -> Response:
    """Compute every hash of the chain anew."""
    return jsonify(check_chain().model_dump())


@api.get("/audit.csv", summary="Audit trail as CSV", responses={200: {"content": {"text/csv": {}}}})
@allow(Right.AUDIT)
def audit_csv(query: AuditFilter) -> Response:
    """All matching entries, oldest first, for reading in a spreadsheet."""
    return _streamed(query, csv_lines, "text/csv; charset=utf-8", "audit.csv")


@api.get(
    "/audit.jsonl", summary="Audit trail as JSON lines", responses={200: {"content": {"application/x-ndjson": {}}}}
)
@allow(Right.AUDIT)
def audit_json_lines(query: AuditFilter) -> Response:
    """All matching entries, oldest first, exact: the chain can be checked again from this file."""
    return _streamed(query, json_lines, "application/x-ndjson", "audit.jsonl")


def _streamed(
    query: AuditFilter, write: Callable[[Iterable[dict[str, Any]]], Iterator[str]], media_type: str, name: str
) -> Response:
    database, wanted = service().database, query.model_dump()
    with database.writing() as session:
        trail.note(
            session, "audit.export", "audit", name, filter={key: str(value) for key, value in wanted.items() if value}
        )

    def lines() -> Iterator[str]:
        with database.reading() as session:
            yield from write(audit.export(session, **wanted))

    response = Response(lines(), content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _day(name: str, *, after: int = 0) -> datetime | None:
    try:
        day = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return datetime.combine(day, time.min, UTC) + timedelta(days=after)


@pages.get("/admin/audit", endpoint="audit")
@allow(Right.AUDIT)
def audit_page() -> Response:
    """The audit trail by page; filters are days in UTC, the last one included."""
    given = {name: request.args.get(name, "")[:80].strip() for name in ("actor", "action", "subject", "since", "until")}
    since, until = _day("since"), _day("until", after=1)
    page = min(max(request.args.get("page", 1, type=int), 1), 1_000_000)
    chosen = {name: given[name] or None for name in ("actor", "action", "subject")}
    with service().database.reading() as session:
        rows, total = audit.entries(session, **chosen, since=since, until=until, page=page, per_page=_PER_PAGE)
    exact = {**chosen, "since": since and since.isoformat(), "until": until and until.isoformat()}
    kept = {name: value for name, value in given.items() if value}
    words = render_template(
        "admin/audit.html",
        rows=rows,
        total=total,
        page=page,
        pages=max(1, -(-total // _PER_PAGE)),
        given=given,
        exact={name: value for name, value in exact.items() if value},
        address=lambda number: f"{url_for('admin.audit')}?{urlencode({**kept, 'page': number})}",
        check=check_chain() if "check" in request.args else None,
    )
    return make_response(words)
