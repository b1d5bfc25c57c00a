"""Lists, tables, cohort and agreement give the same on PostgreSQL as on SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lists_kit import add_study, sample
from service_kit import Bench, make_bench
from steatoscope.service.storage.study_filter import SORTS

pytestmark = pytest.mark.service
KEPT = {"subject", "modality", "state", "fat_percent", "grade", "simulated", "error_code", "acquired_on"}
QUERIES = (
    "q=p-0", "q=meier", "grade=severe", "status=refused", "scale=pdff", "simulated=true", "simulated=false",
    "from=2026-03-01&to=2026-04-30", "fat_min=5&fat_max=20", "reviewed=false", "owner=me", "state=failed",
)  # fmt: skip


def _seeded(folder: Path, **settings: Any) -> Bench:
    bench = make_bench(folder, **settings)
    sample(bench)
    add_study(bench, "N-00", identity={"name": "Anna Meier", "patient_id": "A77"})
    return bench


def _answers(bench: Bench) -> dict[str, Any]:
    client = bench.client("clinician")
    found: dict[str, Any] = {}
    for query in (*QUERIES, *(f"sort={sort}&order={order}" for sort in SORTS for order in ("asc", "desc"))):
        answer = client.get(f"/api/v1/studies?per_page=200&{query}")
        assert answer.status_code == 200, query
        rows = [tuple(str(item[key]) for key in sorted(KEPT)) for item in answer.json["items"]]
        found[query] = sorted(rows) if query.startswith("sort=") else (sorted(rows), answer.json["total"])
    researcher = bench.client("researcher")
    found["cohort"] = researcher.get("/api/v1/cohort").json
    group = researcher.get("/api/v1/agreement").json["groups"][0]
    found["agreement"] = (group["limits"], [pair["subject"] for pair in group["pairs"]])
    found["patients"] = [
        (p["subject"], p["studies"], p["latest"]) for p in client.get("/api/v1/patients").json["items"]
    ]
    found["rows"] = len(researcher.get("/api/v1/studies.csv").text.splitlines())
    return found


def test_both_databases_answer_alike(tmp_path: Path, postgres_url: str) -> None:
    benches = [_seeded(tmp_path / "lite"), _seeded(tmp_path / "grown", database_url=postgres_url)]
    try:
        lite, grown = (_answers(bench) for bench in benches)
    finally:
        for bench in benches:
            bench.service.database.dispose()
    assert {name for name in lite if lite[name] != grown[name]} == set()
