"""API: the study, its versions, and sign-offs."""

from __future__ import annotations

from flask import Response

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results.answers import review_answer, reviews_of, study_answer, versions_of
from steatoscope.apps.web.results.blueprint import api
from steatoscope.apps.web.results.find import the_result, the_study
from steatoscope.apps.web.results.schemas import (
    ReviewAnswer,
    ReviewBody,
    ReviewList,
    StudyAnswer,
    StudyPath,
    VersionList,
)
from steatoscope.apps.web.results.serve import json_answer
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.results import add_review, same_review
from steatoscope.service.storage.tables import User


@api.get("/studies/<study_id>", summary="One study", responses={200: StudyAnswer})
@allow(Right.READ)
def get_study(path: StudyPath) -> Response:
    """A study with its subject code, newest job, versions and sign-offs."""
    with service().database.writing() as session:
        study = the_study(session, path.study_id)
        trail.note(session, "study.read", "study", study.id, subject=study.patient.subject)
        return json_answer(study_answer(session, study).model_dump(mode="json"))


@api.get("/studies/<study_id>/versions", summary="All versions of the result", responses={200: VersionList})
@allow(Right.READ)
def get_versions(path: StudyPath) -> Response:
    """What the machine measured and what was measured again with a corrected outline, newest first."""
    with service().database.writing() as session:
        study = the_study(session, path.study_id)
        trail.note(session, "study.read", "study", study.id, subject=study.patient.subject)
        found = VersionList(study_id=study.id, versions=versions_of(session, study))
    return json_answer(found.model_dump(mode="json"))


@api.get("/studies/<study_id>/reviews", summary="All sign-offs", responses={200: ReviewList})
@allow(Right.READ)
def get_reviews(path: StudyPath) -> Response:
    """Who agreed with which version or amended its grade, newest first."""
    with service().database.writing() as session:
        study = the_study(session, path.study_id)
        trail.note(session, "study.read", "study", study.id, subject=study.patient.subject)
        found = ReviewList(study_id=study.id, reviews=reviews_of(session, study))
    return json_answer(found.model_dump(mode="json"))


@api.post("/studies/<study_id>/reviews", summary="Sign off a version", responses={200: ReviewAnswer, 201: ReviewAnswer})
@allow(Right.SIGN)
def post_review(path: StudyPath, body: ReviewBody) -> Response:
    """Agree with a version or amend its grade; sent twice, it is stored once. The machine's result stays as it is."""
    with service().database.writing() as session:
        study = the_study(session, path.study_id)
        result = the_result(session, study, body.version)
        user = session.get_one(User, principal().user_id)
        said = (body.decision, body.grade, body.comment.strip())
        if (stored := same_review(session, result, user, *said)) is not None:
            return json_answer(review_answer(stored, result.version).model_dump(mode="json"))
        try:
            review = add_review(session, result, user, *said)
        except ValueError as fault:
            raise Problem.of("E_INPUT", cause=f"{fault}.".capitalize()) from None
        trail.note(
            session, "result.sign", "study", study.id, subject=study.patient.subject,
            version=result.version, decision=review.decision, grade=review.grade,
        )  # fmt: skip
        return json_answer(review_answer(review, result.version).model_dump(mode="json"), 201)
