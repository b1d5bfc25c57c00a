"""Clinical values from JSON, CSV and FHIR: what is taken, what is converted, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steatoscope.core.clinical_input import ClinicalInput
from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.clinical_codes import ATC, LOINC, SNOMED, UNITS
from steatoscope.pipeline.clinical_files import clinical_from_text, read_clinical

DAY = "2026-03-01"


def observation(code: str, value: float, unit: str, day: str | None = DAY, **more: Any) -> dict[str, Any]:
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    dated = {"effectiveDateTime": day} if day else {}
    coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
    return {"resourceType": "Observation", "status": "final", "code": coded, "valueQuantity": quantity, **dated, **more}


def bundle(*resources: dict[str, Any], patients: int = 1) -> str:
    people = [
        {"resourceType": "Patient", "id": f"p{k}", "gender": "female", "birthDate": "1970-03-01"}
        for k in range(patients)
    ]
    entries = [{"resource": one} for one in (*people, *resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def values(text: str) -> dict[str, Any]:
    return clinical_from_text(text, "given")[0]


def refusal(text: str) -> SteatoscopeError:
    with pytest.raises(SteatoscopeError) as caught:
        clinical_from_text(text, "given")
    return caught.value


@pytest.mark.parametrize("code", LOINC)
def test_check_digit_of_every_code(code: str) -> None:
    # LOINC users' guide, appendix on the check digit: modulus 10
    body, check = code.split("-")
    odd = "".join(body[::-1][0::2])
    doubled = str(int(odd[::-1]) * 2) + body[::-1][1::2]
    assert (10 - sum(map(int, doubled)) % 10) % 10 == int(check)


def test_every_code_leads_to_a_known_value_with_units() -> None:
    assert {*LOINC.values(), *(name for name, _ in SNOMED.values()), *ATC.values()} <= set(ClinicalInput.model_fields)
    assert set(LOINC.values()) == set(UNITS)


@pytest.mark.parametrize(
    ("code", "value", "unit", "key", "expected"),
    [
        ("2571-8", 180.0, "mg/dL", "triglycerides_mg_dl", 180.0),
        ("14927-8", 2.0, "mmol/L", "triglycerides_mg_dl", 177.14),
        ("1742-6", 0.8, "µkat/L", "alt_u_l", 48.0),
        ("777-3", 230.0, "10*3/uL", "platelets_10e9_l", 230.0),
        ("1751-7", 43.0, "g/L", "albumin_g_dl", 4.3),
        ("59179-2", 84.0, "pmol/L", "fasting_insulin_mu_l", 14.0),
        ("59261-8", 48.0, "mmol/mol", "hba1c_percent", 6.543),
        ("8302-2", 1.8, "m", "height_cm", 180.0),
        ("77615-3", 9.0, "kPa", "lsm_kpa", 9.0),
    ],
)
def test_units_are_converted(code: str, value: float, unit: str, key: str, expected: float) -> None:
    assert values(bundle(observation(code, value, unit)))[key] == pytest.approx(expected, abs=1e-3)


def test_patient_gives_sex_and_age_on_the_day_of_the_newest_reading() -> None:
    found = values(bundle(observation("1742-6", 40.0, "U/L"), observation("1920-8", 30.0, "U/L", "2020-01-01")))
    assert found["sex"] == "F"
    assert found["age_years"] == pytest.approx(56.0, abs=0.05)
    assert "age_years" not in values(bundle(observation("1742-6", 40.0, "U/L", None)))


def test_pressures_are_components_of_a_panel() -> None:
    panel: dict[str, Any] = observation("85354-9", 0, "mm[Hg]")
    del panel["valueQuantity"]
    panel["component"] = [observation("8480-6", 138, "mm[Hg]"), observation("8462-4", 84, "mm[Hg]")]
    found = values(bundle(panel))
    assert (found["systolic_mmhg"], found["diastolic_mmhg"]) == (138, 84)


def test_upper_limit_of_ast_comes_from_the_reference_range() -> None:
    span = [{"high": {"value": 40, "unit": "U/L"}}]
    assert values(bundle(observation("1920-8", 36, "U/L", referenceRange=span)))["ast_uln_u_l"] == 40


def test_newest_reading_counts() -> None:
    old, new = observation("1742-6", 90, "U/L", "2025-01-01"), observation("1742-6", 48, "U/L", "2026-01-01")
    assert values(bundle(old, new))["alt_u_l"] == values(bundle(new, old))["alt_u_l"] == 48


def test_glucose_that_is_not_fasting_is_not_taken() -> None:
    assert "glucose_mg_dl" not in values(bundle(observation("2345-7", 130, "mg/dL")))


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "registered"])
def test_observations_that_do_not_stand_are_not_taken(status: str) -> None:
    assert "alt_u_l" not in values(bundle({**observation("1742-6", 48, "U/L"), "status": status}))


def test_bounds_are_remarked_and_not_taken() -> None:
    one = observation("27873-9", 2, "mU/L")
    one["valueQuantity"]["comparator"] = "<"
    read = clinical_from_text(bundle(one), None)
    assert "fasting_insulin_mu_l" not in read.values
    assert "Not taken, a bound (<): fasting insulin." in read.remarks


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def test_conditions_and_medicines() -> None:
    diabetes = {"resourceType": "Condition", "code": concept("http://hl7.org/fhir/sid/icd-10-cm", "E11.9")}
    gone = {
        "resourceType": "Condition",
        "code": concept("http://snomed.info/sct", "50711007"),
        "clinicalStatus": {"coding": [{"code": "resolved"}]},
    }
    statin = {
        "resourceType": "MedicationStatement",
        "status": "active",
        "medicationCodeableConcept": concept("http://www.whocc.no/atc", "C10AA05"),
    }
    insulin = {
        **statin,
        "medicationCodeableConcept": concept("http://www.whocc.no/atc", "A10AE04"),
        "status": "stopped",
    }
    found = values(bundle(diabetes, gone, statin, insulin))
    assert found["diabetes"] is True
    assert found["lipid_treatment"] is True
    assert not {"other_cause", "insulin_treated", "diabetes_treatment"} & set(found)


def test_wrong_unit_is_named() -> None:
    fault = refusal(bundle(observation("1742-6", 48, "mg/dL")))
    assert fault.code == "E_FORMAT"
    assert "alt_u_l (LOINC 1742-6): unit 'mg/dL'" in fault.cause


def test_contradicting_readings_of_one_time_are_refused() -> None:
    assert "contradict" in refusal(bundle(observation("1742-6", 48, "U/L"), observation("1742-6", 90, "U/L"))).cause


@pytest.mark.parametrize(
    "text",
    [
        bundle(patients=2),
        bundle({**observation("1742-6", 48, "U/L"), "subject": {"reference": "Patient/another"}}),
        "subject,alt_u_l\na,40\nb,50\n",
        "alt_u_l\n40\n50\n",
    ],
)
def test_several_patients_are_refused(text: str) -> None:
    assert refusal(text).code == "E_MIXED"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "E_EMPTY"),
        ("alt_u_l,ast_u_l\n", "E_EMPTY"),
        ("{", "E_FORMAT"),
        ("[1]", "E_FORMAT"),
        ('{"resourceType": "Observation"}', "E_FORMAT"),
        ("alt_u_l\nmany\n", "E_FORMAT"),
        ("diabetes\nperhaps\n", "E_FORMAT"),
        ("alt_u_l,ast_u_l\n40\n", "E_FORMAT"),
        ("subject,alt_u_l\na,40\na,50\n", "E_FORMAT"),
        ("alt,ast_u_l\n40,30\n", "E_FORMAT"),
    ],
)
def test_what_is_no_clinical_values(text: str, code: str) -> None:
    assert refusal(text).code == code


def test_table_with_semicolons_and_decimal_commas() -> None:
    text = "subject;sex;albumin_g_dl;diabetes;ggt_u_l\nA1;F;4,3;yes;\nB2;M;3,9;no;60\n"
    assert clinical_from_text(text, None, "A1")[0] == {"sex": "F", "albumin_g_dl": 4.3, "diabetes": True}
    assert clinical_from_text(text, None, "B2")[0]["ggt_u_l"] == 60


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_text("height_cm,weight_kg\n180,81\n", encoding="utf-8-sig")
    assert read_clinical(path)[0]["bmi_kg_m2"] == pytest.approx(25.0)
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        read_clinical(tmp_path / "absent.json")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(SteatoscopeError, match="E_FORMAT"):
        read_clinical(tmp_path / "picture.png")


@pytest.mark.parametrize(
    ("given", "taken"),
    [("f", "F"), ("m", "M"), ("Female", "F"), ("MALE", "M"), ("O", "O"), ("U", None), ("unknown", None), (" ", None)],
)
def test_words_of_the_sex_are_taken(given: str, taken: str | None) -> None:
    assert values(json.dumps({"sex": given, "alt_u_l": 40})).get("sex") == taken
    assert values(f"sex,alt_u_l\n{given},40\n").get("sex") == taken


def test_a_word_that_is_no_sex_is_refused() -> None:
    assert "sex" in refusal('{"sex": "x"}').cause


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ({"valueQuantity": {"value": "many", "code": "U/L"}}, "Not taken, no number: ALT."),
        ({"valueQuantity": None, "valueString": "haemolysed"}, "Not taken, no number: ALT."),
        ({"status": "preliminary"}, "Not taken, status preliminary: ALT."),
        ({"status": "cancelled"}, "Not taken, status cancelled: ALT."),
        ({"status": "entered-in-error"}, "Not taken, status entered-in-error: ALT."),
        ({"status": "Doe, Jane"}, "Not taken, status not known: ALT."),
    ],
)
def test_what_is_left_out_is_named(change: dict[str, Any], remark: str) -> None:
    left = {**observation("1742-6", 48, "U/L"), **change}
    read = clinical_from_text(bundle(observation("1920-8", 30, "U/L"), left), None)
    assert (read.values["ast_u_l"], "alt_u_l" in read.values) == (30, False)
    assert read.remarks == (remark,)


def test_a_bundle_with_nothing_usable_is_refused() -> None:
    nobody = json.loads(bundle({**observation("1742-6", 48, "U/L"), "status": "cancelled"}, patients=0))
    assert "Not taken, status cancelled: ALT." in refusal(json.dumps(nobody)).cause
    for empty in ({}, {"entry": []}, {"entry": {"resource": 1}}):
        assert refusal(json.dumps({"resourceType": "Bundle", **empty})).code == "E_FORMAT"
    assert "besides age and sex" in clinical_from_text(bundle(), None).remarks[0]


def test_an_upper_limit_that_is_no_number_is_not_taken() -> None:
    span = [{"high": {"value": "forty", "unit": "U/L"}}]
    assert "ast_uln_u_l" not in values(bundle(observation("1920-8", 36, "U/L", referenceRange=span)))


@pytest.mark.parametrize(
    "text", ['{"age_years": 40, "sex": "F", "age_years": 70}', "age_years,sex,age_years\n40,F,70\n"]
)
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(SteatoscopeError) as caught:
        clinical_from_text(text, None)
    assert caught.value.code == "E_FORMAT"
    assert "age_years" in caught.value.cause
    assert "twice" in caught.value.cause


@pytest.mark.parametrize(("cell", "value"), [('"22,5"', 22.5), ('"1,025"', None), ("1025", 1025.0)])
def test_a_comma_that_may_part_thousands_is_refused(cell: str, value: float | None) -> None:
    text = f"alt_u_l,ast_u_l\n,{cell}\n"
    if value is None:
        with pytest.raises(SteatoscopeError, match="E_FORMAT"):
            clinical_from_text(text, None)
    else:
        assert clinical_from_text(text, None).values == {"ast_u_l": value}
