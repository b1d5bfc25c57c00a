"""The gate before every ultrasound view: plain facts first, then the distance from pictures of livers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError, warning
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import GateVerdict, PreparedView
from steatoscope.pipeline.remedies import GAIN_REMEDY, NEAR_SIMULATION, US_MESSAGE, US_REMEDY, WHOLE_REMEDY

if TYPE_CHECKING:
    from steatoscope.learning.inference.us_gate import USGate

MOST_FRAMES: Final = 3
LEAST_CONFIDENCE: Final = 0.4
BLACK: Final = 4
WHITE: Final = 251
MOST_CLIPPED: Final = 0.9
LEAST_SPREAD: Final = 4.0


@dataclass(frozen=True, eq=False)
class NetworkGate:
    """The gate's port with the learned distance behind it."""

    model: ModelFolder

    def __call__(self, view: PreparedView) -> GateVerdict:
        """The verdict on a view: the median score of up to three of its frames."""
        plain = plain_gate(view)
        if plain.refusal is not None:
            return plain
        gate = opened(self.model)
        places = np.unique(np.linspace(0, len(view.frames) - 1, min(len(view.frames), MOST_FRAMES)).round().astype(int))
        found = [gate.score(view.frames[place], view.sector, view.tissue) for place in places]
        score = float(np.median([one.score for one in found]))
        verdict = GateVerdict(score=score, model=self.model.part())
        if score > 1.0:
            return replace(verdict, refusal=_foreign(score))
        simulated = np.mean([one.simulated for one in found]) > 0.5
        return replace(verdict, notes=(warning("W_SIMULATED", NEAR_SIMULATION),)) if simulated else verdict


@lru_cache(maxsize=2)
def opened(model: ModelFolder) -> USGate:
    """The gate of a folder, read once."""
    from steatoscope.learning.inference.us_gate import read_us_gate

    return read_us_gate(model)


def plain_gate(view: PreparedView) -> GateVerdict:
    """What needs no model: a credible scan sector, and grey levels that hold a picture."""
    return GateVerdict(refusal=_sector(view) or _levels(view))


def _sector(view: PreparedView) -> SteatoscopeError | None:
    found = view.sector.confidence
    if found >= LEAST_CONFIDENCE:
        return None
    cause = f"Only {found:.1%} of the outline fits a scan sector (at least {LEAST_CONFIDENCE:.0%})."
    return SteatoscopeError("E_OOD", cause=cause, remedy=WHOLE_REMEDY)


def _levels(view: PreparedView) -> SteatoscopeError | None:
    values = view.frames[len(view.frames) // 2][view.tissue]
    if not values.size:
        return SteatoscopeError("E_OOD", cause="The scan sector holds no tissue.", remedy=WHOLE_REMEDY)
    for share, word in ((float((values <= BLACK).mean()), "black"), (float((values >= WHITE).mean()), "white")):
        if share > MOST_CLIPPED:
            cause = f"{share:.1%} of the scan sector is {word} (at most {MOST_CLIPPED:.0%})."
            return SteatoscopeError("E_OOD", cause=cause, remedy=GAIN_REMEDY)
    spread = float(values.std())
    if spread >= LEAST_SPREAD:
        return None
    cause = f"The grey levels of the scan sector vary by {spread:.1f} of 255 (at least {LEAST_SPREAD:.0f})."
    return SteatoscopeError("E_OOD", cause=cause, remedy=GAIN_REMEDY)


def _foreign(score: float) -> SteatoscopeError:
    return SteatoscopeError(
        "E_OOD",
        message=US_MESSAGE,
        cause=f"Its distance from pictures of livers is {score:.2f} times the largest that is let pass.",
        remedy=US_REMEDY,
    )
