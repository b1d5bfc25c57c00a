"""Finds what the addresses of results name, or refuses with words that help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results.schemas import MOST_VERSIONS
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.results import result_file, result_of
from steatoscope.service.storage.studies import study_named
from steatoscope.service.storage.tables import Job, Result, ResultFile, Study

HIDDEN_PATH = "[file]"


def the_study(session: Session, study_id: str) -> Study:
    """The study; 404 where there is none."""
    study = study_named(session, study_id) if study_id.isalnum() else None
    if study is None:
        raise Problem.of("E_NOTFOUND", cause="There is no such study.", remedy="Look for it in the work list.")
    return study


def the_result(session: Session, study: Study, version: int | None = None) -> Result:
    """A version of the study's result; 404 that tells the state of the job where there is none yet."""
    sane = version is None or 0 < version <= MOST_VERSIONS
    result = result_of(session, study.id, version) if sane else None
    if result is not None:
        return result
    if version is not None and study.current_result_id is not None:
        raise Problem.of("E_NOTFOUND", cause=f"The study has no version {version}.", remedy="See its versions.")
    raise _no_result(study.state)


def _no_result(state: str) -> Problem:
    if state == "failed":
        return Problem.of("E_NOTFOUND", cause="The study has no result; its analysis failed.", remedy="Start it again.")
    if state == "cancelled":
        return Problem.of(
            "E_NOTFOUND", cause="The study has no result; its analysis was cancelled.", remedy="Start it again."
        )
    return Problem.of(
        "E_NOTFOUND",
        cause="The study has no result yet; its analysis has not finished.",
        remedy="Wait until the analysis has finished.",
    )


def the_file(session: Session, result: Result, name: str) -> ResultFile:
    """A file of a result; 404 where it has none of this name."""
    found = result_file(session, result, name)
    if found is None:
        raise Problem.of("E_NOTFOUND", cause="This version of the result has no such file.", remedy="See its files.")
    return found


def newest_job(session: Session, study: Study) -> Job | None:
    """The newest job of a study."""
    query = select(Job).where(Job.study_id == study.id).order_by(Job.created_at.desc(), Job.id.desc()).limit(1)
    return session.scalars(query).first()


def sees_identity() -> bool:
    """Whether names may be shown: the installation keeps them, and the one who asks may see them."""
    return service().settings.identity_mode and principal().may(Right.IDENTITY)


def discreet(document: Any) -> Any:
    """A report or manifest without paths, because a file name may name the patient, and without the day of the images.

    It stays as it is for who may see names.
    """
    return document if sees_identity() else _without_paths(document)


def _without_paths(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _hidden(key, value) for key, value in node.items() if key != "acquired"}
    return [_without_paths(item) for item in node] if isinstance(node, list) else node


def _hidden(key: str, value: Any) -> Any:
    if key in ("path", "liver_mask") and isinstance(value, str):
        return HIDDEN_PATH
    if key in ("views", "ignored", "slice_files", "command") and value:
        return type(value)()
    return _without_paths(value)
