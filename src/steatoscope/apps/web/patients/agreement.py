"""Agreement of two modalities for programs, as JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint

from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.patients.documents import AgreementAnswer, AgreementQuery
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.trail import note
from steatoscope.apps.web.worklist.table import NOTICE, guarded
from steatoscope.pipeline.modality_agreement import AgreementGroup, agreement_groups
from steatoscope.pipeline.timeline import Visit
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.cohort_rows import visits_by_subject
from steatoscope.service.storage.study_filter import StudyFilter

_COLUMNS = (
    "subject", "simulated", "days_apart", "x_day_of", "y_day_of", "x_modality", "x_scale", "x_fat_percent", "x_method",
    "x_study", "y_modality", "y_scale", "y_fat_percent", "y_method", "y_study", "difference_points", "conversion",
    "obstacle", "notice",
)  # fmt: skip


def found_agreement(query: AgreementQuery, *, action: str = "agreement.read") -> list[AgreementGroup]:
    """The pairs that a query asks for, by scales; the look is noted. Raises E_INPUT for one modality twice."""
    if query.x == query.y:
        raise Problem.of("E_INPUT", cause="The two modalities are the same.", remedy="Choose two modalities.")
    database = service().database
    with database.reading() as session:
        groups = agreement_groups(visits_by_subject(session, StudyFilter()), query.x, query.y, query.days)
    with database.writing() as session:
        pairs = sum(len(group.pairs) for group in groups)
        note(session, action, "cohort", x=query.x, y=query.y, days=query.days, pairs=pairs)
    return groups


def table_of(groups: Sequence[AgreementGroup]) -> str:
    """All pairs as CSV; a difference only where the scales may be compared."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for group in groups:
        for pair in group.pairs:
            x, y = pair.x, pair.y
            gap = None if group.obstacle else x.value - y.value
            row = (
                pair.subject, "yes" if group.simulated else "no", pair.days, _day_of(x), _day_of(y),
                x.modality, x.scale, x.value, x.method,
                x.study_id, y.modality, y.scale, y.value, y.method, y.study_id, gap, group.conversion, group.obstacle,
                NOTICE,
            )  # fmt: skip
            writer.writerow([guarded(value) for value in row])
    return buffer.getvalue()


def _day_of(visit: Visit) -> str:
    return "uploaded" if visit.uploaded else "acquired"


def register(api: APIBlueprint) -> None:
    """Add the routes of agreement."""

    @api.get(
        "/agreement", summary="Agreement of modalities", security=[{"bearer": []}], responses={200: AgreementAnswer}
    )
    @allow(Right.READ, Right.COHORT)
    def agreement(query: AgreementQuery) -> Response:
        """Bland-Altman figures of patients measured by both, on scales that may be compared."""
        answer = AgreementAnswer.model_validate(
            {**query.model_dump(), "groups": found_agreement(query)}, from_attributes=True
        )
        return jsonify(answer.model_dump(mode="json"))

    @api.get(
        "/agreement.csv",
        summary="Pairs of modalities as CSV",
        security=[{"bearer": []}],
        responses={200: {"description": "CSV table", "content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    @allow(Right.READ, Right.COHORT, Right.EXPORT)
    def agreement_csv(query: AgreementQuery) -> Response:
        """One row a pair, pseudonymised."""
        text = table_of(found_agreement(query, action="agreement.export"))
        response = Response(text, mimetype="text/csv")
        response.headers["Content-Disposition"] = "attachment; filename=agreement.csv"
        return response
