"""Lists of studies: filters, order, stable pages, a fixed number of statements, streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from itertools import product
from typing import Any

from sqlalchemy import event

from lists_kit import add_study, sample
from service_kit import Bench
from steatoscope.pipeline.protocol import scanner_of
from steatoscope.service.storage.base import new_id
from steatoscope.service.storage.cohort_rows import cohort_rows, visits_by_subject
from steatoscope.service.storage.study_filter import SORTS, StudyFilter
from steatoscope.service.storage.study_lists import list_patients, list_studies, stream_studies
from steatoscope.service.storage.tables import Job, Result, Review, Study


def _found(bench: Bench, **chosen: Any) -> list[str]:
    with bench.service.database.reading() as session:
        rows, total = list_studies(session, StudyFilter(**chosen), per_page=200, sort="date", down=False)
    assert total == len(rows)
    return [row.subject for row in rows]


@contextmanager
def _statements(bench: Bench) -> Iterator[list[str]]:
    seen: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(bench.service.database.engine, "before_cursor_execute", keep)
    yield seen
    event.remove(bench.service.database.engine, "before_cursor_execute", keep)


FILTERS: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({"subject": "P-1"}, ["P-1", "P-1"]),
    ({"modality": "CT"}, ["P-1", "S"]),
    ({"grade": "severe"}, ["P-2"]),
    ({"state": "failed"}, ["F"]),
    ({"status": "refused"}, ["R"]),
    ({"scale": "pdff"}, ["P-1", "P-2"]),
    ({"since": date(2026, 3, 1), "until": date(2026, 4, 1)}, ["P-2", "S"]),
    ({"fat_min": 7.0, "fat_max": 8.0}, ["P-1"]),
    ({"simulated": True}, ["S"]),
    ({"simulated": False, "modality": "CT"}, ["P-1"]),
    ({"text": "p-"}, ["P-1", "P-1", "P-2"]),
    ({"text": "%"}, []),
    ({"text": "ÄRZTIN", "identity": True}, ["P-2"]),
    ({"text": "Meier"}, []),
    ({"text": "meier", "identity": True}, ["P-2"]),
    ({"text": "A77", "identity": True}, ["P-2"]),
    ({"text": "biopsy", "identity": True}, ["P-2"]),
    ({"text": "biopsy"}, []),
    ({"ids": ()}, []),
)


def test_each_filter_asks_what_it_says(bench: Bench) -> None:
    add_study(bench, "P-1", "MR", 4.0, date(2026, 1, 1))
    add_study(bench, "P-1", "CT", 7.5, date(2026, 2, 1))
    known = {"name": "Anna Meier-Ärztin", "patient_id": "A77"}
    add_study(bench, "P-2", "MR", 25.0, date(2026, 3, 1), identity=known, description="before biopsy")
    add_study(bench, "S", "CT", 12.0, date(2026, 4, 1), simulated=True)
    add_study(bench, "R", "US", None, date(2026, 5, 1), error="E_OOD")
    add_study(bench, "F", None, None, date(2026, 6, 1), failure="E_FORMAT")
    for chosen, subjects in FILTERS:
        assert _found(bench, **chosen) == subjects, chosen


def test_sign_off_filters_and_shows_the_newest(bench: Bench) -> None:
    signed, other = add_study(bench, "A"), add_study(bench, "B")
    with bench.service.database.writing() as session:
        result_id = session.get_one(Study, signed).current_result_id
        for day, decision in ((1, "agree"), (2, "amend")):
            at = datetime(2026, 1, day, tzinfo=UTC)
            session.add(Review(result_id=result_id, user_name="c", decision=decision, grade="severe", created_at=at))
    with bench.service.database.reading() as session:
        [row], _ = list_studies(session, StudyFilter(reviewed=True))
        [rest], _ = list_studies(session, StudyFilter(reviewed=False))
        exported = {row.study_id: row.review for row in stream_studies(session, StudyFilter())}
    assert (row.study_id, row.review, row.reviewed_grade) == (signed, "amend", "severe")
    assert rest.study_id == other
    assert exported == {signed: "amend", other: None}


def test_pages_hold_everything_once_whatever_the_order(bench: Bench) -> None:
    for _ in range(7):
        add_study(bench, "same", "MR", 10.0)
    add_study(bench, "queued", "MR", None, measured=False, state="queued")
    for sort, down in product(SORTS, (True, False)):
        with bench.service.database.reading() as session:
            found = partial(list_studies, session, StudyFilter(), per_page=3, sort=sort, down=down)
            pages = [found(page=page)[0] for page in (1, 2, 3, 4)]
        ids = [row.study_id for page in pages for row in page]
        assert [len(page) for page in pages] == [3, 3, 2, 0]
        assert len(set(ids)) == 8


def test_missing_values_come_last_and_grades_by_severity(bench: Bench) -> None:
    for subject, fat in (("severe", 30.0), ("none", None), ("mild", 8.0), ("normal", 2.0)):
        add_study(bench, subject, "MR", fat, error=None if fat else "E_TE")
    with bench.service.database.reading() as session:
        order = {
            down: [row.subject for row in list_studies(session, StudyFilter(), sort="grade", down=down)[0]]
            for down in (True, False)
        }
    assert order == {True: ["severe", "mild", "normal", "none"], False: ["normal", "mild", "severe", "none"]}


def test_the_number_of_statements_does_not_grow(bench: Bench) -> None:
    counts = []
    for number in (2, 12):
        for _ in range(number):
            add_study(bench, new_id()[:8])
        with _statements(bench) as seen, bench.service.database.reading() as session:
            list_studies(session, StudyFilter(), per_page=200)
            list_patients(session, text=None, identity=False)
            cohort_rows(session, StudyFilter())
            visits_by_subject(session, StudyFilter())
        counts.append(len([one for one in seen if one.startswith("SELECT")]))
    assert counts[0] == counts[1] <= 9


def test_the_stream_is_the_whole_list_without_holding_it(bench: Bench) -> None:
    for k in range(25):
        add_study(bench, f"P-{k:02d}", day=date(2026, 1, k + 1))
    with bench.service.database.reading() as session:
        stream = stream_studies(session, StudyFilter(), sort="date", down=False, at_once=10)
        first = next(stream)
        assert (first.subject, first.report and first.report["subject"], first.day) == (
            "P-00",
            "P-00",
            date(2026, 1, 1),
        )
        assert len(list(stream)) == 24


def test_the_day_of_upload_counts_where_none_was_acquired(bench: Bench) -> None:
    study_id = add_study(bench, "A", day=date(2026, 3, 3))
    with bench.service.database.writing() as session:
        session.get_one(Study, study_id).acquired_on = None
    assert _found(bench, since=date(2026, 3, 3), until=date(2026, 3, 3)) == ["A"]
    assert _found(bench, until=date(2026, 3, 2)) == []


def test_the_newest_job_and_its_error_are_shown(bench: Bench) -> None:
    study_id = add_study(bench, "A", None, None, failure="E_FORMAT")
    with bench.service.database.writing() as session:
        session.add(Job(id="n" * 32, study_id=study_id, state="running", progress=0.5, created_at=datetime.now(UTC)))
    with bench.service.database.reading() as session:
        [row], _ = list_studies(session, StudyFilter())
    assert row.job is not None
    assert (row.job.job_id, row.job.progress, row.error_code) == ("n" * 32, 0.5, None)


def test_cohort_rows_know_what_the_dashboard_needs(bench: Bench) -> None:
    add_study(
        bench,
        "A",
        "MR",
        9.0,
        sex="F",
        age=52,
        model="net 2.0",
        method="net 2.0",
        config={"manufacturer": "GE", "field_strength_t": 3.0},
    )
    add_study(bench, "B", None, None, failure="E_FORMAT")
    add_study(bench, "healthy-reference-mr", "MR", 2.0)
    with bench.service.database.reading() as session:
        rows = {row.state: row for row in cohort_rows(session, StudyFilter())}
        visits = visits_by_subject(session, StudyFilter())
    done, failed = rows["done"], rows["failed"]
    assert (done.sex, done.age_years, done.model, done.manufacturer, done.value) == ("F", 52.0, "net 2.0", "GE", 9.0)
    assert (failed.code, failed.message, failed.value) == ("E_FORMAT", "failed by E_FORMAT", None)
    assert [(name, own[0].scanner, own[0].method) for name, own in visits.items()] == [("A", "GE 3 T", "net 2.0")]
    assert scanner_of({"field_strength_t": 3.0}) is None


def test_patients_with_and_without_studies(bench: Bench) -> None:
    sample(bench)
    with bench.service.database.reading() as session:
        rows, total = list_patients(session, text="P-0", identity=False, per_page=3, page=2)
    assert total == 8
    assert [(row.subject, row.studies) for row in rows] == [("P-03", 3), ("P-04", 5), ("P-05", 2)]
    assert rows[1].latest == date(2026, 6, 10)


def test_lists_never_load_whole_reports(bench: Bench) -> None:
    add_study(bench, "A")
    with _statements(bench) as seen, bench.service.database.reading() as session:
        list_studies(session, StudyFilter())
        cohort_rows(session, StudyFilter())
    assert not [one for one in seen if " results.report," in one or " results.report FROM" in one.replace("\n", " ")]
    assert Result.__tablename__ == "results"
