"""Pictures of a benchmark as PNG bytes; the same evidence gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from steatoscope.learning.evaluation.curves import roc_points
from steatoscope.learning.evaluation.report_evidence import Agreement, CasePicture, Confusion, Reliability, Roc
from steatoscope.science.metrics.agreement import bland_altman
from steatoscope.science.metrics.classification import auc
from steatoscope.science.uncertainty.reliability import reliability_bins

COLOURS: Final = ("#0b5e8a", "#c8553d", "#1d8a5a", "#8a5fb0", "#b26a00", "#55636f")
REFERENCE: Final = "#35c46a"
FOUND: Final = "#ff9f1c"
_INK: Final = "#1b2733"
_MUTED: Final = "#8a97a3"
_SIDE_IN: Final = 4.4
_DPI: Final = 130


def roc_plot(curves: Sequence[Roc]) -> bytes:
    """ROC curves of one title; a row with a single class is left out and named in the legend."""
    figure, axes = _square(curves[0].title, "False positive rate", "True positive rate")
    axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=0.8, linestyle=":")
    for curve, colour in zip(curves, _colours(len(curves)), strict=True):
        if curve.positive.all() or not curve.positive.any():
            axes.plot([], [], color=colour, label=f"{curve.row}: one class only")
            continue
        area = auc(curve.positive, curve.scores)
        axes.plot(*roc_points(curve.positive, curve.scores), color=colour, label=f"{curve.row}: {area:.3f}")
    axes.legend(loc="lower right", fontsize=7, frameon=False, title="area under the curve", title_fontsize=7)
    return _png(figure)


def reliability_plot(curves: Sequence[Reliability]) -> bytes:
    """Share of events against the mean predicted probability, in bins; a dot's area follows its cases.

    Bars are exact binomial 95 % intervals of the shares.
    """
    figure, axes = _square(curves[0].title, "Predicted probability", "Observed share")
    axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=0.8, linestyle=":")
    for curve, colour in zip(curves, _colours(len(curves)), strict=True):
        bins = reliability_bins(curve.probability, curve.happened, bins=curve.bins, binning=curve.binning)
        x, y = [one.probability for one in bins], [one.frequency for one in bins]
        sizes = [12.0 + 140.0 * one.count / curve.probability.size for one in bins]
        axes.plot(x, y, color=colour, linewidth=1.0, label=curve.row)
        axes.scatter(x, y, s=sizes, color=colour, alpha=0.8)
        axes.vlines(x, [b.interval.low for b in bins], [b.interval.high for b in bins], color=colour, linewidth=0.8)
    axes.legend(loc="upper left", fontsize=7, frameon=False)
    return _png(figure)


def confusion_plot(confusion: Confusion) -> bytes:
    """Counts of a confusion matrix, shaded by their share of the row."""
    figure, axes = _figure(confusion.title)
    totals = np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    shares = confusion.counts / totals
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), count in np.ndenumerate(confusion.counts):
        colour = "#ffffff" if shares[row, column] > 0.55 else _INK
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=10)
    places = range(len(confusion.labels))
    axes.set_xticks(places, confusion.labels, fontsize=8)
    axes.set_yticks(places, confusion.labels, fontsize=8, rotation=90, va="center")
    axes.set_xlabel("Predicted", fontsize=9)
    axes.set_ylabel("Truth", fontsize=9)
    return _png(figure)


def bland_altman_plot(agreement: Agreement) -> bytes:
    """Differences against the reference with bias and 95 % limits of agreement."""
    found = bland_altman(agreement.measured, agreement.reference)
    figure, axes = _figure(agreement.title)
    axes.scatter(agreement.reference, agreement.measured - agreement.reference, s=14, color=COLOURS[0], alpha=0.75)
    axes.axhline(0.0, color=_MUTED, linewidth=0.8, linestyle=":")
    lines = (
        ("bias", found.bias, "-"),
        ("upper limit", found.limits_high, "--"),
        ("lower limit", found.limits_low, "--"),
    )
    for name, value, style in lines:
        if np.isfinite(value):
            axes.axhline(value, color=COLOURS[1], linewidth=1.0, linestyle=style)
            place = (0.99, value)
            axes.text(*place, f"{name} {value:+.2f}", transform=axes.get_yaxis_transform(), ha="right", va="bottom",
                      fontsize=7, color=COLOURS[1])  # fmt: skip
    axes.set_xlabel(f"Reference ({agreement.unit})", fontsize=9)
    axes.set_ylabel(f"Measured - reference ({agreement.unit})", fontsize=9)
    return _png(figure)


def case_picture(case: CasePicture) -> bytes:
    """The image with its outlines and boxes: truth in green, finding in orange and dashed."""
    rows, columns = case.image.shape
    width = 3.2
    figure = Figure(figsize=(width, max(width * rows / columns, 0.8)), dpi=_DPI, facecolor="#ffffff")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.imshow(case.image, cmap="gray", vmin=0, vmax=255, aspect="auto")
    for name, mask in case.outlines.items():
        if mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors=[_ink(name)], linewidths=1.2, linestyles=_line(name))
    for name, boxes in case.boxes.items():
        for x0, y0, x1, y1 in boxes:
            frame = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=_ink(name), linestyle=_line(name))
            axes.add_patch(frame)
    return _png(figure)


def _ink(name: str) -> str:
    return REFERENCE if name.startswith("reference") else FOUND


def _line(name: str) -> str:
    return "solid" if name.startswith("reference") else "dashed"


def _colours(count: int) -> list[str]:
    return [COLOURS[k % len(COLOURS)] for k in range(count)]


def _square(title: str, x: str, y: str) -> tuple[Any, Any]:
    figure, axes = _figure(title)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.set_aspect("equal")
    return figure, axes


def _figure(title: str) -> tuple[Any, Any]:
    figure = Figure(figsize=(_SIDE_IN, _SIDE_IN), dpi=_DPI, facecolor="#ffffff", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, color=_INK, parse_math=False)
    axes.tick_params(labelsize=8, colors=_INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    """The figure as an RGB PNG without dates or software names."""
    figure.canvas.draw()
    pixels = np.ascontiguousarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=6)
    return stream.getvalue()
