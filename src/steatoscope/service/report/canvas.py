"""Drawing surface of the report: matplotlib figures without global state, saved as deterministic PNG bytes."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

DPI: Final = 150
FONT: Final = "DejaVu Sans"
INK: Final = "#1b2733"
MUTED: Final = "#55636f"
PAPER: Final = "#ffffff"
ACCENT: Final = "#0b5e8a"
HALO: Final = "#000000"


class PlainAxes(Axes):
    """Axes that never have a grid: preparing one for every pair of axes is half of the cost of making them."""

    def grid(self, *_args: Any, **_choices: Any) -> None:
        """Does nothing."""


def new_figure(width_in: float, height_in: float, dpi: int = DPI) -> Any:
    """An empty white figure with its own Agg canvas."""
    figure = Figure(figsize=(width_in, height_in), dpi=dpi, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: Any) -> bytes:
    """The figure as an RGB PNG without dates or software names: the same figure gives the same bytes."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, format="PNG", compress_level=2)
    return stream.getvalue()


def axes_inches(figure: Any, left: float, bottom: float, width: float, height: float) -> Any:
    """Axes at a place given in inches from the lower left corner."""
    total_w, total_h = figure.get_size_inches()
    place = (left / total_w, bottom / total_h, width / total_w, height / total_h)
    return figure.add_axes(PlainAxes(figure, place))


def bare(axes: Any) -> Any:
    """Take ticks and frame away; returns the axes."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def words(axes: Any, x: float, y: float, text: str, **style: Any) -> Any:
    """Plain text in the report's font; mathematical markup in ``text`` is shown as it is, not interpreted."""
    style.setdefault("color", INK)
    style.setdefault("fontsize", 9)
    return axes.text(x, y, text, fontfamily=FONT, parse_math=False, **style)


def figure_words(figure: Any, x_in: float, y_in: float, text: str, **style: Any) -> Any:
    """Plain text at a place given in inches from the lower left corner of the figure."""
    total_w, total_h = figure.get_size_inches()
    return words(figure, x_in / total_w, y_in / total_h, text, **style)


def halo(width: float) -> list[Any]:
    """A dark outline that keeps a light line or letter legible on any grey."""
    return [withStroke(linewidth=width, foreground=HALO)]


def scale_axis(axes: Any) -> Any:
    """Leave only a thin lower axis with small labels; returns the axes."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.set_yticks([])
    axes.tick_params(axis="x", colors=MUTED, labelsize=8, labelfontfamily=FONT, length=3)
    return axes
