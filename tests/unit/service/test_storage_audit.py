"""The audit trail: its chain, its filters, its export."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from steatoscope.service.storage import audit
from steatoscope.service.storage.audit_anchor import read_anchor, write_anchor
from steatoscope.service.storage.audit_export import csv_lines, json_lines
from steatoscope.service.storage.base import now
from storage_kit import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Five entries; the fourth has odd details."""
    opened = open_store(tmp_path)
    with opened.database.writing() as session:
        for k in range(5):
            odd = {"n": 1.5, "when": datetime(2024, 1, 1, tzinfo=UTC), 3: {"é\0": float("nan")}} if k == 3 else {}
            audit.record(session, actor=f"user-{k % 2}", action=f"thing.do{k}", subject=f"S-{k}", details=odd)
    yield opened
    opened.database.dispose()


def _problems(store: Store, known: audit.Anchor | None = None) -> list[str]:
    with store.database.reading() as session:
        return audit.verify_chain(session, known)


def test_whole_chain_has_no_problem(store: Store) -> None:
    assert _problems(store) == []


@pytest.mark.parametrize(
    "column", ["at", "actor", "action", "object_type", "object_id", "subject", "outcome", "address", "details"]
)
def test_any_change_of_an_entry_is_found(store: Store, column: str) -> None:
    fresh = '{"n": 2}' if column == "details" else "forged"
    with store.database.writing() as session:
        session.execute(text(f"UPDATE audit SET {column} = :fresh WHERE seq = 4"), {"fresh": fresh})
    assert _problems(store) == ["entry 4 was changed"]


def _renumber(session: Session) -> None:
    session.execute(text("DELETE FROM audit WHERE seq = 3"))
    session.execute(text("UPDATE audit SET seq = 3 WHERE seq = 4"))
    session.execute(text("UPDATE audit SET seq = 4 WHERE seq = 5"))


def _swap(session: Session) -> None:
    session.execute(text("UPDATE audit SET seq = 99 WHERE seq = 2"))
    session.execute(text("UPDATE audit SET seq = 2 WHERE seq = 3"))
    session.execute(text("UPDATE audit SET seq = 3 WHERE seq = 99"))


def _insert(session: Session) -> None:
    session.execute(text("UPDATE audit SET seq = 6 WHERE seq = 5"))
    session.execute(
        text(
            "INSERT INTO audit SELECT 5, at, actor, action, object_type, object_id, subject, outcome, address, "
            "details, hash, 'made-up' FROM audit WHERE seq = 4"
        )
    )


def _rehashed(session: Session) -> None:
    entry = session.get_one(audit.AuditEntry, 2)
    entry.actor = "forged"
    entry.hash = audit.entry_hash(entry)


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (lambda session: session.execute(text("DELETE FROM audit WHERE seq = 3")), "entry 4 follows entry 2"),
        (lambda session: session.execute(text("DELETE FROM audit WHERE seq = 1")), "entry 2 follows entry 0"),
        (_renumber, "entry 3 is not chained"),
        (_swap, "entry 2 is not chained"),
        (_insert, "entry 5 was changed"),
        (_rehashed, "entry 3 is not chained"),
    ],
)
def test_removal_insertion_and_reordering_are_found(
    store: Store, forge: Callable[[Session], object], words: str
) -> None:
    with store.database.writing() as session:
        forge(session)
    assert any(words in problem for problem in _problems(store))


def test_cut_end_and_chain_written_anew_are_found_by_the_anchor(store: Store, tmp_path: Path) -> None:
    with store.database.reading() as session:
        known = audit.anchor(session)
    write_anchor(tmp_path / "anchor.json", known)
    assert read_anchor(tmp_path / "anchor.json") == known == audit.Anchor(5, known.hash)
    assert _problems(store, known) == []
    with store.database.writing() as session:
        session.execute(text("DELETE FROM audit WHERE seq = 5"))
    assert _problems(store) == []
    assert "its end is missing" in _problems(store, known)[0]
    with store.database.writing() as session:
        session.execute(text("DELETE FROM audit"))
    assert "its end is missing" in _problems(store, known)[0]
    with store.database.writing() as session:
        for _ in range(7):
            audit.record(session, actor="forger", action="x.y")
    assert _problems(store) == []
    assert "written anew" in _problems(store, known)[0]


def test_anchor_file_may_be_absent_but_not_wrong(tmp_path: Path) -> None:
    assert read_anchor(tmp_path / "none") is None
    for content in ("", "{}", "[]", '{"seq": "x", "hash": 1}'):
        (tmp_path / "anchor").write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r".+"):
            read_anchor(tmp_path / "anchor")


def test_rolled_back_transaction_leaves_no_gap(store: Store) -> None:
    def fail() -> None:
        with store.database.writing() as session:
            audit.record(session, actor="a", action="b.c")
            raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError, match="rolled back"):
        fail()
    with store.database.writing() as session:
        assert audit.record(session, actor="a", action="b.c").seq == 6
    assert _problems(store) == []


def test_unfit_text_is_made_fit(store: Store) -> None:
    with store.database.writing() as session:
        entry = audit.record(session, actor="x\0\ud800" * 500, action="a" * 500, address="z" * 500, outcome="o" * 50)
        assert (len(entry.actor), len(entry.action), len(entry.address), len(entry.outcome)) == (80, 60, 64, 12)
        assert "\0" not in entry.actor
    assert _problems(store) == []


def test_entries_are_filtered_and_paged_newest_first(store: Store) -> None:
    with store.database.reading() as session:
        rows, total = audit.entries(session, per_page=2, page=2)
        assert ([row.seq for row in rows], total) == ([3, 2], 5)
        assert audit.entries(session, actor="user-1")[1] == 2
        assert [row.seq for row in audit.entries(session, action="thing.do2")[0]] == [3]
        assert audit.entries(session, action="thing.*")[1] == 5
        assert audit.entries(session, action="th%.*")[1] == 0
        assert audit.entries(session, subject="S-4")[1] == 1
        assert audit.entries(session, since=now() - timedelta(minutes=5), until=now())[1] == 5
        assert audit.entries(session, until=now() - timedelta(minutes=5))[1] == 0


def test_exported_lines_can_be_checked_again_and_csv_runs_no_formula(store: Store) -> None:
    with store.database.writing() as session:
        audit.record(session, actor="=HYPERLINK(1)", action="a.b")
    with store.database.reading() as session:
        lines = [json.loads(line) for line in json_lines(audit.export(session))]
        table = list(csv.DictReader(csv_lines(audit.export(session, actor="=HYPERLINK(1)"))))
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(audit._hash_of(line) == line["hash"] for line in lines)
    assert [line["previous_hash"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    assert [row["actor"] for row in table] == ["'=HYPERLINK(1)"]
