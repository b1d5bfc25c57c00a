"""What a benchmark shows beside its figures: curves, tables of confusion, agreement, and its worst pictures.

A runner puts an :class:`Evidence` under the key ``"evidence"`` of its document; the report takes it out and draws it.
Nothing here draws or computes, so that runners need no plotting library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Roc:
    """Scores (n,) and boolean labels (n,) of one row of the results; equal titles share one picture."""

    title: str
    row: str
    positive: NDArray[np.bool_]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of shape (classes, classes), truth in rows, with the names of the classes."""

    title: str
    labels: tuple[str, ...]
    counts: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predicted probabilities (n,), 0-1, and whether the event happened (n,); equal titles share one picture.

    Bins are of equal ``width`` over 0-1, or of equal ``mass``, which is better for few patients.
    """

    title: str
    row: str
    probability: NDArray[np.float64]
    happened: NDArray[np.bool_]
    bins: int = 10
    binning: Literal["width", "mass"] = "width"


@dataclass(frozen=True, eq=False)
class Agreement:
    """Measured and reference values (n,) in one ``unit``, for a Bland-Altman picture."""

    title: str
    unit: str
    measured: NDArray[np.float64]
    reference: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CasePicture:
    """One case as an 8-bit grey image (rows, columns) with named outlines and boxes (x0, y0, x1, y1) in pixels.

    Names that begin with ``reference`` are drawn in the colour of truth, all others in the colour of the finding.
    """

    caption: str
    image: NDArray[np.uint8]
    outlines: Mapping[str, Mask] = field(default_factory=dict)
    boxes: Mapping[str, Sequence[Box]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is drawn; ``worst`` comes worst first and only the first five are shown. ``notes`` are sentences."""

    rocs: tuple[Roc, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    reliabilities: tuple[Reliability, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    worst: tuple[CasePicture, ...] = ()
    notes: tuple[str, ...] = ()
