"""Previews of files put together: series, the patient, and what concerns the study as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from flask_babel import gettext

from steatoscope.apps.web.uploads.schemas_preview import (
    FilePreview,
    PreviewAnswer,
    RemarkOut,
    SeriesPreview,
    WhoPreview,
)
from steatoscope.apps.wiring.intake import pseudonym_of
from steatoscope.imaging.io.preview import Preview

Found = Sequence[tuple[str, Preview]]


def summarise(found: Found, *, secret: str, keeps: bool, shows: bool) -> PreviewAnswer:
    """The answer for these files; ``keeps`` is identity mode, ``shows`` whether the reader may see identity."""
    return PreviewAnswer(
        files=[_file(name, one) for name, one in found],
        series=_series(found),
        patient=_patient(found, secret, keeps=keeps, shows=shows),
        remarks=_study_remarks(found),
    )


def _file(name: str, one: Preview) -> FilePreview:
    facts = {key: value for key, value in asdict(one).items() if key in FilePreview.model_fields}
    return FilePreview.model_validate({**facts, "name": name, "refused": one.refused})


def _series(found: Found) -> list[SeriesPreview]:
    groups: dict[str, list[Preview]] = defaultdict(list)
    for _, one in found:
        if one.kind == "dicom":
            groups[one.series_uid or ""].append(one)
    return [
        SeriesPreview(
            uid=uid,
            modality=members[0].modality,
            description=members[0].series,
            files=len(members),
            echo_times_ms=sorted({one.echo_ms for one in members if one.echo_ms is not None}),
        )
        for uid, members in groups.items()
    ]


def _patient(found: Found, secret: str, *, keeps: bool, shows: bool) -> WhoPreview:
    people = [one.identity for _, one in found if one.identity]
    number = next((one.patient_id for one in people if one.patient_id), None)
    code = pseudonym_of(secret, number) if number else None
    if not people and any(one.kind == "zip" for _, one in found):
        words = gettext("The code is made from the DICOM header, or at random, when the zip has been opened.")
        return WhoPreview(subject=code, kept=keeps, words=words)
    if not people:
        words = gettext("The files name no patient; a random code is used unless you give a subject.")
        return WhoPreview(subject=code, kept=keeps, words=words)
    if not keeps:
        words = gettext("The name and number in the header will not be kept; a pseudonym is used instead.")
        return WhoPreview(subject=code, words=words)
    who = people[0] if shows else None
    return WhoPreview(
        subject=code,
        kept=True,
        name=who.name if who else None,
        patient_id=who.patient_id if who else None,
        birth_date=who.birth_date if who else None,
        words=gettext("Name, number and date of birth are kept, for those who may see them."),
    )


def _study_remarks(found: Found) -> list[RemarkOut]:
    remarks = []
    images = [one for _, one in found if not one.refused]
    if found and not images:
        words = gettext("None of the files can be read as an image.")
        remarks.append(RemarkOut(code="E_FORMAT", words=words, refused=True))
    if len({one.identity.patient_id for one in images if one.identity.patient_id}) > 1:
        words = gettext("The files are of several patients; send one patient's study at a time.")
        remarks.append(RemarkOut(code="E_MIXED", words=words, refused=True))
    modalities = sorted({one.modality for one in images if one.modality})
    if len(modalities) > 1:
        words = gettext(
            "The files are of several modalities (%(list)s); one of them is measured.", list=", ".join(modalities)
        )
        remarks.append(RemarkOut(code="E_MODALITY", words=words))
    echoes = {one.echo_ms for one in images if one.modality == "MR" and one.echo_ms is not None}
    if echoes and len(echoes) < 3:
        words = gettext("Fewer than three echo times; a fat fraction needs at least three, or two for an estimate.")
        remarks.append(RemarkOut(code="E_TE", words=words))
    return remarks
