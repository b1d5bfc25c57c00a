"""Resumable uploads: parts, offsets, resumption, commit, ownership, sweeping."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select

from service_kit import Bench, make_bench
from steatoscope.apps.wiring import uploads
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables import AuditEntry, Job, Study, Upload
from upload_kit import HTML, ct_slice, png

PICTURE = png()


@pytest.fixture
def client(bench: Bench) -> Any:
    return bench.client("clinician")


def announce(client: Any, **files: int) -> str:
    body = {"files": [{"name": name.replace("__", "."), "size": size} for name, size in files.items()]}
    answer = client.post("/api/v1/uploads", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json["upload_id"])


def put(client: Any, upload: str, content: bytes, *, number: int = 0, offset: int = 0) -> Any:
    address = f"/api/v1/uploads/{upload}/files/{number}?offset={offset}"
    return client.put(address, data=content, content_type="application/octet-stream")


def test_parts_become_a_study(bench: Bench, client: Any) -> None:
    upload = announce(client, a__png=len(PICTURE), b__png=len(PICTURE))
    assert put(client, upload, PICTURE[:1000]).json == {"number": 0, "received": 1000, "size": len(PICTURE)}
    assert put(client, upload, PICTURE[1000:], offset=1000).status_code == 200
    assert put(client, upload, PICTURE, number=1).status_code == 200
    assert client.post(f"/api/v1/uploads/{upload}/commit", json={}).status_code == 202


def test_commit_and_commit_again(bench: Bench, client: Any) -> None:
    upload = announce(client, a__png=len(PICTURE))
    put(client, upload, PICTURE)
    body = {"subject": "S-3", "views": {"a.png": "AR"}, "clinical": {"age_years": 44}, "modality": "us"}
    first = client.post(f"/api/v1/uploads/{upload}/commit", json=body)
    assert first.status_code == 202, first.text
    again = client.post(f"/api/v1/uploads/{upload}/commit", json=body)
    assert (again.status_code, again.json["study_id"], again.json["job_id"]) == (
        202,
        first.json["study_id"],
        first.json["job_id"],
    )
    with bench.service.database.reading() as session:
        (study,) = session.scalars(select(Study)).all()
        assert (study.patient.subject, study.views, study.clinical) == ("S-3", {"a.png": "AR"}, {"age_years": 44})
        assert len(session.scalars(select(Job)).all()) == 1
    assert client.get(f"/api/v1/uploads/{upload}").json["state"] == "done"
    assert put(client, upload, b"x", offset=len(PICTURE)).status_code == 409
    assert list(bench.service.settings.inbox.iterdir()) == []


def test_a_wrong_offset_is_told_the_right_one(client: Any) -> None:
    upload = announce(client, a__png=len(PICTURE))
    put(client, upload, PICTURE[:700])
    for offset in (0, 699, 701):
        answer = put(client, upload, PICTURE[700:], offset=offset)
        assert (answer.status_code, answer.json["received"], answer.json["error"]["code"]) == (409, 700, "E_CONFLICT")
    assert client.get(f"/api/v1/uploads/{upload}").json["files"][0]["received"] == 700


def test_more_than_announced_leaves_what_was_there(client: Any) -> None:
    upload = announce(client, a__png=1000)
    put(client, upload, PICTURE[:500])
    assert put(client, upload, PICTURE[500:1001], offset=500).status_code == 422
    assert client.get(f"/api/v1/uploads/{upload}").json["files"][0]["received"] == 500


def test_a_part_has_a_largest_size(tmp_path: Any) -> None:
    bench = make_bench(tmp_path / "small", part_bytes=1024)
    client = bench.client("clinician")
    upload = announce(client, a__png=5000)
    assert put(client, upload, bytes(1025)).status_code == 413
    chunked = client.put(
        f"/api/v1/uploads/{upload}/files/0?offset=0",
        input_stream=BytesIO(bytes(4000)),
        content_type="application/octet-stream",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert chunked.status_code == 413
    assert client.get(f"/api/v1/uploads/{upload}").json["files"][0]["received"] == 0
    bench.service.database.dispose()


def test_an_incomplete_upload_is_no_study(bench: Bench, client: Any) -> None:
    upload = announce(client, a__png=len(PICTURE), b__png=10)
    put(client, upload, PICTURE)
    answer = client.post(f"/api/v1/uploads/{upload}/commit", json={})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "E_CONFLICT")
    assert "1 file is" in answer.json["error"]["cause"]


def test_what_is_no_scan_is_refused_at_commit(bench: Bench, client: Any) -> None:
    upload = announce(client, a__png=len(HTML))
    put(client, upload, HTML)
    answer = client.post(f"/api/v1/uploads/{upload}/commit", json={})
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "E_FORMAT")
    with bench.service.database.reading() as session:
        assert session.scalars(select(Study)).all() == []
        assert session.scalars(select(AuditEntry).where(AuditEntry.outcome == "refused")).one().action == "study.upload"
    assert client.delete(f"/api/v1/uploads/{upload}").status_code == 200
    assert list(bench.service.settings.inbox.iterdir()) == []


def test_an_empty_file_is_empty(client: Any) -> None:
    upload = announce(client, a__png=0)
    answer = client.post(f"/api/v1/uploads/{upload}/commit", json={})
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "E_EMPTY")


def test_uploads_of_others_are_closed(bench: Bench, client: Any) -> None:
    upload = announce(client, a__png=len(PICTURE))
    other = bench.client("researcher")
    address = f"/api/v1/uploads/{upload}"
    assert other.get(address).status_code == 403
    assert put(other, upload, PICTURE).status_code == 403
    assert other.post(f"{address}/commit", json={}).status_code == 403
    assert other.delete(address).status_code == 403
    assert other.get("/api/v1/uploads").json == {"uploads": []}
    assert bench.client("viewer").get(address).status_code == 403
    assert bench.client().get(address).status_code == 401
    assert [one["upload_id"] for one in client.get("/api/v1/uploads").json["uploads"]] == [upload]


@pytest.mark.parametrize("upload", ["0" * 32, "..", "x" * 32])
def test_no_such_upload(client: Any, upload: str) -> None:
    assert client.get(f"/api/v1/uploads/{upload}").status_code in (404, 422)
    assert put(client, upload, b"x").status_code in (404, 422)


def test_no_such_file(client: Any) -> None:
    upload = announce(client, a__png=5)
    assert put(client, upload, b"x", number=1).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"files": []}, 422),
        ({"files": [{"name": "", "size": 1}]}, 422),
        ({"files": [{"name": "a", "size": -1}]}, 422),
        ({"files": [{"name": "a", "size": 2**31}]}, 413),
        ({"files": [{"name": "a", "size": 2**29}] * 3}, 413),
    ],
)
def test_announcements_are_checked(client: Any, body: dict[str, Any], status: int) -> None:
    assert client.post("/api/v1/uploads", json=body).status_code == status


def test_names_are_made_safe_and_unique(client: Any) -> None:
    given = ["../../etc/passwd", "a.dcm", "A.DCM", "C:\\x\\a.dcm", "con.dcm", "b\x00\n.dcm", "/abs/a.dcm"]
    answer = client.post("/api/v1/uploads", json={"files": [{"name": name, "size": 1} for name in given]})
    names = [file["name"] for file in answer.json["files"]]
    assert names == ["etc/passwd", "a.dcm", "A-2.DCM", "x/a.dcm", "_con.dcm", "b.dcm", "abs/a.dcm"]


def test_an_upload_goes_on_after_a_restart(bench: Bench, client: Any) -> None:
    content = ct_slice()
    upload = announce(client, a__dcm=len(content))
    put(client, upload, content[:4000])
    token = bench.users["clinician"]
    again = make_bench_again(bench)
    fresh = again.app.test_client()
    fresh.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token[1]}"
    start = fresh.get(f"/api/v1/uploads/{upload}").json["files"][0]["received"]
    assert start == 4000
    assert put(fresh, upload, content[start:], offset=start).status_code == 200
    assert fresh.post(f"/api/v1/uploads/{upload}/commit", json={}).status_code == 202
    again.service.database.dispose()


def make_bench_again(bench: Bench) -> Bench:
    """The same data folder, opened as a restarted server does."""
    from steatoscope.apps.web.app import create_app
    from steatoscope.apps.wiring.service import open_service

    service = open_service(bench.service.settings)
    return Bench(service, create_app(service, RATELIMIT_ENABLED=False))


def test_a_part_in_progress_keeps_others_out(bench: Bench, client: Any) -> None:
    upload = announce(client, a__png=100)
    path = uploads.part_path(bench.service, upload, 0)

    class Slow(BytesIO):
        def read(self, count: int | None = -1) -> bytes:
            found = super().read(count)
            if found:
                assert put(client, upload, b"x").status_code == 409
            return found

    assert uploads.append_part(path, Slow(b"y" * 100), offset=0, size=100, most=100) == 100


def test_an_upload_becomes_one_study_at_a_time(bench: Bench, client: Any) -> None:
    upload = announce(client, a__png=len(PICTURE))
    put(client, upload, PICTURE)
    with uploads.locked(bench.service, upload):
        assert client.post(f"/api/v1/uploads/{upload}/commit", json={}).status_code == 409
        assert client.delete(f"/api/v1/uploads/{upload}").status_code == 409
    assert client.post(f"/api/v1/uploads/{upload}/commit", json={}).status_code == 202


def test_a_user_has_a_bounded_number_of_uploads(bench: Bench, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_OPEN", 1)
    announce(client, a__png=1)
    assert client.post("/api/v1/uploads", json={"files": [{"name": "b", "size": 1}]}).status_code == 409


def test_abandoned_uploads_are_swept(bench: Bench, client: Any) -> None:
    old, young = announce(client, a__png=100), announce(client, b__png=100)
    put(client, old, bytes(50))
    (bench.service.settings.inbox / "form-left").mkdir()
    with bench.service.database.writing() as session:
        session.get_one(Upload, old).touched_at = now() - timedelta(days=2)
    assert uploads.sweep(bench.service) == 1
    assert client.get(f"/api/v1/uploads/{old}").status_code == 404
    assert client.get(f"/api/v1/uploads/{young}").status_code == 200
    names = {path.name for path in bench.service.settings.inbox.iterdir()}
    assert names == {f"upload-{young}", "form-left"}
    assert uploads.sweep(bench.service, older_than_s=-60) == 2
    assert list(bench.service.settings.inbox.iterdir()) == []
