from __future__ import annotations

from steatoscope.core.errors import QualityCode, warning
from steatoscope.pipeline.assemble import _quality as quality_part

HEAD = "Check the liver outline on the overlay."


def test_the_remarks_on_the_outline_are_one_and_open_once() -> None:
    notes = [warning("W_AGE"), warning("W_MASK", "One."), warning("W_SPACING"), warning("W_MASK", "Two.")]
    found = [(part.code, part.message) for part in quality_part(notes, None).codes]
    assert [code for code, _ in found] == ["W_AGE", "W_MASK", "W_SPACING"]
    assert found[1][1] == f"{HEAD} One. Two."


def test_remarks_with_other_opening_words_are_kept_whole() -> None:
    notes = [QualityCode("W_MASK", "The given mask counts."), warning("W_MASK", "Two.")]
    (found,) = quality_part(notes, None).codes
    assert found.message == f"{HEAD} The given mask counts. Two."
    (alone,) = quality_part(notes[:1], None).codes
    assert alone.message == "The given mask counts."
