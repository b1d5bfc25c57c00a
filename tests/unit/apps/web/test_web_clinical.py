"""Clinical values on the pages: every name has its field, and every text of the clinical tables its German one."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from service_kit import Bench
from steatoscope.apps.web.speech import spoken
from steatoscope.apps.web.uploads.fields import clinical_field
from steatoscope.apps.web.uploads.form import clinical_groups
from steatoscope.core.clinical_input import FLAGS, TWINS, ClinicalInput
from steatoscope.core.errors import WARNINGS, SteatoscopeError, warning
from steatoscope.core.image import PatientFacts
from steatoscope.pipeline.clinical import Imaging, clinical_part
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.science.clinical.grades import grade_part
from steatoscope.service.report.clinical_rows import criteria_rows, score_rows

WHOLE: dict[str, Any] = {
    "sex": "M", "age_years": 52.0, "bmi_kg_m2": 31.0, "waist_cm": 104.0, "triglycerides_mg_dl": 180.0,
    "ggt_u_l": 55.0, "alt_u_l": 48.0, "ast_u_l": 36.0, "ast_uln_u_l": 40.0, "platelets_10e9_l": 230.0,
    "albumin_g_dl": 4.3, "fasting_insulin_mu_l": 14.0, "glucose_mg_dl": 110.0, "diabetes": True,
    "metabolic_syndrome": True, "lsm_kpa": 9.0, "cap_db_m": 310.0, "alcohol_g_day": 5.0, "other_cause": "none",
}  # fmt: skip


def test_every_name_has_a_field() -> None:
    fields = {field.name: field for _, group in clinical_groups() for field in group}
    assert set(fields) == set(ClinicalInput.model_fields)
    assert {name for name, field in fields.items() if field.kind == "flag"} == FLAGS
    assert [key for key, _ in fields["other_cause"].choices][:2] == ["none", "drug"]
    for field in fields.values():
        assert all(key in {field.name, *TWINS} for key, _ in field.units)


@pytest.mark.parametrize(
    "text",
    [
        '{"alt_u_l": 40}',
        b"alt_u_l\n40\n",
        '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Observation", "status": "final", "code": '
        '{"coding": [{"system": "http://loinc.org", "code": "1742-6"}]}, '
        '"valueQuantity": {"value": 40, "code": "U/L"}}}]}',
        {"alt_u_l": 40},
    ],
)
def test_each_way_of_writing_is_taken(text: Any) -> None:
    assert clinical_field(text).values == {"alt_u_l": 40}


@pytest.mark.parametrize(("text", "code"), [(b"\xff\xfe", "E_FORMAT"), ("alt_u_l\n40\n50\n", "E_MIXED")])
def test_what_is_not_taken(text: Any, code: str) -> None:
    with pytest.raises(SteatoscopeError) as caught:
        clinical_field(text)
    assert caught.value.code == code


def _texts() -> set[str]:
    """Cells of the clinical tables over many patients, without numbers alone and the formulas of other tables."""
    cells: set[str] = set()
    changes: list[dict[str, Any]] = [
        {}, {"age_years": 70.0}, {"age_years": 30.0}, {"age_years": 16.0}, {"insulin_treated": True},
        {"other_cause": "hepatitis_c"}, {"alcohol_g_day": 45.0}, {"alcohol_g_day": 90.0}, {"alcohol_g_day": None},
        {"bmi_kg_m2": None, "waist_cm": None}, {"diabetes": None, "glucose_mg_dl": None}, {"sex": None},
        {"platelets_10e9_l": 60.0, "ast_u_l": 200.0}, {"alt_u_l": 12.0}, {"ast_u_l": 20.0, "platelets_10e9_l": 400.0},
        {"triglycerides_mg_dl": 40.0, "bmi_kg_m2": 18.0, "waist_cm": 65.0, "diabetes": False, "ggt_u_l": 8.0},
    ]  # fmt: skip
    for change, fat in product(changes, (2.0, 6.0, 12.0, None)):
        estimate = None if fat is None else FatEstimate(fat, "pdff", fat - 1, fat + 1, 0.9, 0.6, "fit", "median")
        grade = None if fat is None else grade_part(fat, 0.6, "pooled2024", 0.9)
        refusal = SteatoscopeError("E_KVP") if fat is None else None
        part, _ = clinical_part({**WHOLE, **change}, PatientFacts(), Imaging(estimate, grade, refusal))
        assert part is not None
        assert part.masld is not None
        cells |= {cell for row in (*score_rows(part), *criteria_rows(part.masld)) for cell in row}
    return {cell for cell in cells if any(map(str.isalpha, cell))}


def test_every_text_is_said_in_german(bench: Bench) -> None:
    same = {"FLI", "HSI", "FIB-4", "NFS", "NAFLD-LFS", "Liver fat %", "APRI", "FAST", "TyG", "AST/ALT"}
    with bench.client().application.test_request_context(headers={"Accept-Language": "de"}):
        left = sorted(text for text in _texts() - same if spoken(text) == text)
        german = " ".join(map(spoken, _texts()))
    assert left == []
    assert "Falls eine Steatose vorliegt" in german
    for english in ("Missing", "unlikely", "not known", " is ", " the "):
        assert english not in german


@pytest.mark.parametrize(
    ("code", "detail", "german"),
    [
        ("W_DATES", "More than six months before the newest value: ALT (14.0 years), platelets (7 months).",
         "Mehr als sechs Monate vor dem neuesten Wert: ALT (GPT) (14,0 Jahre), Thrombozyten (7 Monate)."),
        ("W_DATES", "Of unknown day: platelets.", "Tag nicht bekannt: Thrombozyten."),
        ("W_VALUES", "Not taken, a bound (<=): platelets.", "Nicht übernommen, nur eine Grenze (<=): Thrombozyten."),
        ("W_VALUES", "Not taken, status cancelled: ALT.", "Nicht übernommen, Status cancelled: ALT (GPT)."),
    ],
)  # fmt: skip
def test_remarks_on_readings_are_said_in_german(bench: Bench, code: str, detail: str, german: str) -> None:
    with bench.client().application.test_request_context(headers={"Accept-Language": "de"}):
        said = spoken(warning(code, detail).message)
    assert said.endswith(f". {german}")
    assert WARNINGS[code] not in said
