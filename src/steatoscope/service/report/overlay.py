"""Pictures of the measurement: the plain image, what was found on it, and the map of local fat.

Organs are drawn as contours, never as opaque fills, in colours told apart by colour-blind readers (Okabe and Ito, 2008)
and in different line styles, so that nothing hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from steatoscope.core.image import Mask
from steatoscope.pipeline.outcome import Picture
from steatoscope.service.report.canvas import (
    DPI,
    FONT,
    INK,
    MUTED,
    axes_inches,
    bare,
    figure_words,
    halo,
    new_figure,
    png_bytes,
    words,
)
from steatoscope.service.report.upright import upright

Panel = Literal["plain", "found", "heat"]
PANEL_NAMES: Final[dict[Panel, str]] = {"plain": "Image", "found": "What was measured", "heat": "Local map"}
CAPTION: Final = "Greys are for display only. Decision support – review required."

_ORGANS: Final = {
    "liver": ("#56b4e9", "solid"),
    "spleen": ("#f0e442", "dashed"),
    "kidney": ("#cc79a7", "dotted"),
    "scan sector": ("#56b4e9", "dashed"),
    "focal region": ("#ffffff", "solid"),
}
_REGIONS: Final = {"fatty": ("#e69f00", "solid"), "spared": ("#3fd0a4", "dashed"), "lesion": ("#ffffff", "dotted")}
_SITE: Final = ("#e69f00", "solid")
_HEAT_COLOURS: Final = "viridis"
_DIVERGING_COLOURS: Final = "PuOr_r"
_WIDTH_IN: Final = 12.0
_MARGIN_IN: Final = 0.25
_GAP_IN: Final = 0.2
_TITLE_IN: Final = 0.62
_FOOT_IN: Final = 0.55
_CAPTION_IN: Final = 0.35
_TALLEST: Final = 1.3
_MOST_ACROSS: Final = 3
_NARROW_IN: Final = 2.6
_LINE_IN: Final = 0.23


def panels_of(picture: Picture) -> tuple[Panel, ...]:
    """The panels that a picture has: image and findings always, the map where there is one with a value in it."""
    if picture.heat is None or not np.isfinite(picture.heat).any():
        return ("plain", "found")
    return ("plain", "found", "heat")


def render_overlay(pictures: Sequence[Picture]) -> bytes:
    """All pictures as one PNG, 1800 pixels wide: a row each, with image, findings and map side by side."""
    columns = max((len(panels_of(picture)) for picture in pictures), default=2)
    column = (_WIDTH_IN - 2 * _MARGIN_IN - (columns - 1) * _GAP_IN) / columns
    heights = [_TITLE_IN + _image_height(picture, column) + _FOOT_IN for picture in pictures]
    figure = new_figure(_WIDTH_IN, round(sum(heights) + _CAPTION_IN + (0.0 if pictures else 1.0), 2))
    top = float(figure.get_size_inches()[1])
    for picture, height in zip(pictures, heights, strict=True):
        _draw_row(figure, picture, top, column)
        top -= height
    if not pictures:
        figure_words(figure, _WIDTH_IN / 2, top / 2 + 0.2, "No picture is available.", ha="center", fontsize=12)
    figure_words(figure, _MARGIN_IN, 0.14, CAPTION, fontsize=8.5, color=MUTED)
    return png_bytes(figure)


@lru_cache(maxsize=32)
def render_picture(picture: Picture, panel: Panel, width_in: float = 4.8, dpi: int = DPI) -> bytes:
    """One panel of a picture as a PNG with its legend or colour bar beneath the image.

    ``width_in`` is the printed width in inches: letters and lines keep their size on paper at any width.
    """
    height = _image_height(picture, width_in)
    figure = new_figure(width_in, round(height + _FOOT_IN, 2), dpi)
    _draw_panel(figure, upright(picture), panel, (0.0, _FOOT_IN, width_in, height))
    return png_bytes(figure)


def _draw_row(figure: Any, picture: Picture, top: float, column: float) -> None:
    figure_words(figure, _MARGIN_IN, top - 0.26, picture.title, fontsize=11.5, fontweight="bold")
    turned = upright(picture)
    height = _image_height(picture, column)
    for place, panel in enumerate(panels_of(picture)):
        left = _MARGIN_IN + place * (column + _GAP_IN)
        figure_words(figure, left, top - 0.52, _panel_title(picture, panel), fontsize=9, color=MUTED)
        _draw_panel(figure, turned, panel, (left, top - _TITLE_IN - height, column, height))


def _panel_title(picture: Picture, panel: Panel) -> str:
    return picture.heat_title or PANEL_NAMES[panel] if panel == "heat" else PANEL_NAMES[panel]


def _image_height(picture: Picture, width_in: float) -> float:
    return min(_ratio(picture), _TALLEST) * width_in


def _ratio(picture: Picture) -> float:
    rows, columns = picture.grey.shape
    return float(rows * picture.pixel_aspect / columns)


def _draw_panel(figure: Any, picture: Picture, panel: Panel, box: tuple[float, float, float, float]) -> None:
    """Draw one panel into ``box`` (left, bottom, width, height in inches); its legend goes beneath the box."""
    left, bottom, width, height = box
    total_w, total_h = figure.get_size_inches()
    corner = (left / total_w, bottom / total_h)
    ground = Rectangle(corner, width / total_w, height / total_h, facecolor="#000000", edgecolor="none", zorder=-1.0)
    figure.add_artist(ground)
    shown = min(width, height / _ratio(picture))
    axes = bare(axes_inches(figure, left + (width - shown) / 2, bottom, shown, height))
    rows, columns = picture.grey.shape
    axes.imshow(picture.grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="bilinear")
    if panel == "heat":
        _draw_heat(figure, axes, picture, (left, bottom - 0.17, width))
    if panel != "plain":
        _draw_organs(axes, picture)
    if panel == "found":
        _draw_regions(axes, picture)
        _draw_sites(axes, picture)
        _draw_legend(figure, picture, (left, bottom - 0.5, width))
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def _draw_heat(figure: Any, axes: Any, picture: Picture, place: tuple[float, float, float]) -> None:
    low, high = picture.heat_range
    heat = np.ma.masked_invalid(np.asarray(picture.heat))
    both_ways = low < 0.0
    # Where little was added or taken away the tissue itself stays visible.
    alpha = np.clip(0.1 + 1.5 * np.abs(heat.filled(0.0)) / high, 0.0, 0.85) if both_ways else 0.85
    image = axes.imshow(
        heat,
        cmap=_DIVERGING_COLOURS if both_ways else _HEAT_COLOURS,
        vmin=low,
        vmax=high,
        alpha=alpha,
        aspect="auto",
        interpolation="nearest",
    )
    left, top, width = place
    bar = axes_inches(figure, left + 0.12 * width, top, 0.76 * width, 0.1)
    scale = ScalarMappable(image.norm, image.cmap)
    image_bar = figure.colorbar(scale, cax=bar, orientation="horizontal")
    image_bar.outline.set_visible(False)
    bar.tick_params(colors=MUTED, labelsize=8, labelfontfamily=FONT, length=2, pad=1.5)


def _draw_organs(axes: Any, picture: Picture) -> None:
    for name, mask in _organs(picture).items():
        colour, style = _ORGANS[name]
        rows, columns = mask.shape
        lines = axes.contour(
            np.arange(-1, columns + 1),
            np.arange(-1, rows + 1),
            np.pad(mask.astype(np.float32), 1),
            levels=[0.5],
            colors=[colour],
            linestyles=style,
            linewidths=1.4,
        )
        lines.set_path_effects(halo(2.6))


def _organs(picture: Picture) -> dict[str, Mask]:
    found = {
        "liver": picture.liver,
        "spleen": picture.spleen,
        "kidney": picture.kidney,
        "scan sector": picture.sector,
        "focal region": picture.lesions,
    }
    return {name: mask for name, mask in found.items() if mask is not None and mask.any()}


def _draw_regions(axes: Any, picture: Picture) -> None:
    for kind, (x0, y0, x1, y1), score in picture.boxes:
        colour, style = _REGIONS[kind]
        shape = Rectangle(
            (x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.5, linestyle=style
        )
        shape.set_path_effects(halo(2.6))
        axes.add_patch(shape)
        high = y0 > 0.08 * picture.grey.shape[0]
        tag = words(axes, x0, y0 if high else y1, f"{kind} {score:.2f}", color=colour, fontsize=7.5)
        tag.set(va="bottom" if high else "top", fontweight="bold", path_effects=halo(2.2), clip_on=True)


def _draw_sites(axes: Any, picture: Picture) -> None:
    """Small boxes where a value was read, with the last word of their names."""
    colour, style = _SITE
    for name, (x0, y0, x1, y1) in picture.sites:
        shape = Rectangle(
            (x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.2, linestyle=style
        )
        shape.set_path_effects(halo(2.2))
        axes.add_patch(shape)
        tag = words(axes, x1 + 2, (y0 + y1) / 2, name.rsplit(" ", maxsplit=1)[-1], color=colour, fontsize=6.5)
        tag.set(va="center", path_effects=halo(2.0), clip_on=True)


def _draw_legend(figure: Any, picture: Picture, place: tuple[float, float, float]) -> None:
    entries = [(name, *_ORGANS[name]) for name in _organs(picture)]
    kinds = dict.fromkeys(box[0] for box in picture.boxes)
    entries += [(kind, *_REGIONS[kind]) for kind in kinds if kind != "lesion" or picture.lesions is None]
    entries += [("index site", *_SITE)] if picture.sites else []
    left, bottom, width = place
    if not entries:
        empty = "No organ or region was outlined."
        figure_words(figure, left, bottom + 1.5 * _LINE_IN, empty, va="center", fontsize=8, color=MUTED)
    most = 2 if width < _NARROW_IN and len(entries) <= 4 else _MOST_ACROSS
    across = most if len(entries) > most else max(len(entries), 1)
    step = min(width / across, 1.4)
    total_w, total_h = figure.get_size_inches()
    for number, (name, colour, style) in enumerate(entries):
        start = left + number % across * step + 0.03
        level = bottom + (1.5 - number // across) * _LINE_IN
        ends = [start / total_w, (start + 0.24) / total_w]
        line = Line2D(ends, [level / total_h] * 2, color=colour, linestyle=style, linewidth=1.8)
        line.set_path_effects(halo(3.2))
        figure.add_artist(line)
        figure_words(figure, start + 0.3, level, name, va="center", fontsize=8, color=INK)
