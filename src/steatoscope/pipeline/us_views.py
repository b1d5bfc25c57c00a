"""Ultrasound views ready to be read: the scan sector, frames that stand for the clip, tissue without marks."""

from __future__ import annotations

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import Clip, USView
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_frames import COLOUR_LIMIT, select_frames
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.pipeline.ports import PreparedView
from steatoscope.pipeline.remedies import COLOUR_REMEDY, WHOLE_REMEDY


def prepare_view(view: USView) -> tuple[PreparedView | None, tuple[QualityCode, ...]]:
    """A view ready to be read, with remarks; None where :func:`unreadable` says why not."""
    notes = () if view.clip.pixel_mm is not None else (warning("W_SPACING"),)
    sector = find_sector(view.clip)
    if sector is None:
        return None, notes
    choice = select_frames(view.clip, sector)
    frames = choice.frames(view.clip)
    if choice.coloured.size:
        notes = (*notes, warning("W_OOD", _left_out(choice.coloured.size)))
    if not frames.shape[0]:
        return None, notes
    chosen = tuple(int(k) for k in choice.indices)
    tissue = tissue_mask(frames, sector)
    return PreparedView(view.name, frames, sector, tissue, view.clip.pixel_mm, chosen), notes


def unreadable(clip: Clip) -> SteatoscopeError:
    """Why a clip gave no view: colour in every frame, grey levels that are all alike, or no scan sector."""
    share = float(np.min(clip.coloured)) if clip.coloured is not None and clip.coloured.size else 0.0
    if share > COLOUR_LIMIT:
        cause = (
            f"Every frame carries colour ({share:.1%} of the pixels or more; at most {COLOUR_LIMIT:.1%} is let pass)."
        )
        return SteatoscopeError("E_OOD", cause=cause, remedy=COLOUR_REMEDY)
    spread = float(clip.frames.std())
    cause = f"No B-mode scan sector was found (grey levels vary by {spread:.0f} of 255)."
    return SteatoscopeError("E_OOD", cause=cause, remedy=WHOLE_REMEDY)


def _left_out(coloured: int) -> str:
    many = coloured != 1
    return f"{coloured} {'frames' if many else 'frame'} with colour {'were' if many else 'was'} left out."
