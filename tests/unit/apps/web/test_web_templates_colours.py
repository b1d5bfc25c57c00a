"""Colours of the pages have the contrast of WCAG 2.2 AA, in light and dark; computed, not looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import steatoscope.apps.web

CSS = Path(steatoscope.apps.web.__file__).parent / "static" / "css"
PAIRS = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (CSS / "tokens.css").read_text())
COLOURS = {name: {"light": light, "dark": dark} for name, light, dark in PAIRS}
GRADES = ("normal", "mild", "moderate", "severe")
GROUNDS = ("paper", "card", "soft")
TEXTS = ("ink", "muted", "accent", "ok", "warn", "danger")
COMBINATIONS = [
    *((text, ground) for text in TEXTS for ground in GROUNDS),
    *((f"grade-{label}", ground) for label in GRADES for ground in GROUNDS),
    ("on-accent", "accent"), ("on-danger", "danger"), ("ok", "ok-soft"), ("warn", "warn-soft"),
    ("danger", "danger-soft"), ("accent", "accent-soft"), ("ink", "accent-soft"), ("ink", "warn-soft"),
    ("ink", "danger-soft"), ("ink", "ok-soft"), ("muted", "accent-soft"), ("muted", "danger-soft"),
]  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_ratio_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), COMBINATIONS)
def test_text_can_be_read(text: str, ground: str, scheme: str) -> None:
    assert contrast(COLOURS[text][scheme], COLOURS[ground][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_edges_of_controls_can_be_seen(ground: str, scheme: str) -> None:
    assert contrast(COLOURS["edge"][scheme], COLOURS[ground][scheme]) >= 3


def test_grades_are_told_by_form_as_well_as_by_colour() -> None:
    sheet = (CSS / "steatoscope.css").read_text()
    marks = re.findall(r'\.badge-(normal|mild|moderate|severe)::before { content: "(.+?)"', sheet)
    assert len({mark for _label, mark in marks}) == 4
