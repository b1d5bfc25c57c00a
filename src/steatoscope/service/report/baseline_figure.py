"""The reference-population picture: where the patient lies beside a reference population.

The curve of a population is drawn only where the report's own z shows that it is the one compared with; otherwise the
standard score alone is shown, so that no picture claims a distribution that was not used.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from steatoscope.core.report import BaselinePart, Report
from steatoscope.science.clinical.baseline import (
    CT_REFERENCE,
    LOG_SD,
    MEAN_LIVER_HU,
    MEDIAN_PDFF_PERCENT,
    PDFF_REFERENCE,
    SD_LIVER_HU,
    ct_z,
    pdff_z,
)
from steatoscope.service.report.baseline_strips import render_strips
from steatoscope.service.report.canvas import (
    ACCENT,
    INK,
    MUTED,
    axes_inches,
    figure_words,
    new_figure,
    png_bytes,
    scale_axis,
    words,
)
from steatoscope.service.report.formatting import compact, fixed, signed

_WIDTH_IN: Final = 6.8
_SIDE_IN: Final = 0.15
_CURVE: Final = "#9cc3de"
_BEYOND: Final = "#f3b562"
_SAME_Z: Final = 0.02
_LABEL_SHARE: Final = 0.26


def render_baseline(report: Report) -> bytes | None:
    """The baseline picture as a PNG; None where the report holds no comparison or fat value.

    The curve of the population, where it is the one compared with, over one line for every other quantity.
    """
    part = report.baseline
    if part is None or report.fat is None:
        return None
    head, told = _head(report, part)
    return _joined(head, render_strips([item for item in part.items if item.quantity not in told]))


def _head(report: Report, part: BaselinePart) -> tuple[bytes | None, tuple[str, ...]]:
    """The picture of the main comparison, and the quantities that it shows already."""
    if part.z is None or _own_fat(part):
        return None, ()
    attenuation = _liver_hu(report)
    if part.percentile is not None and attenuation is not None and abs(ct_z(attenuation) - part.z) < _SAME_Z:
        return _attenuation_picture(part, attenuation), ("liver_hu",)
    value = report.fat.value_percent if report.fat else None
    if part.percentile is not None and value is not None and abs(pdff_z(value) - part.z) < _SAME_Z:
        return _fat_picture(part, value), ("fat",)
    return _score_picture(part, part.z), ()


def _own_fat(part: BaselinePart) -> bool:
    """Whether the main comparison is one of the items by a site's own reference, drawn as a line."""
    built_in = (PDFF_REFERENCE, CT_REFERENCE)
    fat = [item for item in part.items if item.quantity == "fat" and item.quantiles]
    return any(item.reference == part.reference and item.reference not in built_in for item in fat)


def _joined(head: bytes | None, strips: bytes | None) -> bytes | None:
    """Two PNGs of one width, one below the other."""
    if head is None or strips is None:
        return head or strips
    parts = [np.asarray(Image.open(io.BytesIO(part)).convert("RGB")) for part in (head, strips)]
    stream = io.BytesIO()
    Image.fromarray(np.concatenate(parts, axis=0)).save(stream, format="PNG", compress_level=2)
    return stream.getvalue()


def _liver_hu(report: Report) -> float | None:
    return next((part.value for part in report.measurements if part.name == "liver_hu"), None)


def _fat_picture(part: BaselinePart, value: float) -> bytes:
    end = float(np.ceil(max(20.0, 1.15 * value) / 5) * 5)
    x = np.linspace(0.02, end, 800)
    density = np.exp(-0.5 * (np.log(x / MEDIAN_PDFF_PERCENT) / LOG_SD) ** 2) / x
    figure, axes = _stage()
    limit = part.healthy_upper_limit
    _draw_curve(axes, x, density, beyond=None if limit is None else x >= limit)
    if limit is not None:
        _draw_limit(axes, limit, f"healthy upper limit {compact(limit)} %", end, away_from=value)
    _draw_patient(axes, min(max(value, 0.0), end), f"this patient {fixed(max(value, 0.0))} %", (0.0, end))
    return _finish(figure, axes, (0.0, end), "fat fraction, %", part)


def _attenuation_picture(part: BaselinePart, attenuation: float) -> bytes:
    low, high = min(15.0, attenuation - 8.0), max(90.0, attenuation + 8.0)
    x = np.linspace(low, high, 800)
    density = np.exp(-0.5 * ((x - MEAN_LIVER_HU) / SD_LIVER_HU) ** 2)
    figure, axes = _stage()
    _draw_curve(axes, x, density, beyond=None)
    _draw_patient(axes, attenuation, f"this patient {fixed(attenuation)} HU", (low, high))
    if part.healthy_upper_limit is not None:
        limit = f"healthy upper limit {compact(part.healthy_upper_limit)} % fat: see the grade scale"
        figure_words(figure, _WIDTH_IN - _SIDE_IN, 0.1, limit, fontsize=8.5, color=MUTED, ha="right")
    label = "unenhanced liver attenuation, HU (a low value stands for much fat)"
    return _finish(figure, axes, (low, high), label, part)


def _score_picture(part: BaselinePart, score: float) -> bytes:
    low, high = min(-4.0, score - 1.0), max(4.0, score + 1.0)
    figure, axes = _stage()
    for reach, shade in ((2.0, "#e3edf5"), (1.0, _CURVE)):
        axes.axvspan(-reach, reach, ymin=0.0, ymax=0.3, color=shade, linewidth=0)
    words(axes, 0.0, 0.36, "usual range of the reference group (±1, ±2)", ha="center", fontsize=8, color=MUTED)
    kind = "robust z" if part.percentile is None else "z"
    _draw_patient(axes, score, f"this patient: {kind} = {signed(score)}", (low, high), height=0.62)
    return _finish(figure, axes, (low, high), f"{kind} (0 is the middle of the reference group)", part)


def _stage() -> tuple[Any, Any]:
    figure = new_figure(_WIDTH_IN, 2.1)
    return figure, scale_axis(axes_inches(figure, _SIDE_IN, 0.72, _WIDTH_IN - 2 * _SIDE_IN, 1.3))


def _draw_curve(
    axes: Any, x: NDArray[np.float64], density: NDArray[np.float64], beyond: NDArray[np.bool_] | None
) -> None:
    height = 0.72 * density / density.max()
    axes.fill_between(x, height, color=_CURVE, linewidth=0)
    if beyond is not None:
        axes.fill_between(x, height, where=beyond, color=_BEYOND, linewidth=0)
    axes.plot(x, height, color=ACCENT, linewidth=1.2)


def _draw_limit(axes: Any, limit: float, label: str, end: float, *, away_from: float) -> None:
    axes.plot([limit, limit], [0.0, 0.74], color=MUTED, linewidth=1.2, linestyle="dashed")
    left = limit <= away_from < limit + _LABEL_SHARE * end
    place, side = (limit - 0.01 * end, "right") if left else (limit + 0.01 * end, "left")
    words(axes, place, 0.78 if left else 0.62, label, fontsize=8, color=MUTED, ha=side)


def _draw_patient(axes: Any, x: float, label: str, span: tuple[float, float], height: float = 0.82) -> None:
    axes.plot([x, x], [0.0, height], color=INK, linewidth=1.8)
    axes.plot([x], [height], marker="v", markersize=7, color=INK)
    place = (x - span[0]) / (span[1] - span[0])
    side = "left" if place < 0.2 else "right" if place > 0.8 else "center"
    words(axes, x, height + 0.09, label, ha=side, fontweight="bold")


def _finish(figure: Any, axes: Any, span: tuple[float, float], label: str, part: BaselinePart) -> bytes:
    axes.set_xlim(*span)
    axes.set_ylim(0.0, 1.08)
    words(axes, (span[0] + span[1]) / 2, -0.3, label, ha="center", va="top", fontsize=8, color=MUTED)
    if part.percentile is not None:
        text = f"Percentile {fixed(part.percentile, 0)} (more fat counts higher)"
        figure_words(figure, _SIDE_IN, 0.1, text, fontsize=8.5)
    return png_bytes(figure)
