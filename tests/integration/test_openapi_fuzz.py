"""Requests made from the OpenAPI document, by each role: no fault, and only answers that the document tells of.

``STEATOSCOPE_FULL=1`` sends many more. Half of the requests ask for objects that exist.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service_kit import ROLES
from web_matrix_bench import MatrixBench, matrix_bench

pytestmark = [pytest.mark.service, pytest.mark.slow]
schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (development extras)")
EXAMPLES = 150 if os.environ.get("STEATOSCOPE_FULL") else 3


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory, analysed_ct: Path) -> Iterator[MatrixBench]:
    with matrix_bench(tmp_path_factory.mktemp("fuzz") / "data", analysed_ct) as bench:
        bench.bench.app.config["LIVE_LONGEST_S"] = 0.2
        yield bench


@pytest.fixture(scope="module")
def document(visited: MatrixBench) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", visited.bench.app)


def operations(document: Any) -> list[Any]:
    """Every operation of the document; one that cannot be read is a fault of the document."""
    return [found.ok() for found in document.get_all_operations()]


def checks() -> list[Any]:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as conformance

    return [
        not_a_server_error,
        conformance.status_code_conformance,
        conformance.content_type_conformance,
        conformance.response_schema_conformance,
    ]


def test_every_route_of_the_api_is_in_the_document(visited, document):
    told = {f"{found.method.upper()} {found.full_path}" for found in operations(document)}
    unlisted = {"/api/v1/", "/api/v1/openapi.json", "/api/v1/static/<path:filename>"}
    routes = {
        f"{method} {rule.rule}".replace("<int:", "<").translate({ord("<"): "{", ord(">"): "}"})
        for rule in visited.bench.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and rule.rule not in unlisted
    }
    assert told == routes


def test_every_operation_asks_for_a_token(document):
    unsafe = [found.label for found in operations(document) if not found.definition.raw.get("security")]
    assert unsafe == []


def test_every_operation_tells_of_refusals(document):
    for found in operations(document):
        assert {"401", "403", "404", "422"} <= set(found.definition.raw["responses"]), found.label


@pytest.mark.parametrize("role", [*ROLES, None], ids=str)
def test_no_request_meets_a_fault_or_an_answer_that_is_not_documented(visited, document, role):
    told, problems, seen = checks(), [], set()
    for operation in operations(document):
        try:
            ask(visited, operation, role, told, seen)
        except (Exception, ExceptionGroup) as fault:
            problems.append(f"{operation.label}: {fault}")
        visited.set_back()
    assert not problems, "\n\n".join(problems)
    assert seen >= ({200, 403, 404} if role else {401}), f"answers were {sorted(seen)} only"


def ask(visited: MatrixBench, operation: Any, role: str | None, told: list[Any], seen: set[int]) -> None:
    """Some requests to one operation; the statuses of the answers are added to ``seen``."""
    token = visited.bench.users[role][1] if role else "made-up"
    there = visited.objects[role if role in visited.objects and "study_id" in visited.objects[role] else "clinician"]
    there = {**there, "name": "overlay.png", "layer": "scan", "index": 0, "number": 0}

    @settings(
        max_examples=EXAMPLES if role else 1, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), real=st.booleans())
    def send(case: Any, real: bool) -> None:
        for name in case.path_parameters or {}:
            if real and name in there:
                case.path_parameters[name] = there[name]
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        seen.add(answer.status_code)
        case.validate_response(answer, checks=told)

    send()
