"""One line a quantity: the patient's value on the spread of its reference, with the end of the healthy range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from steatoscope.core.report import BaselineItem
from steatoscope.service.report.canvas import INK, MUTED, axes_inches, bare, figure_words, new_figure, png_bytes, words
from steatoscope.service.report.formatting import compact, fixed, number_text, signed, unit_label
from steatoscope.service.report.wording import MEASUREMENTS, feature_label

LABELS: Final = {
    "fat": "Fat",
    "liver_volume": "Liver volume",
    "liver_volume_for_size": "Liver volume for body size",
    "spleen_volume": "Spleen volume",
    "normality_distance": "Distance from the healthy set",
    "speckle_sd": "Spread of the speckle",
}
_WIDTH_IN: Final = 6.8
_SIDE_IN: Final = 0.15
_TEXT_IN: Final = 2.35
_SCORE_IN: Final = 0.95
_ROW_IN: Final = 0.56
_FOOT_IN: Final = 0.34
_OUTER: Final = "#e3edf5"
_INNER: Final = "#9cc3de"
_SET: Final = "normality_distance"
_KEY: Final = (
    "Bands: middle 50 % and 95 % of the reference, or its range.  Dashed: end of the healthy range.  P: share below, %."
)


def quantity_label(name: str) -> str:
    """A quantity in words."""
    return LABELS.get(name) or MEASUREMENTS.get(name) or feature_label(name)


def value_text(item: BaselineItem) -> str:
    """The value with its unit."""
    digits = 2 if item.quantity == _SET else None
    shown = number_text(item.value, item.unit, item.quantity) if digits is None else fixed(item.value, digits)
    return f"{shown} {unit_label(item.unit)}".strip()


def standing_text(item: BaselineItem) -> str:
    """Percentile and z, as far as the reference gives them."""
    parts = []
    if item.percentile is not None and item.quantity != _SET:
        parts.append(f"P {_percentile(item.percentile)}")
    if item.percentile is not None and item.quantity == _SET:
        parts.append(f"{fixed(100.0 - item.percentile, 0)} % further")
    if item.z is not None:
        parts.append(f"z {signed(item.z)}")
    return ", ".join(parts) or "–"


def render_strips(items: Sequence[BaselineItem]) -> bytes | None:
    """The lines of all items that can be drawn, as a PNG; None where there is none."""
    drawn = [item for item in items if item.quantiles or item.upper_limit is not None or item.quantity == _SET]
    if not drawn:
        return None
    height = len(drawn) * _ROW_IN + _FOOT_IN
    figure = new_figure(_WIDTH_IN, round(height, 2))
    for row, item in enumerate(drawn):
        _line(figure, item, height - (row + 1) * _ROW_IN)
    figure_words(figure, _SIDE_IN, 0.1, _KEY, fontsize=7.5, color=MUTED)
    return png_bytes(figure)


def _line(figure: Any, item: BaselineItem, bottom: float) -> None:
    figure_words(figure, _SIDE_IN, bottom + 0.27, quantity_label(item.quantity), fontsize=8.5)
    figure_words(figure, _SIDE_IN, bottom + 0.1, value_text(item), fontsize=8.5, fontweight="bold")
    score = standing_text(item)
    figure_words(figure, _WIDTH_IN - _SIDE_IN, bottom + 0.18, score, fontsize=8, ha="right", color=INK)
    width = _WIDTH_IN - 2 * _SIDE_IN - _TEXT_IN - _SCORE_IN - 0.1
    axes = bare(axes_inches(figure, _SIDE_IN + _TEXT_IN, bottom, width, _ROW_IN))
    axes.patch.set_visible(False)  # its ground would cover the figures at the foot of the line above
    if item.quantity == _SET:
        _draw_share(axes, 100.0 if item.percentile is None else item.percentile)
    else:
        _draw(axes, item)


def _draw(axes: Any, item: BaselineItem) -> None:
    at = dict(item.quantiles)
    places = [*at.values(), item.value, *([item.upper_limit] if item.upper_limit is not None else [])]
    low, high = min(places), max(places)
    if not at:
        low = min(low, 0.0)
    spare = 0.06 * max(high - low, 1e-6)
    axes.set_xlim(low - spare, high + spare)
    axes.set_ylim(0.0, 1.0)
    axes.plot([low - spare, high + spare], [0.3, 0.3], color=MUTED, linewidth=0.6)
    for outer, inner, shade in ((0.0, 100.0, _OUTER), (2.5, 97.5, _OUTER), (25.0, 75.0, _INNER)):
        if outer in at and inner in at:
            axes.barh(0.3, at[inner] - at[outer], left=at[outer], height=0.26, color=shade)
    if 50.0 in at:
        axes.plot([at[50.0]] * 2, [0.17, 0.43], color=MUTED, linewidth=1.2)
        words(axes, at[50.0], -0.04, compact(float(f"{at[50.0]:.3g}")), ha="center", fontsize=7.5, color=MUTED)
    if item.upper_limit is not None:
        axes.plot([item.upper_limit] * 2, [0.1, 0.55], color="#b4552d", linewidth=1.2, linestyle="dashed")
        place = compact(float(f"{item.upper_limit:.3g}"))
        words(axes, item.upper_limit, 0.6, place, ha="center", fontsize=7.5, color="#b4552d")
    _mark(axes, item.value)


def _draw_share(axes: Any, nearer: float) -> None:
    axes.set_xlim(-6.0, 106.0)
    axes.set_ylim(0.0, 1.0)
    axes.barh(0.3, 95.0, left=0.0, height=0.26, color=_OUTER)
    axes.barh(0.3, 50.0, left=0.0, height=0.26, color=_INNER)
    words(axes, 0.0, -0.04, "usual", fontsize=7.5, color=MUTED)
    words(axes, 93.0, -0.04, "unlike the healthy", ha="right", fontsize=7.5, color=MUTED)
    _mark(axes, nearer)


def _mark(axes: Any, place: float) -> None:
    axes.plot([place, place], [0.12, 0.62], color=INK, linewidth=1.8)
    axes.plot([place], [0.68], marker="v", markersize=6, color=INK)


def _percentile(value: float) -> str:
    return "> 99" if value > 99.0 else "< 1" if value < 1.0 else fixed(value, 0)
