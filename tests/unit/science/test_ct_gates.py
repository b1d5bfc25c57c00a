from __future__ import annotations

import pytest

from steatoscope.core.image import CTFacts
from steatoscope.science.quantify.ct_gates import (
    OrganHU,
    category,
    check_gates,
    decide_phase,
    kvp_gate,
    phase_from_organs,
)
from steatoscope.science.quantify.ct_header import phase_from_header, phase_from_text


@pytest.mark.parametrize(
    ("agent", "route", "expected"),
    [
        (None, None, None),
        ("", "IV", None),
        ("CONTRAST", "IV", "enhanced"),
        ("APPLIED", None, "enhanced"),
        ("Omnipaque 350", None, "enhanced"),
        ("100 ml ULTRAVIST", "INTRAVENOUS", "enhanced"),
        ("ORAL", None, None),
        ("Oral contrast", None, None),
        ("OMNIPAQUE", "ORAL", None),
        ("Gastrografin", None, None),
        ("RECTAL", None, None),
        ("ORAL & RECTAL", None, None),
        ("ORAL & IV", None, "enhanced"),
        ("ORAL & IV", "ORAL", "enhanced"),
        ("oral and Omnipaque", None, "enhanced"),
        ("IV/ORAL", None, "enhanced"),
        ("No oral; Omnipaque 350", None, "enhanced"),
        ("no iv, oral only", None, None),
        ("OMNIPAQUE", "IV/ORAL", "enhanced"),
        ("NON-IONIC", None, "enhanced"),
        ("NONE", None, "unenhanced"),
        ("NO", None, "unenhanced"),
        ("without", None, "unenhanced"),
        ("W/O CONTRAST", None, "unenhanced"),
        ("N/A", None, None),
        ("unknown", None, None),
        ("barium sulfate", None, None),
        ("water", "ORAL", None),
    ],
)
def test_agent_and_route(agent: str | None, route: str | None, expected: str | None) -> None:
    assert phase_from_header(CTFacts(contrast_agent=agent, contrast_route=route)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("Abd 5.0 B30f", None),
        ("Pancreas", None),
        ("transport report ventral artifact", None),
        ("Series No 3", None),
        ("Leber nativ 3.0", "unenhanced"),
        ("NATIVE", "unenhanced"),
        ("non contrast", "unenhanced"),
        ("NON-CON", "unenhanced"),
        ("Noncontrast 5mm", "unenhanced"),
        ("Abdomen w/o", "unenhanced"),
        ("ABD WO CON", "unenhanced"),
        ("without IV contrast", "unenhanced"),
        ("Abdomen ohne KM", "unenhanced"),
        ("plain liver", "unenhanced"),
        ("Unenhanced", "unenhanced"),
        ("pre-contrast", "unenhanced"),
        ("no contrast", "unenhanced"),
        ("non iv contrast, with oral contrast", "unenhanced"),
        ("ART 2.0", "enhanced"),
        ("LIVER_ART", "enhanced"),
        ("arterial phase", "enhanced"),
        ("PORT VEN 5.0", "enhanced"),
        ("portalvenös", "enhanced"),
        ("Venous", "enhanced"),
        ("delayed 5 min", "enhanced"),
        ("CT ABDOMEN  W/CONTRAST", "enhanced"),
        ("150cc OMNIPAQUE)", "enhanced"),
        ("FDG_TK_KM", "enhanced"),
        ("post contrast", "enhanced"),
        ("Abd +C", "enhanced"),
        ("portal venous, without oral contrast", "enhanced"),
        ("arterial non breath-hold", "enhanced"),
        ("non-ionic contrast", "enhanced"),
        ("virtual non-contrast", "enhanced"),
        ("VNC 3.0", "enhanced"),
        ("oral contrast", None),
        ("CT ABD W/WO CONTRAST", None),
        ("with and without contrast", None),
        ("CT ABD W AND W/O CONTRAST, NON CON", "unenhanced"),
        ("CT ABD WITH CONTRAST, NON CON", None),
    ],
)
def test_series_words(text: str, expected: str | None) -> None:
    assert phase_from_text(text) == expected


def test_agent_outweighs_text() -> None:
    assert phase_from_header(CTFacts(contrast_agent="Omnipaque", series_text="native")) == "enhanced"
    assert phase_from_header(CTFacts(contrast_agent="NONE", series_text="portal venous")) == "enhanced"
    assert phase_from_header(CTFacts(contrast_agent="ORAL", series_text="native")) == "unenhanced"


@pytest.mark.parametrize(
    ("organs", "expected"),
    [
        (OrganHU(), None),
        (OrganHU(aorta=42, spleen=35, kidney=14), "unenhanced"),
        (OrganHU(spleen=49, kidney=29), "unenhanced"),
        (OrganHU(kidney=29), "unenhanced"),
        (OrganHU(spleen=64), None),
        (OrganHU(aorta=45), "unenhanced"),
        (OrganHU(aorta=68, spleen=48, kidney=31), "unenhanced"),
        (OrganHU(aorta=70), None),
        (OrganHU(aorta=75, spleen=72, kidney=70), None),
        (OrganHU(aorta=40, spleen=92), "unenhanced"),
        (OrganHU(aorta=310, spleen=60, kidney=55), "arterial"),
        (OrganHU(aorta=232, kidney=175, liver=109), "arterial"),
        (OrganHU(aorta=150, portal=160, spleen=120, kidney=170), "portal_venous"),
        (OrganHU(aorta=182, kidney=117, liver=76), "enhanced"),
        (OrganHU(aorta=180, portal=45), "enhanced"),
        (OrganHU(portal=45), None),
        (OrganHU(aorta=150, spleen=49, kidney=29), None),
        (OrganHU(spleen=110, kidney=50), None),
        (OrganHU(liver=111), "enhanced"),
        (OrganHU(liver=111, aorta=45), "unenhanced"),
        (OrganHU(liver=55), None),
        (OrganHU(aorta=float("nan")), None),
    ],
)
def test_organs(organs: OrganHU, expected: str | None) -> None:
    assert phase_from_organs(organs) == expected


def test_who_overrules_whom() -> None:
    assert decide_phase("enhanced", "unenhanced") == "enhanced"
    assert decide_phase("enhanced", "portal_venous") == "portal_venous"
    assert decide_phase("unenhanced", "arterial") == "arterial"
    assert decide_phase("unenhanced", None) == "unenhanced"
    assert decide_phase(None, "unenhanced") == "unenhanced"
    assert decide_phase(None, None) is None


@pytest.mark.parametrize(
    ("kvp", "expected"),
    [
        (120.0, "ok"),
        (118.0, "ok"),
        (122.0, "ok"),
        (117.9, "refused"),
        (80.0, "refused"),
        (None, "unknown"),
        (0.0, "unknown"),
    ],
)
def test_tube_voltage(kvp: float | None, expected: str) -> None:
    assert kvp_gate(kvp) == expected


LOW = OrganHU(aorta=42, spleen=48, kidney=30, liver=46)
HIGH = OrganHU(aorta=150, portal=150, spleen=120, kidney=170, liver=75)


@pytest.mark.parametrize(
    ("facts", "organs", "code"),
    [
        (CTFacts(kvp=120), LOW, None),
        (CTFacts(), LOW, None),
        (CTFacts(kvp=100), LOW, "E_KVP"),
        (CTFacts(kvp=100), HIGH, "E_CONTRAST"),
        (CTFacts(kvp=120, series_text="nativ"), HIGH, "E_CONTRAST"),
        (CTFacts(kvp=120, contrast_agent="IV"), LOW, "E_CONTRAST"),
        (CTFacts(kvp=120), OrganHU(liver=50), "E_PHASE"),
        (CTFacts(kvp=100), OrganHU(liver=50), "E_PHASE"),
        (CTFacts(kvp=120, series_text="nativ"), OrganHU(liver=50), None),
    ],
)
def test_gates_in_order(facts: CTFacts, organs: OrganHU, code: str | None) -> None:
    result = check_gates(facts, organs)
    assert (result.refusal.code if result.refusal else None) == code
    assert [note.code for note in result.notes] == ([] if facts.kvp else ["W_KVP"])


@pytest.mark.parametrize(
    ("liver", "phase", "label"),
    [
        (79.9, "portal_venous", "likely_moderate_or_more"),
        (80.0, "portal_venous", "indeterminate"),
        (90.0, "portal_venous", "unlikely"),
        (60.0, "arterial", "indeterminate"),
        (60.0, "enhanced", "indeterminate"),
        (60.0, None, "indeterminate"),
        (None, "portal_venous", "indeterminate"),
    ],
)
def test_category(liver: float | None, phase: str | None, label: str) -> None:
    part = category(liver, phase)  # type: ignore[arg-type]
    assert part.label == label
    assert part.rule


def test_a_header_may_name_the_portal_phase() -> None:
    facts = CTFacts(kvp=120, series_text="portal venous 5.0")
    assert check_gates(facts, OrganHU(liver=70)).phase == "portal_venous"
    assert check_gates(facts, OrganHU(aorta=300, liver=70)).phase == "arterial"
