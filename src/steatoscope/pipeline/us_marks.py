"""The warning of marks or words that are burned in over the tissue of an ultrasound view."""

from __future__ import annotations

from typing import Final

from steatoscope.core.errors import QualityCode, warning
from steatoscope.imaging.preprocess.us_words import Box, burned_marks
from steatoscope.pipeline.ports import PreparedView

_MOST_PLACES: Final = 3
_LEFT_OUT: Final = 0.05


def marks_warning(view: PreparedView) -> tuple[QualityCode, ...]:
    """``W_MARKS`` with where the marks lie and what to do, or nothing where none is found.

    It says whether they were left out of the tissue: where they were not, they are measured as if they were tissue.
    """
    found = burned_marks(view.frames, view.sector)
    if not found:
        return ()
    measured = float(view.tissue[found.ink].mean()) > _LEFT_OUT
    effect = "The fat value may be wrong because of them." if measured else "They were left out of what is measured."
    where = f"Place in pixels: {_places((*found.words, *found.crosses))}."
    return (warning("W_MARKS", f"{effect} Save the images without annotations. {where}"),)


def _places(boxes: tuple[Box, ...]) -> str:
    """The largest boxes as ranges of columns and rows."""
    largest = sorted(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), reverse=True)[:_MOST_PLACES]
    return "; ".join(f"x {x0}-{x1 - 1}, y {y0}-{y1 - 1}" for x0, y0, x1, y1 in largest)
