"""Maps on their pictures, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.trust_explanation_scores import Tested

MOST: Final = 6
_ADDS, _TAKES, _ORGANS = (0, 120, 255), (255, 120, 40), (90, 220, 90)


def write_pictures(found: Sequence[Tested], out: Path) -> None:
    """Write ``maps.png``: up to six cases evenly chosen by value, in rows of three.

    What adds fat is orange, what takes away is blue, organs are outlined in green; strength by each map's own range.
    """
    ranked = sorted(found, key=lambda one: one.reading.value_percent)
    if not ranked:
        return
    chosen = [ranked[k] for k in np.unique(np.linspace(0, len(ranked) - 1, min(MOST, len(ranked))).round().astype(int))]
    pictures = [cv2.resize(_picture(one), (636, 434)) for one in chosen]
    while len(pictures) % 3:
        pictures.append(np.zeros_like(pictures[0]))
    rows = [np.hstack(pictures[k : k + 3]) for k in range(0, len(pictures), 3)]
    cv2.imwrite(str(out / "maps.png"), np.vstack(rows))


def _picture(one: Tested) -> NDArray[np.uint8]:
    grey = np.where(one.case.sector.mask, one.case.frame, 0)
    strength = np.abs(one.shown) / max(float(np.percentile(np.abs(one.shown), 99.5)), 1e-9)
    alpha = 0.75 * np.clip(strength, 0.0, 1.0)[..., None]
    colour = np.where(one.shown[..., None] > 0.0, np.array(_ADDS), np.array(_TAKES))
    mixed = ((1.0 - alpha) * grey[..., None] + alpha * colour).astype(np.uint8)
    outlines, _ = cv2.findContours(one.case.organs.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = cv2.drawContours(np.ascontiguousarray(mixed), outlines, -1, _ORGANS, 1)
    kind = "simulated " if one.case.simulated else ""
    words = f"{kind}{one.reading.value_percent:.1f} %, effect {one.reading.effect:+.1f} points"
    cv2.putText(drawn, words, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(drawn, dtype=np.uint8)
