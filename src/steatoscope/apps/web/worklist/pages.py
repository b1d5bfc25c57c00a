"""The work list and the cohort as pages; both work without scripts."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from werkzeug.exceptions import BadRequest

from steatoscope.apps.web.context import principal
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.names import GRADES, SCALES, STATES
from steatoscope.apps.web.plots import bars, prevalence_rows
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.worklist.actions import act
from steatoscope.apps.web.worklist.cohort import found_cohort
from steatoscope.apps.web.worklist.export import csv_answer, xlsx_answer
from steatoscope.apps.web.worklist.listing import found_page
from steatoscope.apps.web.worklist.query import FilterQuery, ListQuery, TableQuery, address_part, of_page
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.study_filter import StudyFilter

pages = Blueprint("worklist", __name__)
_MOST_CHOSEN: Final = 200


@pages.get("/studies")
@allow(Right.READ)
def work_list() -> ResponseReturnValue:
    """Search, filter, sort, page; the address holds all of it and can be shared."""
    query = of_page(ListQuery)
    found = found_page(query)

    def address(**changes: Any) -> str:
        return url_for("worklist.work_list", **address_part(query, **changes))

    def sorted_by(name: str) -> str:
        turned = "desc" if query.sort == name and query.order == "asc" else "asc"
        return address(sort=name, order=turned, page=None)

    return render_template(
        "worklist/list.html",
        query=query,
        found=found,
        pages=max(1, -(-found.total // query.per_page)),
        address=address,
        address_of_page=lambda number: address(page=number),
        sorted_by=sorted_by,
        filtered=bool(address_part(FilterQuery.model_validate(request.args.to_dict()))),
        table_part=address_part(TableQuery.model_validate(request.args.to_dict())),
        choices=filter_choices(),
    )


def filter_choices() -> dict[str, list[tuple[str, str]]]:
    """The choices of the filter form as (value, words), each with an empty one first."""
    any_one = ("", gettext("Any"))

    def named(names: Any) -> list[tuple[str, str]]:
        return [any_one, *((code, gettext(words)) for code, words in names.items())]

    return {
        "modality": [any_one, ("US", gettext("Ultrasound")), ("CT", gettext("CT")), ("MR", gettext("MRI"))],
        "grade": named(GRADES),
        "state": named(STATES),
        "scale": named(SCALES),
        "status": [
            any_one,
            ("ok", gettext("Good")),
            ("warn", gettext("With remarks")),
            ("refused", gettext("Refused")),
        ],
        "reviewed": [any_one, ("true", gettext("Signed off")), ("false", gettext("Not signed off"))],
        "simulated": [any_one, ("false", gettext("Real images")), ("true", gettext("Simulated images"))],
        "per_page": [(str(n), str(n)) for n in (25, 50, 100, 200)],
    }


@pages.post("/studies/actions")
@allow(Right.READ)
def actions() -> ResponseReturnValue:
    """What the buttons under the list do with the chosen studies."""
    ids = tuple(dict.fromkeys(request.form.getlist("ids")))[:_MOST_CHOSEN]
    back = request.form.get("back", "")
    if not back.startswith("/studies"):
        back = url_for("worklist.work_list")
    if not ids:
        flash(gettext("Choose at least one study."), "warn")
        return redirect(back)
    return _done(request.form.get("action", ""), ids, back)


def _done(action: str, ids: tuple[str, ...], back: str) -> ResponseReturnValue:
    if action == "compare":
        if len(ids) != 2:
            flash(gettext("Choose exactly two studies to compare."), "warn")
            return redirect(back)
        return redirect(url_for("patients.compare_page", left=ids[0], right=ids[1]))
    if action in ("cancel", "retry"):
        _need(Right.CANCEL_OWN)
        _tell(act("cancel" if action == "cancel" else "retry", ids))
        return redirect(back)
    if action in ("csv", "xlsx"):
        _need(Right.EXPORT)
        answer = csv_answer if action == "csv" else xlsx_answer
        return answer(StudyFilter(ids=ids), TableQuery())
    raise BadRequest


def _need(right: Right) -> None:
    if not principal().may(right):
        raise Problem.of("E_FORBIDDEN")


def _tell(answer: Any) -> None:
    done, skipped = len(answer.done), answer.skipped
    if done:
        flash(ngettext("%(num)d study changed.", "%(num)d studies changed.", done), "ok")
    words = {
        "unknown": gettext("not found"),
        "not_yours": gettext("not yours"),
        "not_possible": gettext("not possible in its state"),
    }
    for reason in dict.fromkeys(item.reason for item in skipped):
        count = sum(item.reason == reason for item in skipped)
        text = ngettext("%(num)d study left as it is: ", "%(num)d studies left as they are: ", count)
        flash(f"{text}{words[reason]}.", "warn")


@pages.get("/cohort")
@allow(Right.READ, Right.COHORT)
def cohort_page() -> ResponseReturnValue:
    """The cohort dashboard over the same filters as the work list."""
    query = of_page(FilterQuery)
    cohort = found_cohort(query)
    return render_template(
        "worklist/cohort.html",
        query=query,
        cohort=cohort,
        charts_data=[bars(panel.histogram) for panel in cohort.panels],
        prevalences=[prevalence_rows(panel) for panel in cohort.panels],
        list_part=address_part(query),
        choices=filter_choices(),
    )
