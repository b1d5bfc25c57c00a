"""Ultrasound views ready to be read: the scan sector, frames that stand for the clip, tissue without marks."""

from __future__ import annotations

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import USView
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_frames import select_frames
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.pipeline.ports import PreparedView


def prepare_view(view: USView) -> tuple[PreparedView | None, tuple[QualityCode, ...]]:
    """A view ready to be read, with remarks; None where it shows no scan sector or only coloured frames."""
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


def _left_out(coloured: int) -> str:
    many = coloured != 1
    return f"{coloured} {'frames' if many else 'frame'} with colour {'were' if many else 'was'} left out."
