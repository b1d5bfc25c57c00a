"""Every address x every role x own and others' objects, against the table in ``web_matrix``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_matrix import TABLE, Rule

from service_kit import ROLES
from steatoscope.apps.web.guard import door_of
from steatoscope.service.access.rights import RIGHTS, Role
from web_matrix_bench import OWNERS, MatrixBench, matrix_bench

ELSEWHERE = "192.0.2.7"
NOT_AT_HAND = ("/viewer", "/provider")  # the study of the bench has no viewer, its installation no OpenID provider
each = pytest.mark.parametrize("rule", TABLE.values(), ids=lambda rule: rule.key)


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory, analysed_ct: Path) -> Iterator[MatrixBench]:
    with matrix_bench(tmp_path_factory.mktemp("matrix") / "data", analysed_ct) as bench:
        yield bench


def routes(bench: MatrixBench) -> dict[str, str]:
    """Endpoint by method and address."""
    return {
        f"{method} {rule.rule}": rule.endpoint
        for rule in bench.bench.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_table_holds_every_address_and_none_else(visited):
    assert set(TABLE) == set(routes(visited))


@each
def test_the_door_is_the_one_of_the_table(visited, rule: Rule):
    door = door_of(visited.bench.app, routes(visited)[rule.key])
    if rule.who in {"refused", "anybody", "signed-in"}:
        assert (door.kind if door else "refused") == {"anybody": "public", "signed-in": "signed_in"}.get(
            rule.who, rule.who
        )
        return
    assert door.kind == ("loopback" if rule.who.startswith("local-") else "rights")
    assert {role.value for role in Role if door.rights <= RIGHTS[role]} == rule.roles


@each
def test_nobody_passes_only_where_anybody_may(visited, rule: Rule):
    answer = visited.ask(rule.method, rule.address, None, OWNERS[0], remote=ELSEWHERE)
    if rule.who == "anybody":
        assert answer.status_code not in {401, 403}
        assert answer.status_code < 500
    elif rule.address.startswith("/api/"):
        assert answer.status_code == 401
    else:
        assert answer.status_code == 302
        assert answer.location.startswith("/sign-in?next=")


@each
@pytest.mark.parametrize("role", ROLES)
def test_a_role_passes_only_where_it_may(visited, rule: Rule, role: str):
    for owner in OWNERS:
        answer = visited.ask(rule.method, rule.address, role, owner, remote=ELSEWHERE)
        if role not in rule.roles:
            assert answer.status_code == 403, f"{owner}'s object: {answer.status_code}"
            continue
        foreign = bool(rule.own) and role != owner
        wanted = {"own": 403, "hidden": 404}[rule.own] if foreign else None
        if rule.changes and answer.status_code < 400:
            visited.set_back()
        if wanted is not None:
            assert answer.status_code == wanted, f"{owner}'s object: {answer.status_code}"
        else:
            assert answer.status_code not in {401, 403}, f"{owner}'s object: {answer.status_code}"
            assert answer.status_code < 500 or rule.address == "/readyz", answer.text[:300]
            if not rule.changes and not any(part in rule.address for part in NOT_AT_HAND):
                assert answer.status_code != 404, "the bench has no such object"


@pytest.mark.parametrize("rule", [rule for rule in TABLE.values() if rule.who.startswith("local-")], ids=str)
def test_anybody_on_the_machine_itself_may_ask_for_health(visited, rule: Rule):
    assert visited.ask(rule.method, rule.address, None, OWNERS[0]).status_code in {200, 503}
    client = visited.bench.client()
    behind_proxy = client.open(rule.address, method=rule.method, headers={"X-Forwarded-For": ELSEWHERE})
    assert behind_proxy.status_code in {302, 401}


@each
def test_a_token_that_is_not_valid_is_refused(visited, rule: Rule):
    if rule.who == "anybody":
        return
    answer = visited.bench.app.test_client().open(
        visited.address(rule.address, OWNERS[0]),
        method=rule.method,
        headers={"Authorization": "Bearer sts_made-up"},
        environ_base={"REMOTE_ADDR": ELSEWHERE},
    )
    assert answer.status_code == 401
