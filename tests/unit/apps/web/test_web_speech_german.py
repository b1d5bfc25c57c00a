"""Every word of the pages has its German one, and the compiled files are those of the present words."""

from __future__ import annotations

import json

import pytest

from service_kit import Bench
from steatoscope.apps.web import translate
from steatoscope.core.errors import CATALOGUE, WARNINGS


def test_every_word_has_a_translation_with_the_same_places() -> None:
    assert translate.missing(translate.updated("de")) == []


def test_no_translation_is_left_that_nothing_uses() -> None:
    present = {str(message.id) for message in translate.extract()}
    assert {str(message.id) for message in translate.read("de")} - present == set()


def test_the_compiled_files_are_those_of_the_translations() -> None:
    catalog, path = translate.read("de"), translate.po_path("de")
    assert path.with_suffix(".mo").read_bytes() == translate.mo_bytes(catalog), "run translate update"
    scripts = path.parents[1] / "scripts.json"
    assert scripts.read_bytes() == translate.script_bytes(catalog), "run translate update"


def test_a_missing_translation_and_a_lost_place_are_found() -> None:
    catalog = translate.Catalog(locale="de")
    catalog.add("{n} kept", string="{n} bleiben")
    catalog.add("Nobody has translated this")
    catalog.add("{n} lost", string="verloren")
    assert translate.missing(catalog) == ["Nobody has translated this", "{n} lost"]


def test_words_of_templates_python_scripts_and_catalogues_are_collected() -> None:
    words = {str(message.id) for message in translate.extract()}
    assert {"Skip to content", "You are signed out.", "Stopping the analysis", CATALOGUE["E_BOMB"].message} <= words
    assert set(WARNINGS.values()) <= words
    assert list(translate.problem_words('Problem.of("E_X", cause="Why.", status=1)')) == ["Why."]


@pytest.mark.parametrize(
    ("accepted", "cookie", "expected"),
    [
        ("", "", "en"),
        ("de-CH,fr;q=0.8", "", "de"),
        ("fr", "", "en"),
        ("de", "en", "en"),
        ("en", "de", "de"),
        ("en", "xx", "en"),
    ],
)
def test_the_language_comes_from_cookie_then_browser(bench: Bench, accepted: str, cookie: str, expected: str) -> None:
    client = bench.client()
    if cookie:
        client.set_cookie("steatoscope-language", cookie)
    page = client.get("/nothing-here", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{expected}"' in page
    assert ("Hier ist nichts." in page) == (expected == "de")


def test_programs_always_get_english(bench: Bench) -> None:
    answer = bench.client("viewer").get("/api/v1/jobs/none", headers={"Accept-Language": "de"})
    assert answer.json["error"]["message"] == "There is nothing here."


def test_scripts_get_their_words_once(bench: Bench) -> None:
    client = bench.client()
    first = client.get("/speech/de.json")
    assert json.loads(first.text)["Stopping the analysis"] == "Auswertung wird gestoppt"
    again = client.get("/speech/de.json", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/speech/xx.json").status_code == 404


def test_a_remark_keeps_its_detail(bench: Bench) -> None:
    from flask_babel import force_locale

    from steatoscope.apps.web.speech import spoken

    with bench.app.test_request_context("/"), force_locale("de"):
        assert spoken(WARNINGS["W_THICK"] + " 8 mm.") == "Dicke Schichten; das Volumen ist ungefähr. 8 mm."
        assert spoken("Something else") == "Something else"
        assert spoken(None) == ""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("90 % interval 12.2 to 23.6 %", "Intervall (90 %) 12,2 bis 23,6 %"),
        ("34.1 to 35.9 HU (90 %)", "34,1 bis 35,9 HU (90 %)"),
        ("−19.0 HU", "−19,0 HU"),
        ("ct-segmenter 1.0.0", "ct-segmenter 1.0.0"),
        (
            "Not certain: mild (S1) or moderate (S2) together reach 90 % probability.",
            "Nicht sicher: leicht (S1) oder mittel (S2) erreichen zusammen 90 % Wahrscheinlichkeit.",
        ),
        ("≥ 5.5 and < 15.5 %", "≥ 5,5 und < 15,5 %"),
        ("800 mL, 3 % of the view", "800 mL, 3 % des Bilds"),
        ("sent and received", "sent and received"),
    ],
)
def test_sentences_of_reports_are_spoken_with_their_figures(bench: Bench, said: str, expected: str) -> None:
    from flask_babel import force_locale

    from steatoscope.apps.web.speech import spoken

    with bench.app.test_request_context("/"):
        with force_locale("de"):
            assert spoken(said) == expected
        with force_locale("en"):
            assert spoken(said) == said


def test_pages_speak_no_command_line_and_name_the_profiles(bench: Bench) -> None:
    from flask_babel import force_locale

    from steatoscope.apps.web.report_words import PAGE_TEXTS
    from steatoscope.apps.web.speech import profile_name, spoken

    known = {text for spec in CATALOGUE.values() for text in (spec.message, spec.cause, spec.remedy)}
    assert not [text for text in known if "--" in text and text not in PAGE_TEXTS]
    limits = "Limits 5 / 33 / 66 % on the histology scale, % of hepatocytes; profile histology_nash (Kleiner)."
    with bench.app.test_request_context():
        with force_locale("en"):
            assert spoken(CATALOGUE["E_NOLIVER"].remedy).endswith("draw its outline on the page of the study.")
            assert spoken(CATALOGUE["E_MIXED"].message) == "The files belong to several patients."
            assert "profile NASH CRN histology (" in spoken(limits)
            assert profile_name("histology_nash") == "NASH CRN histology (5/33/66 %)"
        with force_locale("de"):
            assert spoken(CATALOGUE["E_MIXED"].message) == "Die Dateien gehören zu mehreren Patienten."
            assert "NASH CRN, Histologie" in spoken(limits)
            assert profile_name("mrs_pisa") == "Pisa, MR-Spektroskopie (3,12/8,77/13,69 %)"


def test_each_profile_has_a_name() -> None:
    from steatoscope.apps.web.names import PROFILES
    from steatoscope.science.clinical import grades

    assert set(PROFILES) == set(grades.PROFILES)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("us-steatosis 1.0.0, with a kidney in view", "us-steatosis 1.0.0, mit einer Niere im Bild"),
        ("given mask", "vorgegebene Maske"),
        ("Lossy or eight-bit image. JPEG coding.", "JPEG-Kodierung."),
        ("1 frame with colour was left out.", "1 farbiges Einzelbild wurde weggelassen."),
        ("3 frames with colour were left out.", "3 farbige Einzelbilder wurden weggelassen."),
        ("No B-mode scan sector was found.", "Es wurde kein B-Bild-Schallsektor gefunden."),
        ("liver minus kidney", "Leber minus Niere"),
    ],
)
def test_method_texts_are_german(bench: Bench, said: str, expected: str) -> None:
    from flask_babel import force_locale

    from steatoscope.apps.web.speech import spoken

    with bench.app.test_request_context(), force_locale("de"):
        assert spoken(said).endswith(expected)


def test_words_inside_templates_of_scripts_are_collected() -> None:
    assert "The images cannot be shown." in {str(message.id) for message in translate.extract()}
