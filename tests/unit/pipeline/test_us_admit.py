"""Which ultrasound views are let in, and what is said of those that are not."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError, warning
from steatoscope.core.image import Clip, USView
from steatoscope.core.report import ModelPart
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_words import burned_marks
from steatoscope.pipeline.ports import GateVerdict
from steatoscope.pipeline.remedies import COLOUR_REMEDY, WHOLE_REMEDY
from steatoscope.pipeline.us_admit import admitted
from steatoscope.pipeline.us_marks import marks_warning
from steatoscope.pipeline.us_views import prepare_view

PART = ModelPart(name="made-up gate", version="1", sha256="0" * 64, card="x")
FOREIGN = SteatoscopeError("E_OOD", cause="It scored 3.0.", remedy="Send another.")


@pytest.fixture(scope="module")
def clip() -> Clip:
    return simulate_us(10.0, seed=1).clip


def gate_of(*verdicts: GateVerdict):
    answers = iter(verdicts)
    return lambda view: next(answers)


def test_without_a_gate_every_view_is_let_in(clip):
    found = admitted([USView("AR", clip), USView("HR", clip)], None)
    assert [(view.name, view.number) for view in found.views] == [("AR", 0), ("HR", 1)]
    assert (found.refusal, found.scores, found.models) == (None, {}, ())


def test_one_foreign_view_is_left_out_and_told_with_its_reason(clip):
    gate = gate_of(GateVerdict(3.0, FOREIGN, model=PART), GateVerdict(0.5, model=PART))
    found = admitted([USView("AR", clip), USView("HR", clip)], gate)
    assert [(view.name, view.number) for view in found.views] == [("HR", 0)]
    assert found.refusal is None
    assert [note.message for note in found.notes if "left out" in note.message] == [
        "The image differs from those the method was tuned on. View AR was left out: It scored 3.0."
    ]
    assert found.scores == {"AR": 3.0, "HR": 0.5}
    assert found.models == (PART,)


def test_all_foreign_is_a_refusal_that_still_shows_the_views(clip):
    found = admitted([USView(None, clip)], gate_of(GateVerdict(3.0, FOREIGN)))
    assert found.refusal is FOREIGN
    assert len(found.views) == 1
    assert not any("left out" in note.message for note in found.notes)


def test_colour_in_every_frame_has_its_own_reason_and_remedy(clip):
    coloured = Clip(clip.frames, clip.pixel_mm, coloured=np.full(len(clip.frames), 0.12))
    found = admitted([USView(None, coloured)], None)
    assert found.refusal is not None
    assert "12.0% of the pixels" in found.refusal.cause
    assert found.refusal.remedy == COLOUR_REMEDY


def test_a_picture_without_a_sector_says_how_even_it_is():
    found = admitted([USView(None, Clip(np.zeros((1, 200, 300), np.uint8)))], None)
    assert found.refusal is not None
    assert "vary by 0 of 255" in found.refusal.cause
    assert found.refusal.remedy == WHOLE_REMEDY
    assert found.views == ()


def test_a_file_that_says_simulated_is_not_told_so_again(clip):
    verdict = GateVerdict(0.5, notes=(warning("W_SIMULATED", "It looks so."),))
    told = admitted([USView(None, clip)], lambda view: verdict)
    known = admitted([USView(None, clip)], lambda view: verdict, (warning("W_SIMULATED"),))
    assert [note.code for note in told.notes].count("W_SIMULATED") == 1
    assert [note.code for note in known.notes].count("W_SIMULATED") == 0


def marked(clip, place, words="LIVER RT"):
    frames = [cv2.putText(frame.copy(), words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1) for frame in clip.frames]
    return Clip(np.stack(frames), clip.pixel_mm)


def test_words_over_the_tissue_are_told_with_their_place_and_what_to_do(clip):
    assert "W_MARKS" not in [note.code for note in admitted([USView(None, clip)], None).notes]
    found = admitted([USView(None, marked(clip, (280, 200)))], None)
    (note,) = [note for note in found.notes if note.code == "W_MARKS"]
    assert note.message.startswith(warning("W_MARKS").message)
    assert "Save the images without annotations." in note.message
    left, right, top, bottom = map(int, re.search(r"x (\d+)-(\d+), y (\d+)-(\d+)", note.message).groups())
    assert 276 <= left < right <= 375
    assert 184 <= top < bottom <= 202


def test_marks_that_the_tissue_mask_leaves_out_are_said_to_be(clip):
    prepared, _notes = prepare_view(USView(None, marked(clip, (280, 200))))
    assert "may be wrong" in marks_warning(prepared)[0].message
    ink = burned_marks(prepared.frames, prepared.sector).ink
    (note,) = marks_warning(replace(prepared, tissue=prepared.tissue & ~ink))
    assert "They were left out of what is measured." in note.message


def test_marks_on_a_refused_picture_are_not_told(clip):
    found = admitted([USView(None, marked(clip, (280, 200)))], gate_of(GateVerdict(3.0, FOREIGN)))
    assert "W_MARKS" not in [note.code for note in found.notes]
