"""Accounts as administrators manage them: pages and API."""

from __future__ import annotations

from web_accounts import audit_rows, csrf_of, sign_in

from service_kit import PASSWORD, Bench
from steatoscope.service.storage.tables import User

API = "/api/v1/users"


def _actions(bench: Bench) -> list[str]:
    return [row.action for row in audit_rows(bench)]


def test_a_new_user_gets_a_password_once_and_must_change_it(bench: Bench) -> None:
    answer = bench.client("admin").post(API, json={"name": "nora", "roles": ["viewer", "clinician"]})
    assert answer.status_code == 201
    assert answer.json["user"]["roles"] == ["viewer", "clinician"]
    assert "password_hash" not in answer.text
    client = bench.client()
    assert sign_in(client, "nora", answer.json["password"]).status_code == 302
    assert client.get("/").headers.get("Location") == "/account"
    assert client.get("/api/v1/tokens").status_code == 403
    token = csrf_of(client, "/account")
    fresh = "another long password"
    data = {"old_password": answer.json["password"], "password": fresh, "password_again": fresh, "csrf_token": token}
    assert client.post("/account/password", data=data).status_code == 302
    assert client.get("/api/v1/tokens").status_code == 200
    assert sign_in(bench.client(), "nora", answer.json["password"]).status_code == 401
    assert sign_in(bench.client(), "nora", fresh).status_code == 302
    assert _actions(bench) == ["user.add", "user.sign_in", "user.password", "user.sign_in", "user.sign_in"]


def test_names_are_unique_whatever_their_case(bench: Bench) -> None:
    admin = bench.client("admin")
    assert admin.post(API, json={"name": "Viewer", "roles": ["viewer"]}).status_code == 409
    assert admin.post(API, json={"name": "a b", "roles": ["viewer"]}).status_code == 422
    assert admin.post(API, json={"name": "x", "roles": []}).status_code == 422
    assert admin.post(API, json={"name": "x", "roles": ["root"]}).status_code == 422
    assert admin.post(API, json={"name": "x", "roles": ["viewer"], "is_admin": True}).status_code == 422


def test_other_roles_end_sessions_and_hold_at_once(bench: Bench) -> None:
    client, user_id = bench.client(), bench.users["clinician"][0]
    sign_in(client, "clinician")
    assert client.get("/account").status_code == 200
    answer = bench.client("admin").patch(f"{API}/{user_id}", json={"roles": ["viewer"]})
    assert answer.json["roles"] == ["viewer"]
    assert client.get("/account").status_code == 302
    assert bench.client("clinician").post("/api/v1/studies").status_code == 403


def test_a_disabled_user_gets_in_by_no_way(bench: Bench) -> None:
    client, user_id = bench.client(), bench.users["viewer"][0]
    sign_in(client, "viewer")
    admin = bench.client("admin")
    assert admin.patch(f"{API}/{user_id}", json={"disabled": True}).json["disabled"] is True
    assert client.get("/account").status_code == 302
    assert bench.client("viewer").get("/api/v1/tokens").status_code == 401
    assert sign_in(bench.client(), "viewer").status_code == 401
    admin.patch(f"{API}/{user_id}", json={"disabled": False})
    assert sign_in(bench.client(), "viewer").status_code == 302
    assert bench.client("viewer").get("/api/v1/tokens").status_code == 200


def test_the_last_administrator_stays(bench: Bench) -> None:
    admin, user_id = bench.client("admin"), bench.users["admin"][0]
    for change in ({"disabled": True}, {"roles": ["viewer"]}):
        answer = admin.patch(f"{API}/{user_id}", json=change)
        assert answer.status_code == 409
        assert "last administrator" in answer.json["error"]["cause"]
    bench.add_user("second", "admin")
    assert admin.patch(f"{API}/{user_id}", json={"roles": ["viewer"]}).status_code == 200


def test_reset_password_sessions_and_tokens(bench: Bench) -> None:
    client, user_id = bench.client(), bench.users["viewer"][0]
    sign_in(client, "viewer")
    admin = bench.client("admin")
    assert admin.get(f"{API}/{user_id}").json["sessions"] == 1
    assert admin.delete(f"{API}/{user_id}/sessions").json == {"count": 1}
    assert client.get("/account").status_code == 302
    fresh = admin.post(f"{API}/{user_id}/password").json["password"]
    assert sign_in(bench.client(), "viewer", PASSWORD).status_code == 401
    assert sign_in(bench.client(), "viewer", fresh).status_code == 302
    assert admin.delete(f"{API}/{user_id}/tokens").json == {"count": 1}
    assert bench.client("viewer").get("/api/v1/tokens").status_code == 401
    assert admin.get(f"{API}/nobody").status_code == 404


def test_only_administrators(bench: Bench) -> None:
    for role in ("viewer", "clinician", "researcher"):
        assert bench.client(role).get(API).status_code == 403
        assert bench.client(role).post(API, json={"name": "x", "roles": ["admin"]}).status_code == 403
    assert bench.client().get(API).status_code == 401


def test_two_accounts_never_share_a_provider_subject(bench: Bench) -> None:
    admin = bench.client("admin")
    first, second = bench.users["viewer"][0], bench.users["clinician"][0]
    assert admin.patch(f"{API}/{first}", json={"oidc_subject": "sub-1"}).status_code == 200
    assert admin.patch(f"{API}/{second}", json={"oidc_subject": "sub-1"}).status_code == 409
    assert admin.patch(f"{API}/{first}", json={"oidc_subject": ""}).json["oidc_subject"] is None


def test_the_page_does_the_same(bench: Bench) -> None:
    client = bench.client()
    sign_in(client, "admin")
    token = csrf_of(client, "/admin/users")
    page = client.post("/admin/users", data={"name": "otto", "roles": ["researcher"], "csrf_token": token})
    assert page.status_code == 201
    assert "otto" in page.text
    with bench.service.database.reading() as session:
        otto = session.query(User).filter_by(name="otto").one()
    address = f"/admin/users/{otto.id}"

    def do(what: str, **more: str) -> int:
        return client.post(address, data={"do": what, "csrf_token": token, **more}).status_code

    assert do("roles", roles="viewer") == 302
    assert do("disable") == 302
    assert do("enable") == 302
    assert do("sessions") == 302
    assert do("tokens") == 302
    assert do("password") == 200
    assert do("nonsense") == 422
    assert client.post(address, data={"do": "disable"}).status_code == 400
    own = client.post(f"/admin/users/{bench.users['admin'][0]}", data={"do": "disable", "csrf_token": token})
    assert own.status_code == 409
    assert "last administrator" in own.text
    assert (
        client.post("/admin/users", data={"name": "otto", "roles": ["viewer"], "csrf_token": token}).status_code == 409
    )
    assert _actions(bench)[1:] == [
        "user.add", "user.roles", "user.disable", "user.enable", "session.end", "token.revoke", "user.password",
    ]  # fmt: skip
