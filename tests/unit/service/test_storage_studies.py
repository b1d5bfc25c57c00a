"""Studies, results, patients, settings and models."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from steatoscope.service.storage import audit, configuration, patients, results, studies, users
from steatoscope.service.storage.tables import Base, Blob, Job, Patient, Result, Study, Upload
from storage_kit import Store, add_done_study, fill, open_store, report_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "data")
    yield opened
    opened.database.dispose()


def test_same_files_give_the_same_digest_whatever_their_order(store: Store) -> None:
    with store.database.writing() as session:
        patient = patients.patient_for(session, "S-1")
        one = studies.NewFile("a", "1" * 64, 1)
        two = studies.NewFile("b", "2" * 64, 2, view="AR")
        first = studies.add_study(session, patient=patient, owner_id=None, files=[one, two])
        second = studies.add_study(session, patient=patient, owner_id=None, files=[two, one])
        third = studies.add_study(session, patient=patient, owner_id=None, files=[one])
        assert studies.same_content(session, first.content_digest) == [first, second]
        assert third.content_digest != first.content_digest
        assert sorted(session.scalars(select(Blob.sha256))) == ["1" * 64, "2" * 64]
        assert studies.study_named(session, first.id) is first
        assert studies.study_named(session, "none") is None


@pytest.mark.parametrize("name", ["", "../a", "a/../b", "/a", "a//b", "a\\..\\b", ".", "a\0", "x" * 401])
def test_unsafe_names_of_files_are_refused(store: Store, name: str) -> None:
    with store.database.writing() as session:
        patient = patients.patient_for(session, "S-1")
        with pytest.raises(ValueError, match="no safe name"):
            studies.add_study(session, patient=patient, owner_id=None, files=[studies.NewFile(name, "1" * 64, 1)])


def test_no_files_and_names_that_come_twice_are_refused(store: Store) -> None:
    with store.database.writing() as session:
        patient = patients.patient_for(session, "S-1")
        file = studies.NewFile("a", "1" * 64, 1)
        for files in ([], [file, file]):
            with pytest.raises(ValueError, match="file"):
                studies.add_study(session, patient=patient, owner_id=None, files=files)


def test_patient_is_one_under_key_and_code(store: Store) -> None:
    with store.database.writing() as session:
        first = patients.patient_for(session, "S-1")
        same = patients.patient_for(session, "S-1", identity={"name": "A"}, identity_key="k1", sex="F")
        assert same is first
        assert (first.identity, first.sex) == ({"name": "A"}, "F")
        assert patients.patient_for(session, "S-2", identity_key="k1") is first
        assert first.subject == "S-1"
        with pytest.raises(ValueError, match="another person"):
            patients.patient_for(session, "S-1", identity_key="k2")
        for code in ("", "x" * 81):
            with pytest.raises(ValueError, match="subject code"):
                patients.patient_for(session, code)


def test_result_is_written_once_a_job_and_fills_the_figures(store: Store) -> None:
    with store.database.writing() as session:
        study = add_done_study(session, store.blobs, "S-1")
        result = results.result_of(session, study.id)
        assert result is not None
        again = results.add_result(session, session.get_one(Job, result.job_id), report_of(99), [])
        assert again is result
        assert (result.version, result.fat_percent, result.fat_high, result.grade) == (1, 12.5, 20.0, "mild")
        assert (result.status, result.scale, result.probability, result.simulated) == ("ok", "pdff", 0.75, True)
        assert (study.current_result_id, study.modality) == (result.id, "CT")
        assert results.result_file(session, result, "overlay.png") is not None
        assert results.result_file(session, result, "other.png") is None


def test_refused_result_is_the_next_version_without_figures(store: Store) -> None:
    with store.database.writing() as session:
        study = add_done_study(session, store.blobs, "S-1")
        job = Job(study_id=study.id)
        session.add(job)
        session.flush()
        second = results.add_result(session, job, report_of(None), [])
        assert (second.version, second.fat_percent, second.grade, second.simulated) == (2, None, None, False)
        assert [row.version for row in results.results_of(session, study.id)] == [2, 1]
        assert results.result_of(session, study.id) is second
        first = results.result_of(session, study.id, 1)
        assert first is not None
        assert first.fat_percent == 12.5
        assert study.current_result_id == second.id


def test_result_of_an_erased_study_is_refused(store: Store) -> None:
    with store.database.writing() as session, pytest.raises(ValueError, match="gone"):
        results.add_result(session, Job(id="j", study_id="none"), report_of(), [])


def test_review_must_fit(store: Store) -> None:
    with store.database.writing() as session:
        anna = users.add_user(session, "anna", ["clinician"])
        study = add_done_study(session, store.blobs, "S-1")
        result = results.result_of(session, study.id)
        assert result is not None
        assert results.add_review(session, result, anna, "agree").grade == "mild"
        assert results.add_review(session, result, anna, "amend", "severe", "why").grade == "severe"
        for decision, grade in (("amend", None), ("amend", "huge"), ("agree", "severe"), ("maybe", None)):
            with pytest.raises(ValueError, match=r"grade|decision"):
                results.add_review(session, result, anna, decision, grade)
        assert result.grade == "mild"


def test_settings_and_models_keep_their_history(store: Store) -> None:
    with store.database.writing() as session:
        assert configuration.get_setting(session, "x", 7) == 7
        configuration.set_setting(session, "x", [1, None], "anna")
        configuration.set_setting(session, "x", False, "bob")
        assert configuration.get_setting(session, "x", 7) is False
        with pytest.raises(ValueError, match="no earlier model"):
            configuration.roll_back_model(session, "us", "anna")
        for name in ("one", "two"):
            configuration.activate_model(session, "us", name, "", "anna")
        configuration.activate_model(session, "ct", "three", "", "anna")
        assert {role: row.name for role, row in configuration.active_models(session).items()} == {
            "us": "two",
            "ct": "three",
        }
        configuration.roll_back_model(session, "us", "bob")
        assert configuration.active_models(session)["us"].name == "one"
        assert [row.name for row in configuration.model_history(session, "us")] == ["one", "two", "one"]


def test_export_holds_every_row_and_file_of_the_patient_and_of_nobody_else(store: Store, tmp_path: Path) -> None:
    ids = fill(store)
    target = tmp_path / "out" / "patient.zip"
    with store.database.reading() as session:
        patient = patients.patient_named(session, "S-0")
        assert patient is not None
        counts = patients.export_patient(session, store.blobs, patient, target)
    assert counts == {"studies": 1, "files": 4, "missing": 0}
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        document = json.loads(archive.read("patient.json"))
        assert archive.read(f"studies/{ids[0]}/files/a/image.dcm") == b"image 0"
        assert f"studies/{ids[0]}/results/1/overlay.png" in names
        assert b"not a diagnosis" in archive.read("README.txt")
        text = archive.read("patient.json").decode()
    assert document["patient"]["identity"] == {"name": "Name of S-0"}
    assert document["studies"][0]["results"][0]["reviews"][0]["comment"] == "Überprüft\nzweimal"
    assert document["studies"][0]["corrections"]
    assert [entry["subject"] for entry in document["audit"]] == ["S-0"]
    assert "S-1" not in text


def test_export_names_missing_contents_and_leaves_no_half_file(store: Store, tmp_path: Path) -> None:
    ids = fill(store)
    with store.database.reading() as session:
        patient = patients.patient_named(session, "S-0")
        assert patient is not None
        study = session.get_one(Study, ids[0])
        store.blobs.delete(study.files[0].sha256)
        assert patients.export_patient(session, store.blobs, patient, tmp_path / "p.zip")["missing"] == 1
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        assert json.loads(archive.read("missing.json"))[0]["name"].endswith("a/image.dcm")
    assert [path.name for path in tmp_path.glob("*.zip*")] == ["p.zip"]


def _rows_naming(store: Store, word: str) -> dict[str, int]:
    """How many rows of each table hold a word anywhere."""
    with store.database.reading() as session:
        return {
            table.name: hits
            for table in Base.metadata.sorted_tables
            if (hits := sum(word in repr(row) for row in session.execute(select(table))))
        }


def test_erasure_removes_rows_and_contents_but_not_the_audit_trail(store: Store) -> None:
    ids = fill(store)
    with store.database.writing() as session:
        session.add(Upload(owner_id=session.scalars(select(Study.owner_id)).first(), state="done", study_id=ids[0]))
    kept = set(store.blobs.all())
    with store.database.writing() as session:
        patient = patients.patient_named(session, "S-0")
        assert patient is not None
        counts = patients.erase_patient(session, store.blobs, patient)
        assert set(store.blobs.all()) == kept
    assert counts == {
        "studies": 1, "files": 1, "jobs": 2, "results": 1, "result_files": 2, "reviews": 1, "corrections": 1,
        "contents": 4,
    }  # fmt: skip
    assert len(kept) - len(set(store.blobs.all())) == 4
    assert _rows_naming(store, ids[0]) == {}
    assert _rows_naming(store, "Name of S-0") == {}
    assert set(_rows_naming(store, "S-0")) == {"audit"}
    with store.database.reading() as session:
        assert audit.verify_chain(session) == []
        assert session.query(Study).count() == 2


def test_erasure_keeps_what_another_patient_uses(store: Store) -> None:
    with store.database.writing() as session:
        add_done_study(session, store.blobs, "S-1", content=b"shared")
        other = add_done_study(session, store.blobs, "S-2", content=b"shared")
        shared = other.files[0].sha256
    with store.database.writing() as session:
        patients.erase_patient(
            session, store.blobs, session.scalars(select(Patient).where(Patient.subject == "S-1")).one()
        )
    assert store.blobs.exists(shared)
    with store.database.reading() as session:
        assert session.get(Blob, shared) is not None


def test_erasure_keeps_what_was_stored_again_since(store: Store) -> None:
    with store.database.writing() as session:
        study = add_done_study(session, store.blobs, "S-1", content=b"again")
        sha256 = study.files[0].sha256
    store.blobs.put_bytes(b"again")  # somebody else's upload, not yet committed
    with store.database.writing() as session:
        patients.erase_patient(session, store.blobs, session.scalars(select(Patient)).one())
    assert store.blobs.exists(sha256)


def test_erasure_that_fails_removes_nothing(store: Store) -> None:
    ids = fill(store)
    before = set(store.blobs.all())

    def erase_and_fail() -> None:
        with store.database.writing() as session:
            patient = patients.patient_named(session, "S-0")
            assert patient is not None
            patients.erase_patient(session, store.blobs, patient)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        erase_and_fail()
    assert set(store.blobs.all()) == before
    with store.database.reading() as session:
        assert session.get(Study, ids[0]) is not None


def test_second_result_of_a_job_is_impossible_in_the_table_itself(store: Store) -> None:
    with store.database.writing() as session:
        study = add_done_study(session, store.blobs, "S-1")
        result = session.scalars(select(Result)).one()
        twin = Result(
            study_id=study.id, job_id=result.job_id, version=2, report=report_of(), report_digest="", status="ok"
        )
        session.add(twin)
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
