"""How long the pages of the work list take in a table of many studies.

    python benchmarks/database_lists.py [DATABASE_URL] [--studies 100000] [--keep]

Without a URL a new SQLite database in a temporary folder is filled; a PostgreSQL database that is named must be empty.
Each page is asked for several times; the median of the time that passed and of the processor's time in this process
(with SQLite, all of the work) are printed in milliseconds as a Markdown table.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from steatoscope.service.storage.database import Database
from steatoscope.service.storage.migrate import upgrade
from steatoscope.service.storage.study_filter import StudyFilter
from steatoscope.service.storage.study_lists import list_patients, list_studies
from steatoscope.service.storage.tables import Job, Patient, Result, Review, StoredFile, Study, User

REPORT_BYTES = 6000
GRADES = ("normal", "mild", "moderate", "severe")
STATES = ("done", "refused", "failed", "queued")
START = datetime(2020, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--studies", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{Path(folder) / 'lists.db'}"
        database = Database(url)
        upgrade(url)
        fill(database, given.studies)
        measure(database, given.studies)
        database.dispose()


def fill(database: Database, studies: int) -> None:
    """Random but seeded rows: a patient for ten studies, one job and one result each, a sign-off for every third."""
    chance = random.Random(4)
    with database.writing() as session:
        session.add_all(User(id=f"{n:032x}", name=f"user-{n}", roles=["clinician"]) for n in range(20))
        session.flush()
        for start in range(0, studies, 5000):
            fill_some(session, chance, range(start, min(start + 5000, studies)))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def fill_some(session: Session, chance: random.Random, numbers: range) -> None:
    patients = sorted({number // 10 for number in numbers})
    session.execute(insert(Patient), [{"id": f"{n:032x}", "subject": f"S-{n:06}"} for n in patients])
    rows = [study_rows(number, chance) for number in numbers]
    for table, name in ((Study, "study"), (StoredFile, "file"), (Job, "job"), (Result, "result"), (Review, "review")):
        session.execute(insert(table), [row[name] for row in rows if name in row])


def study_rows(number: int, chance: random.Random) -> dict[str, dict[str, Any]]:
    key, made = f"{number:032x}", START + timedelta(minutes=17 * number)
    fat, grade = chance.uniform(0, 40), chance.choice(GRADES)
    modality, owner = chance.choice(["US", "CT", "MR"]), f"{chance.randrange(20):032x}"
    codes = [{"code": "W_SIMULATED", "message": "The images are simulated."}] if number % 50 == 0 else []
    report = {"quality": {"status": "ok", "codes": codes}, "padding": chance.randbytes(REPORT_BYTES // 2).hex()}
    rows: dict[str, dict[str, Any]] = {
        "study": {
            "id": key, "patient_id": f"{number // 10:032x}", "owner_id": owner, "modality": modality,
            "state": chance.choices(STATES, [90, 5, 4, 1])[0], "content_digest": key * 2,
            "acquired_on": date(2020, 1, 1) + timedelta(days=number // 90), "created_at": made,
            "current_result_id": key,
        },
        "file": {"study_id": key, "name": "image.dcm", "sha256": key * 2, "size": 1000},
        "job": {"id": key, "study_id": key, "owner_id": owner, "state": "done", "created_at": made},
        "result": {
            "id": key, "study_id": key, "job_id": key, "version": 1, "report": report, "report_digest": key * 2,
            "status": "ok", "scale": "ct_pdff_equiv", "fat_percent": fat, "fat_low": fat - 1, "fat_high": fat + 1,
            "grade": grade, "probability": 0.5, "created_at": made,
        },
    }  # fmt: skip
    if number % 3 == 0:
        rows["review"] = {"result_id": key, "user_name": "user-1", "decision": "agree", "grade": grade}
    return rows


def measure(database: Database, studies: int) -> None:
    print(f"{database.engine.dialect.name}, {studies} studies\n\n| page | ms | processor ms | rows in all |")
    print("|---|---|---|---|")
    for name, ask in pages(studies):
        taken, worked, total = [], [], 0
        for _ in range(5):
            began, began_work = time.perf_counter(), time.process_time()
            with database.reading() as session:
                _, total = ask(session)
            taken.append(1000 * (time.perf_counter() - began))
            worked.append(1000 * (time.process_time() - began_work))
        print(f"| {name} | {statistics.median(taken):.1f} | {statistics.median(worked):.1f} | {total} |", flush=True)


def pages(studies: int) -> Iterator[tuple[str, Callable[[Session], tuple[Any, int]]]]:
    def listed(page: int = 1, sort: str = "created", down: bool = True, **chosen: Any) -> Any:
        return lambda session: list_studies(session, StudyFilter(**chosen), page=page, sort=sort, down=down)

    yield "first page, newest first", listed()
    yield "page 100", listed(page=100)
    yield "last page", listed(page=studies // 25)
    yield "sort by day", listed(sort="date")
    yield "sort by subject", listed(sort="subject", down=False)
    yield "sort by fat", listed(sort="fat")
    yield "sort by grade", listed(sort="grade")
    yield "sort by owner", listed(sort="owner")
    yield "state failed", listed(state="failed")
    yield "modality CT", listed(modality="CT")
    yield "grade severe", listed(grade="severe")
    yield "fat 10 to 20 percent", listed(fat_min=10.0, fat_max=20.0)
    yield "one subject", listed(subject="S-000123")
    yield "text in subject", listed(text="00012")
    yield "one month", listed(since=date(2021, 3, 1), until=date(2021, 3, 31))
    yield "not signed off", listed(reviewed=False)
    yield "simulated", listed(simulated=True)
    yield "patients", lambda session: list_patients(session, text=None, identity=False)


if __name__ == "__main__":
    main()
